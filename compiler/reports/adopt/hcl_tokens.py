"""Split HCL into tokens, without evaluating it.

Text that is not HCL gives other tokens, never an error: bake has already accepted the file.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple


_EXPRESSION = re.compile(
    r"""(?P<space>[ \t\r]+|\#[^\n]*|//[^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<heredoc><<-?(?P<word>[A-Za-z_][\w-]*)[^\n]*\n)
    |(?P<name>[A-Za-z_][\w-]*)
    |(?P<number>\d[\w.]*)
    |(?P<quote>")
    |(?P<operator>=>|==|!=|<=|>=|&&|\|\||\.\.\.|.|\n)""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_STRING = re.compile(
    r'(?P<text>(?:\\.|\$\$\{|%%\{|[^"\\$%]|[$%](?!\{))+)|(?P<open>[$%]\{~?)|(?P<end>")', re.DOTALL
)
_HEREDOC = re.compile(r"(?P<text>(?:\$\$\{|%%\{|[^$%]|[$%](?!\{))+)|(?P<open>[$%]\{~?)", re.DOTALL)


class Token(NamedTuple):
    """A part of an expression; `text` tokens are the literal parts of strings."""

    kind: str
    """`name`, `number`, `operator`, `quote`, `text`, `open` or `close` of an interpolation."""
    text: str
    start: int
    end: int


def tokenize(text: str, *, template: bool = False) -> Iterator[Token]:
    """Yield the tokens of HCL, without white space and comments.

    Args:
        text: the source.
        template: whether it is the inside of a string instead of an expression.
    """
    stack = [_Mode(_HEREDOC if template else _EXPRESSION, len(text))]
    position = 0
    while position < len(text):
        mode = stack[-1]
        if position >= mode.stop:
            stack.pop()  # the end of a heredoc
            continue
        match = mode.pattern.match(text, position, mode.stop)
        if match is None:
            position += 1
            continue
        start, position = match.span()
        kind = _enter_or_leave(stack, match, text)
        if kind not in {"space", "heredoc"}:
            yield Token(kind, match[0], start, position)


@dataclass(slots=True)
class _Mode:
    """What is read at a place: an expression, a string or a heredoc."""

    pattern: re.Pattern[str]
    stop: int
    """The offset at which it ends at the latest."""
    depth: int = 0
    """The number of open braces in an expression."""


def _heredoc_end(text: str, start: int, word: str) -> int:
    end = re.compile(rf"^[ \t]*{word}\b", re.MULTILINE).search(text, start)
    return end.start() if end else len(text)


def _enter_or_leave(stack: list[_Mode], match: re.Match[str], text: str) -> str:
    """Enter or leave a mode at a token, and return the kind of the token."""
    mode, kind = stack[-1], match.lastgroup or ""
    if kind == "quote":
        stack.append(_Mode(_STRING, len(text)))
    elif kind == "end":
        stack.pop()
        return "quote"
    elif kind == "open":
        stack.append(_Mode(_EXPRESSION, len(text)))
    elif kind == "heredoc":
        stack.append(_Mode(_HEREDOC, _heredoc_end(text, match.end(), match["word"])))
    elif mode.pattern is _EXPRESSION and match[0] in {"{", "}"}:
        mode.depth += 1 if match[0] == "{" else -1
        if mode.depth < 0 and len(stack) > 1:
            stack.pop()
            return "close"
    return kind
