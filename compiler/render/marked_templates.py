"""Mark where a template line starts without a line end before it, to find that when rendered.

A numbered mark precedes the first thing that is printed on a line after a line end that Jinja
removed. Two other marks enclose each text that is printed elsewhere: an included file, a macro, the
text of a `set` or a `call`, and a block of a child template.

Only printing shows marks. Expressions see a `MarkedText` without its marks, and filters are applied
to both; if the results differ in more than the marks, these are left out.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from jinja2 import nodes
from jinja2.lexer import TokenStream

from compiler.matrix.jinja_sandbox import Sandbox
from compiler.render.dockerfile_words import KEYWORDS
from compiler.render.marked_text import (
    CLOSE,
    OPEN,
    MarkedText,
    keeping_marks,
    shown,
    trim,
    with_marks,
    without_marks,
)


STARTS = re.compile(rf"[ \t]*(#|(?:{'|'.join(KEYWORDS)})(?=[ \t\\]|\Z))", re.IGNORECASE)
"""A line that starts with an instruction, or a comment."""
_Token = tuple[int, str, str]
"""The line, the kind and the text of a token of Jinja."""
_BEGINS = frozenset({"block_begin", "variable_begin"})
_ENDS = frozenset({"block_end", "comment_end", "raw_begin", "raw_end", "variable_end"})
"""Tokens that contain the line end that Jinja removes after a tag."""


_WANTED = re.compile(r"-[%#}]\}")
"""A tag that removes the line end after it."""


class Start(NamedTuple):
    """The start of a template line, and the line whose end may be lost."""

    text: str
    """The instruction or comment at the start, up to the next tag; empty for another line."""
    file: str
    losing: int
    """The nearest line above whose end Jinja removes; otherwise the line itself."""
    is_removed: bool
    """Whether Jinja removes the line end directly before it."""
    is_printed: bool = False
    """Whether an expression begins the line, and may follow text whose line end is removed."""
    is_joined: bool = False
    """Whether the line follows text, and no `-` of the author removes the line end between."""


class _Lines:
    """Follows the tokens of a template from line to line."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._is_start = True
        """Whether only tags precede on the line."""
        self._is_removed = False
        self._losing = 0
        self._is_certain = False
        """Whether no tag follows the line whose end is lost."""
        self._is_wanted = False
        """Whether the author removes it, with `-`."""
        self._line = 1

    def take(self, token: _Token) -> list[tuple[int, Start]]:
        """Go on to a token, and return the starts of lines in it, each with its offset.

        These are instructions, and what follows a removed line end.
        """
        line, kind, text = token
        if line > self._line:  # `{%-` removed what is between
            self._lose(self._line, is_wanted=True)
        self._line = line + text.count("\n")
        if kind == "data":
            return [*self._starts(line, text)]
        starts: list[tuple[int, Start]] = []
        if kind in _BEGINS and self._is_start and self._is_removed:
            is_printed = kind == "variable_begin" and self._losing > 0
            starts.append((0, self._start(line, "")._replace(is_printed=is_printed)))
        if kind in _ENDS and "\n" in text:
            self._lose(line, is_wanted=_WANTED.search(text) is not None)
        elif kind in {"variable_begin", "variable_end"}:
            self._is_start = False
        if kind == "block_begin":
            self._is_certain = False
        return starts

    def _lose(self, line: int, *, is_wanted: bool) -> None:
        if not self._is_start:
            self._losing, self._is_certain, self._is_wanted = line, True, True
        self._is_wanted &= is_wanted
        self._is_start = self._is_removed = True

    def _start(self, line: int, text: str) -> Start:
        is_joined = self._is_removed and self._losing > 0 and not self._is_wanted
        return Start(text, self._file, self._losing or line, self._is_removed, is_joined=is_joined)

    def _starts(self, first: int, text: str) -> Iterator[tuple[int, Start]]:
        offset = 0
        for number, line in enumerate(text.split("\n"), first):
            if number > first:
                self._is_start, self._is_removed = True, False
                if self._is_certain:
                    self._losing = 0
            words = line.lstrip(" \t")
            if words and self._is_start:
                match = STARTS.match(words)
                # Comments are only examined where Jinja removes the line end of a text above.
                is_known = match and (match[1] != "#" or (self._is_removed and self._losing))
                instruction = words.rstrip() if is_known else ""
                if instruction or self._is_removed:
                    yield offset + len(line) - len(words), self._start(number, instruction)
                self._is_start = False
            offset += len(line) + 1


def starts(env: Sandbox, source: str, file: str) -> Iterator[Start]:
    """Yield the starts of the lines of a template that matter."""
    lines = _Lines(file)
    for token in env.lexer.tokeniter(source, file):
        for _, start in lines.take(token):
            if start.text or start.is_printed or start.is_joined:
                yield start


class MarkedSandbox(Sandbox):
    """The sandbox of templates, which marks the starts of their lines."""

    def __init__(self, **options: Any) -> None:
        self._marked: list[Start] = []
        super().__init__(**options)

    def start(self, mark: str) -> Start:
        """Return the start of a line that a numbered mark precedes."""
        return self._marked[int(mark[1:-1])]

    def keep_marks(self) -> None:
        """Let all filters keep the marks in a text; called when they are complete."""
        for name, function in self.filters.items():
            self.filters[name] = keeping_marks(function, trim if name == "trim" else function)

    def concat(self, pieces: Iterable[str]) -> str:
        """Join what a macro or block prints."""
        return with_marks(super().concat(map(str, pieces)))

    def concatenate(self, *values: Any) -> str:
        """Return the text of `~`."""
        plain = super().concatenate(*map(without_marks, values))
        if not any(isinstance(value, MarkedText) for value in values):
            return plain
        return with_marks(super().concatenate(*map(shown, values)))

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
            for offset, start in lines.take((line, kind, text)):
                if start.is_removed:
                    parts += [text[done:offset], f"\2{len(self._marked)}\3"]
                    self._marked.append(start)
                    done = offset
            if parts and kind != "data":
                yield line, "data", parts[1]
                parts = []
            yield line, kind, "".join([*parts, text[done:]])

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        is_child = tree.find(nodes.Extends) is not None
        kinds = (nodes.Macro, nodes.CallBlock, nodes.AssignBlock)
        for node in (tree, *tree.find_all((*kinds, nodes.Block) if is_child else kinds)):
            body: list[nodes.Node] = node.body  # type: ignore[attr-defined]
            opened, closed = (
                nodes.Output([nodes.TemplateData(mark)], lineno=node.lineno)
                for mark in (OPEN, CLOSE)
            )
            body[:] = [opened, *body, closed]
        return tree
