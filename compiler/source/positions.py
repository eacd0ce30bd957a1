"""Positions in the text of a file, and the decoding of the file."""

import re
from bisect import bisect_right
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from compiler.codes import Code
from compiler.errors import CompileError, Diagnostic, Location


MOST_FINDINGS = 50
"""The most diagnostics of one file; a hostile file could cause a million."""

_FORBIDDEN = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff"
# Unicode's own line ends are forbidden too: YAML 1.1, Python and editors disagree on what they end.
_FORBIDDEN_IN_FILE = re.compile(f"[{_FORBIDDEN}]")
FORBIDDEN_IN_VALUE = re.compile(f"[{_FORBIDDEN}\r]")
"""Characters that no value may contain, escaped or not, because Dockerfiles cannot."""

_LINE_END = re.compile(r"\r\n|\n|\r")
_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RawDiagnostic:
    """An error in a text, from offset `start` to `end`."""

    code: Code
    message: str
    start: int
    end: int
    help: str = ""
    related: tuple[tuple[str, int, int], ...] = ()
    """Notes, each with the offsets of its span."""


class SourceText:
    """A text with the name that users see; converts offsets to locations."""

    __slots__ = ("_shown", "_starts", "path", "text")

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self._starts: list[int] = []
        self._shown = (0, "")

    def at(self, start: int, end: int = 0) -> Location:
        """Return the location from `start` to `end`, or to the end of the line."""
        starts = self._lines()
        start = min(start, len(self.text))
        line = bisect_right(starts, start)
        begin = starts[line - 1]
        stop = starts[line] if line < len(starts) else len(self.text)
        if self._shown[0] != line:
            # Lone surrogates cannot be encoded when the line is printed.
            shown = _FORBIDDEN_IN_FILE.sub("\ufffd", self.text[begin:stop].rstrip("\r\n"))
            self._shown = (line, shown)
        text = self._shown[1]
        return Location(
            path=self.path,
            line=line,
            column=start - begin + 1,
            length=max(1, min(end, begin + len(text)) - start),
            text=text,
        )

    def offset(self, line: int, column: int) -> int:
        """Return the offset of a line and column, both from 1."""
        starts = self._lines()
        return starts[min(line, len(starts)) - 1] + column - 1

    def _lines(self) -> list[int]:
        if not self._starts:
            self._starts.append(0)
            self._starts.extend(match.end() for match in _LINE_END.finditer(self.text))
        return self._starts

    def refuse(self, findings: Iterable[RawDiagnostic]) -> NoReturn:
        """Raise the findings as diagnostics, in the order of the text."""
        raise CompileError(
            Diagnostic(
                code=finding.code,
                message=finding.message,
                location=self.at(finding.start, finding.end),
                help=finding.help,
                related=tuple((note, self.at(*span)) for note, *span in finding.related),
            )
            for finding in sorted(findings, key=lambda finding: finding.start)
        )


def read_text(raw: str | bytes, path: str, *, limit: int) -> SourceText:
    """Decode a file, without its byte order mark.

    Refuses a file that is larger than `limit` bytes, is not UTF-8, or has control characters.
    """
    size = len(raw)
    if isinstance(raw, str) and size <= limit < 4 * size:
        size = len(raw.encode("utf-8", "surrogatepass"))
    if size > limit:
        allowed = f"{limit // _MIB} MiB" if limit >= _MIB else f"{limit} bytes"
        refuse_file(
            path,
            code=Code.TOO_LARGE,
            message=f"the file has {size:,} bytes; the limit is {allowed}",
            help="keep here only what the build needs",
        )
    text = SourceText(
        path, (raw if isinstance(raw, str) else _decode(raw, path)).removeprefix("\ufeff")
    )
    if _FORBIDDEN_IN_FILE.search(text.text):
        places = [match.start() for match in _FORBIDDEN_IN_FILE.finditer(text.text)]
        text.refuse(
            control_character(text.text[place], place, place + 1)
            for place in places[:MOST_FINDINGS]
        )
    return text


def control_character(character: str, start: int, end: int) -> RawDiagnostic:
    """Return the error for a forbidden character at `start`."""
    return RawDiagnostic(
        code=Code.CONTROL_CHARACTER,
        message=f"the character U+{ord(character):04X} is not allowed in text",
        start=start,
        end=end,
        help="remove it; of the control characters only newline and tab are allowed",
    )


def refuse_file(path: str, *, code: Code, message: str, help: str = "") -> NoReturn:  # noqa: A002
    """Raise an error about a whole file."""
    place = Location(path=path, line=0)
    raise CompileError([Diagnostic(code=code, message=message, location=place, help=help)])


def show(text: str) -> str:
    """Return text in quotes, shortened for a message."""
    short = text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004
    if FORBIDDEN_IN_VALUE.search(short) or "\n" in short:
        return repr(short)
    return f'"{short}"' if "'" in short and '"' not in short else f"'{short}'"


def _decode(raw: bytes, path: str) -> str:
    remedy = "save the file as UTF-8"
    if raw.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        refuse_file(path, code=Code.NOT_UTF_8, message="the file is UTF-16, not UTF-8", help=remedy)
    raw = raw.removeprefix(BOM_UTF8)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        # All bytes before the invalid one are valid, so its offset in characters is known.
        start = len(raw[: error.start].decode())
        SourceText(path, raw.decode(errors="replace")).refuse(
            [
                RawDiagnostic(
                    code=Code.NOT_UTF_8,
                    message=f"the byte 0x{raw[error.start]:02X} is not UTF-8",
                    start=start,
                    end=start + 1,
                    help=remedy,
                )
            ]
        )
