"""Mark the instructions at the start of template lines, to find them again in what is rendered.

A mark is one character before the keyword. Templates can see it, so they render with marks only
where a line end may be lost, and the result must equal that without marks.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from jinja2.lexer import TokenStream

from compiler.matrix.jinja_sandbox import Sandbox
from compiler.render.dockerfile_words import KEYWORDS


KEYWORD = re.compile(rf"[ \t]*({'|'.join(KEYWORDS)})(?=[ \t\\]|\Z)", re.IGNORECASE)
"""A line that starts with an instruction."""
MARKS = re.compile("([\U00100000-\U0010fffd])")
_FIRST_MARK = 0x100000
MOST = 0xFFFD
"""Marks that exist."""

_Token = tuple[int, str, str]
"""The line, the kind and the text of a token of Jinja."""
_ENDS = frozenset({"block_end", "comment_end", "raw_begin", "raw_end", "variable_end"})
"""Tokens that contain the line end that Jinja removes after a tag."""


class Head(NamedTuple):
    """A template line that starts with an instruction, and the line whose end may be lost."""

    text: str
    """The instruction up to the next tag."""
    file: str
    losing: int
    """The nearest line above whose end Jinja removes; otherwise the line of the instruction."""


class _Lines:
    """Follows the tokens of a template from line to line."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._is_start = True
        """Whether only tags precede on the line."""
        self._losing = 0
        self._is_certain = False
        """Whether no tag follows the line whose end is lost."""
        self._line = 1

    def take(self, token: _Token) -> list[tuple[int, Head]]:
        """Go on to a token, and return the instructions in it, each with its offset."""
        line, kind, text = token
        if line > self._line:  # `{%-` removed what is between
            self._lose(self._line)
        self._line = line + text.count("\n")
        if kind == "data":
            return [*self._heads(line, text)]
        if kind in _ENDS and "\n" in text:
            self._lose(line)
        elif kind in {"variable_begin", "variable_end"}:
            self._is_start = False
        if kind == "block_begin":
            self._is_certain = False
        return []

    def _lose(self, line: int) -> None:
        if not self._is_start:
            self._losing, self._is_certain = line, True
        self._is_start = True

    def _heads(self, first: int, text: str) -> Iterator[tuple[int, Head]]:
        offset = 0
        for number, line in enumerate(text.split("\n"), first):
            if number > first:
                self._is_start = True
                if self._is_certain:
                    self._losing = 0
            match = KEYWORD.match(line) if self._is_start else None
            if match:
                instruction = line[match.start(1) :].rstrip()
                yield offset + match.start(1), Head(instruction, self._file, self._losing or number)
            if line.strip(" \t"):
                self._is_start = False
            offset += len(line) + 1


def mark_of(number: int) -> str:
    """Return the mark with a number, from 0 and less than `MOST`."""
    return chr(_FIRST_MARK + number)


def number_of(mark: str) -> int:
    """Return the number of a mark."""
    return ord(mark) - _FIRST_MARK


def heads(env: Sandbox, source: str, file: str) -> Iterator[Head]:
    """Yield the instructions at the start of the lines of a template."""
    lines = _Lines(file)
    for token in env.lexer.tokeniter(source, file):
        for _, head in lines.take(token):
            yield head


class MarkedSandbox(Sandbox):
    """The sandbox of templates, which marks the instructions at the start of their lines."""

    def __init__(self, **options: Any) -> None:
        self._marked: list[Head] = []
        super().__init__(**options)

    def head(self, mark: str) -> Head:
        """Return the instruction that a mark precedes."""
        return self._marked[number_of(mark)]

    def _tokenize(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> TokenStream:
        tokens = self.lexer.tokeniter(source, name, filename, state)
        marked = self._mark(tokens, name or "")
        return TokenStream(self.lexer.wrap(marked, name, filename), name, filename)

    def _mark(self, tokens: Iterator[_Token], file: str) -> Iterator[_Token]:
        lines = _Lines(file)
        for line, kind, text in tokens:
            done, parts = 0, []
            for offset, head in lines.take((line, kind, text)):
                if len(self._marked) < MOST:
                    parts += [text[done:offset], mark_of(len(self._marked))]
                    self._marked.append(head)
                    done = offset
            yield line, kind, "".join([*parts, text[done:]])
