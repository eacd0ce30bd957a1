"""Find where the words of an instruction are written in a Dockerfile.

The parser joins continuation lines and drops comments, so its words have no positions. This module
finds them again in the text.
"""

import csv
import re
from collections.abc import Iterator, Mapping


UNKNOWN = -1
"""Position of a word that is written in a way that hides where it ends."""

KEYWORDS = (
    *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL"),
    *("MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
)
"""All instructions of a Dockerfile."""

_DIRECTIVE = re.compile(
    r"[^\S\n]*#[^\S\n]*([a-zA-Z][a-zA-Z0-9]*)[^\S\n]*=[^\S\n]*(\S+)[^\n]*(?:\n|\Z)"
)
_KNOWN = frozenset({"syntax", "escape", "check"})


class Words:
    """The words of one Dockerfile, with their positions."""

    def __init__(self, text: str, escape: str) -> None:
        """Take the text and its escape character."""
        self.text = text
        e = re.escape(escape)
        skip = r"(?:[^\S\n]*(?:#[^\n]*)?\n)*"  # comments and empty lines inside an instruction
        self._gap = re.compile(rf"(?:[^\S\n]+|(?:{e}[^\S\n]*)?\n{skip})*")
        self._word = re.compile(
            rf"""(?:"(?:[^"{e}\n]|{e}[^\n])*"|'[^'\n]*'|{e}[^\s]|[^\s"'{e}])+"""
        )
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def spans(self, line: int, last_line: int, keywords: int = 1) -> Iterator[tuple[int, int]]:
        """Yield the span of each word after the keywords of the instruction on these lines."""
        at = self._starts[line - 1]
        end = self._starts[last_line] if last_line < len(self._starts) else len(self.text)
        while True:
            gap = self._gap.match(self.text, at, end)
            word = self._word.match(self.text, gap.end() if gap else at, end)
            if word is None:
                return
            at = word.end()
            if keywords:
                keywords -= 1
            else:
                yield word.span()

    def source_end(self, span: tuple[int, int], name: str) -> int:
        """Return where the name after `from=` ends in a flag, or `UNKNOWN`."""
        flag = self.text[slice(*span)]
        match = re.search(rf"(?i:\bfrom=)[\"']?{re.escape(name)}(?=[\s,\"']|\Z)", flag)
        return span[0] + match.end() if match else UNKNOWN


def mount_options(value: str) -> Mapping[str, str] | None:
    """Return the options of a `--mount`; None if they cannot be read.

    >>> mount_options("type=bind,from=base,source=/a")
    {'type': 'bind', 'from': 'base', 'source': '/a'}
    """
    try:
        fields = next(csv.reader([value], strict=True), [])
    except csv.Error:
        return None
    return {key.strip().lower(): item for key, _, item in (cell.partition("=") for cell in fields)}


def syntax_directive(text: str) -> tuple[tuple[int, int] | None, int]:
    """Return the span and the line of the frontend that `# syntax=` names; no span without one.

    Directives are only recognised on the first lines.
    """
    at, line = 0, 1
    while match := _DIRECTIVE.match(text, at):
        name = match[1].lower()
        if name == "syntax":
            return match.span(2), line
        if name not in _KNOWN:
            break
        at, line = match.end(), line + 1
    return None, 0
