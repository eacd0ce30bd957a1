"""A Dockerfile as far as it names images: each name as written, and where it ends.

Takes text; returns `ParsedDockerfile`. Promises that a place is either that of the very word or not
known. Refuses what BuildKit's parser refuses, unless another frontend reads that text.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from e2b_dockerfile_utils import (
    DockerfileInstruction,
    DockerfileSyntaxError,
    parse_dockerfile_ast,
)


UNKNOWN = -1
"""Stands for a place in a text where the word is written in a way that hides it."""


class Word(NamedTuple):
    """An image as one instruction names it."""

    text: str
    """As written, variables and all; without quotes where it is part of a flag."""
    end: int
    """Where it ends in the Dockerfile, inside its quotes; UNKNOWN if that cannot be told."""
    line: int
    """From 1."""
    inherited: bool = False
    """Whether it is part of an `ONBUILD`: for the children."""


class Argument(NamedTuple):
    """An `ARG` before the first `FROM`."""

    name: str
    default: str | None
    end: int


class Stage(NamedTuple):
    """A `FROM` and what its instructions take from elsewhere."""

    name: str
    """What follows `AS`, in lower case, or nothing."""
    base: Word
    platform: str
    """As `--platform` says it, or nothing."""
    sources: tuple[Word, ...]


class ParsedDockerfile(NamedTuple):
    """What a Dockerfile says of images."""

    escape: str
    syntax: Word | None
    arguments: tuple[Argument, ...]
    stages: tuple[Stage, ...]


class DockerfileError(ValueError):
    """The text is no Dockerfile: what is wrong, and in which line (0 where that is not known)."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


_DIRECTIVE = re.compile(r"[^\S\n]*#\s*([a-zA-Z][a-zA-Z0-9]*)[^\S\n]*=[^\S\n]*(\S+)[^\n]*(?:\n|\Z)")
_KNOWN = frozenset({"syntax", "escape", "check"})
_OWN = re.compile(r"(?:docker\.io/)?docker/dockerfile(?:-upstream)?(?:[:@]|\Z)")
"""Frontends that read what BuildKit's own does."""


def read(text: str) -> ParsedDockerfile:
    """Return what a Dockerfile says.

    Raises:
        DockerfileError: it is none.
    """
    syntax = _syntax(text)
    try:
        tree = parse_dockerfile_ast(text)
        escape = tree.escape_token
        return _Reader(text, escape).read(tree.instructions, syntax)
    except (ValueError, RecursionError) as error:
        if syntax is not None and not _OWN.match(syntax.text):
            return ParsedDockerfile(
                "\\", syntax, (), ()
            )  # another language: its own frontend reads it
        line = error.line if isinstance(error, DockerfileSyntaxError) else None
        message = str(error).removeprefix("Dockerfile parse error").lstrip(": ")
        message = re.sub(r"^on line \d+: ", "", message) or "it is nested too deeply"
        raise DockerfileError(message, line or 0) from None


def _syntax(text: str) -> Word | None:
    """Return the frontend that the first lines ask for."""
    at, line = 0, 1
    while match := _DIRECTIVE.match(text, at):
        name = match[1].lower()
        if name not in _KNOWN:
            return None
        if name == "syntax":
            return Word(match[2], match.end(2), line)
        at, line = match.end(), line + 1
    return None


class _Reader:
    """Walks through the instructions of one text."""

    def __init__(self, text: str, escape: str) -> None:
        self.text, self.escape = text, escape
        e = re.escape(escape)
        skip = r"(?:[^\S\n]*(?:#[^\n]*)?\n)*"  # comments and empty lines amid an instruction
        self.gap = re.compile(rf"(?:[^\S\n]+|(?:{e}[^\S\n]*)?\n{skip})*")
        self.word = re.compile(rf"""(?:"(?:[^"{e}\n]|{e}[^\n])*"|'[^'\n]*'|{e}[^\s]|[^\s"'{e}])+""")
        self.starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def read(
        self, instructions: Sequence[DockerfileInstruction], syntax: Word | None
    ) -> ParsedDockerfile:
        arguments: list[Argument] = []
        stages: list[Stage] = []
        sources: list[Word] = []
        for one in instructions:
            if one.name == "FROM":
                if stages:
                    stages[-1] = stages[-1]._replace(sources=tuple(sources))
                sources = []
                stages.append(self._stage(one))
            elif one.name == "ARG" and not stages:
                arguments += self._arguments(one)
            elif one.name in {"COPY", "RUN", "ADD"}:
                sources += self._sources(one)
            elif one.name == "ONBUILD":
                sources += self._inherited(one)
        if stages:
            stages[-1] = stages[-1]._replace(sources=tuple(sources))
        return ParsedDockerfile(self.escape, syntax, tuple(arguments), tuple(stages))

    def _words(self, one: DockerfileInstruction, keywords: int = 1) -> Iterator[tuple[int, int]]:
        """Give the span of each word behind an instruction's keyword."""
        at = self.starts[one.start_line - 1]
        last = self.starts[one.end_line] if one.end_line < len(self.starts) else len(self.text)
        while True:
            gap = self.gap.match(self.text, at, last)
            found = self.word.match(self.text, gap.end() if gap else at, last)
            if found is None:
                return
            at = found.end()
            if keywords:
                keywords -= 1
            else:
                yield found.span()

    def _stage(self, one: DockerfileInstruction) -> Stage:
        end = UNKNOWN
        raw = one.args[0] if one.args else ""
        for start, stop in self._words(one):
            if not self.text.startswith("--", start):
                end = stop if self.text[start:stop] == raw else UNKNOWN
                break
        named = len(one.args) == 3 and one.args[1].lower() == "as"  # noqa: PLR2004
        platform = [flag for flag in one.flags if flag.startswith("--platform=")]
        return Stage(
            name=one.args[2].lower() if named else "",
            base=Word(raw, end, one.start_line),
            platform=platform[-1].partition("=")[2] if platform else "",
            sources=(),
        )

    def _arguments(self, one: DockerfileInstruction) -> Iterator[Argument]:
        spans = [*self._words(one)]
        same = [self.text[start:stop] for start, stop in spans] == one.args
        for n, raw in enumerate(one.args):
            name, given, default = raw.partition("=")
            end = UNKNOWN
            if same and given:
                quoted = len(default) > 1 and default[0] == default[-1] and default[0] in "\"'"
                plain = not quoted or default.count(default[0]) == 2  # noqa: PLR2004
                end = spans[n][1] - (quoted and plain)
            yield Argument(name, default if given else None, end)

    def _sources(
        self, one: DockerfileInstruction, keywords: int = 1, *, inherited: bool = False
    ) -> Iterator[Word]:
        """Give the images of `--from` and of mounts."""
        option = "--mount=" if one.name == "RUN" else "--from="
        if not any(flag.startswith(option) for flag in one.flags):
            return
        spans = [*self._words(one, keywords)][: len(one.flags)]
        for n, flag in enumerate(one.flags):
            if not flag.startswith(option):
                continue
            value = flag.removeprefix(option)
            if option == "--mount=":
                value = _mounted(value)
            if value:
                end = self._ends(spans[n], value) if n < len(spans) else UNKNOWN
                yield Word(value, end, one.start_line, inherited)

    def _inherited(self, one: DockerfileInstruction) -> Iterator[Word]:
        rest = one.original.split(None, 1)
        if len(rest) == 2 and rest[1].split(None, 1)[0].upper() in {"COPY", "RUN", "ADD"}:  # noqa: PLR2004
            for inner in parse_dockerfile_ast(rest[1]).instructions[:1]:
                inner.start_line, inner.end_line = one.start_line, one.end_line
                yield from self._sources(inner, 2, inherited=True)

    def _ends(self, span: tuple[int, int], value: str) -> int:
        """Return where the value behind `from=` ends within a flag."""
        raw = self.text[slice(*span)]
        found = re.search(rf"(?i:\bfrom=)[\"']?{re.escape(value)}(?=[\s,\"']|\Z)", raw)
        return span[0] + found.end() if found else UNKNOWN


def _mounted(value: str) -> str:
    """Return where a mount comes from, or nothing."""
    try:
        fields = next(csv.reader([value], strict=True), [])
    except csv.Error:
        return ""
    for field in fields:
        key, _, given = field.partition("=")
        if key.lower() == "from":
            return given
    return ""
