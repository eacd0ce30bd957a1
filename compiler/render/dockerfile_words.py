"""Find where the words of an instruction are written in a Dockerfile.

The parser joins continuation lines and drops comments, so its words have no positions. This module
finds them again in the text.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from compiler.external.go_values import GO_BOOLEANS


UNKNOWN = -1
"""Position of a word that is written in a way that hides where it ends."""

KEYWORDS = (
    *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL"),
    *("MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
)
"""All instructions of a Dockerfile."""

_WHITE_SPACE = re.compile(r"[\t\v\f\r ]+")
_ALIASES = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly"}
_ALIASES["rw"] = "readwrite"
_SWITCHES = frozenset({"readonly", "readwrite", "required"})
"""Options of a mount that are true without a value."""


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

    def base_end(self, line: int, last_line: int, name: str) -> int:
        """Return where the image name of the `FROM` on these lines ends, or `UNKNOWN`."""
        for start, end in self.spans(line, last_line):
            if not self.text.startswith("--", start):
                return end if self.text[start:end] == name else UNKNOWN
        return UNKNOWN

    @staticmethod
    def split_plainly(instruction: str, words: Sequence[str]) -> tuple[str, ...]:
        """Return the arguments of an instruction, split at each white space.

        Args:
            instruction: the instruction.
            words: its arguments, split at white space outside quotes.

        >>> Words.split_plainly("COPY --link 'a b' /", ["'a b'", "/"])
        ("'a", "b'", '/')
        """
        before = instruction.rstrip()
        for word in reversed(words):
            before = before.rstrip().removesuffix(word)
        rest = instruction[len(before) :].strip()
        return tuple(_WHITE_SPACE.split(rest)) if words else ()

    def source_end(self, span: tuple[int, int], name: str) -> int:
        """Return where the name after `from=` ends in a flag, or `UNKNOWN`."""
        flag = self.text[slice(*span)]
        match = re.search(rf"(?i:\bfrom=)[\"']?{re.escape(name)}(?=[\s,\"']|\Z)", flag)
        return span[0] + match.end() if match else UNKNOWN


_FIELD = re.compile(r'(?:"(?P<quoted>(?:[^"]|"")*)"|(?P<plain>[^",]*))(?:,|\Z)')
"""An option of a mount, as Go reads a field of CSV."""


def mount_fields(value: str) -> list[str] | None:
    """Return the options of a `--mount` as they are written; None if they cannot be read.

    >>> mount_fields('target=/a,"source=b,c"'), mount_fields('target="/a"'), mount_fields("")
    (['target=/a', 'source=b,c'], None, None)
    """
    fields, at = [], 0
    while value:
        match = _FIELD.match(value, at)
        if match is None:
            return None
        quoted = match["quoted"]
        fields.append(match["plain"] if quoted is None else quoted.replace('""', '"'))
        at = match.end()
        if not match[0].endswith(","):
            return fields
    return None


def mount_options(value: str) -> Mapping[str, str] | None:
    """Return the options of a `--mount`; None if they cannot be read.

    Each option has one spelling: `source`, `target`, and `readonly` as `true` or `false`. The last
    of several values counts, as in BuildKit.

    >>> mount_options("from=base,src=/a,rw")
    {'from': 'base', 'source': '/a', 'readonly': 'false'}
    """
    cells = mount_fields(value)
    if cells is None:
        return None
    options: dict[str, str] = {}
    for cell in cells:
        key, equals, text = cell.partition("=")
        key = key.strip().lower()
        name = _ALIASES.get(key, key)
        switch = GO_BOOLEANS.get(text if equals else "true") if name in _SWITCHES else None
        if switch is not None:
            switch, name = (not switch, "readonly") if name == "readwrite" else (switch, name)
            text = str(switch).lower()
        elif name in {"type", "sharing"}:
            text = text.lower()
        options[name] = text
    return options
