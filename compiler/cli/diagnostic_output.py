"""Diagnostics as text for people, as JSON, or as annotations of a GitHub workflow."""

import json
from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum

from compiler.errors import Argument, Diagnostic, Location, Repository, Severity
from compiler.reports.text import display_width, inert, printable


MAX_SHOWN = 120
"""Maximum number of characters of a source line that are shown."""

_COLOURS = {Severity.ERROR: "1;31", Severity.WARNING: "1;33"}


class DiagnosticFormat(StrEnum):
    """How diagnostics are written."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def report(
    diagnostics: Iterable[Diagnostic], output_format: DiagnosticFormat, *, colour: bool = False
) -> str:
    """Return diagnostics in a format, each line with its line ending.

    Args:
        diagnostics: in the order of the output.
        output_format: JSON is one document, which is never shortened.
        colour: whether text is coloured.
    """
    match output_format:
        case DiagnosticFormat.TEXT:
            return "".join(
                _text(diagnostic, colour=colour) for diagnostic in _by_cause(diagnostics)
            )
        case DiagnosticFormat.JSON:
            entries = [_plain(diagnostic) for diagnostic in diagnostics]
            return json.dumps({"version": 1, "diagnostics": entries}, indent=2) + "\n"
        case DiagnosticFormat.GITHUB:
            return "".join(map(_annotation, _by_cause(diagnostics)))


def _by_cause(diagnostics: Iterable[Diagnostic]) -> Iterable[Diagnostic]:
    """Return diagnostics with the same code and cause once, with the number of the others."""
    groups: dict[object, list[Diagnostic]] = {}
    for number, diagnostic in enumerate(diagnostics):
        groups.setdefault(
            (diagnostic.code, diagnostic.cause) if diagnostic.cause else number, []
        ).append(diagnostic)
    for first, *others in groups.values():
        more = f" ({len(others)} more for the same reason)" if others else ""
        yield replace(first, message=f"{first.message}{more}")


def _text(diagnostic: Diagnostic, *, colour: bool) -> str:
    where = diagnostic.location
    kind = f"{diagnostic.severity}[{diagnostic.code}]"
    if colour:
        kind = f"\x1b[{_COLOURS[diagnostic.severity]}m{kind}\x1b[0m"
    message = printable(diagnostic.message)
    lines = [f"{_place(where)}: {kind}: {message}"]
    help_ = f"help: {printable(diagnostic.help)}" if diagnostic.help else ""
    if isinstance(where, Location | Argument) and _has_text(where):
        lines += _picture(where, help_, colour=colour)
    elif help_:
        lines.append(f"      = {help_}")
    lines += [f"      = {printable(note)}: {_place(place)}" for note, place in diagnostic.related]
    return "".join(f"{inert(line.rstrip())}\n" for line in lines)


def _has_text(where: Location | Argument) -> bool:
    """Return whether the location has a line or an argument that can be shown."""
    return bool(where.text) and (isinstance(where, Argument) or where.line > 0)


def _place(where: Location | Argument | Repository) -> str:
    if not isinstance(where, Location):
        return printable(where.name)
    path = printable(where.path)
    return f"{path}:{where.line}:{where.column}" if where.line else path


def _picture(where: Location | Argument, help_: str, *, colour: bool) -> list[str]:
    """Return the source line or argument, then carets under the span with the remedy."""
    text = where.text
    if isinstance(where, Argument):
        number, start, length = "", where.start, where.length or len(text) - where.start
    else:
        number, start, length = str(where.line), where.column - 1, where.length
    cut = max(0, start - MAX_SHOWN * 2 // 3) if len(text) > MAX_SHOWN else 0
    shown = text[cut : cut + MAX_SHOWN]
    start -= cut
    width = max(1, min(length, len(shown) - start))
    # The line is padded by its own characters, so that tabs stay tabs.
    padding = "".join(c if c == "\t" else " " * _width(c) for c in shown[:start])
    caret = "^" * max(1, sum(map(_width, shown[start : start + width])))
    if colour:
        caret = f"\x1b[{_COLOURS[Severity.ERROR]}m{caret}\x1b[0m"
    return [
        f"{number:>5} | {'...' if cut else ''}{printable(shown, keep_tabs=True)}",
        f"      | {'   ' if cut else ''}{padding}{caret} {help_}",
    ]


def _width(character: str) -> int:
    """Return the columns that a character occupies after escaping; a tab counts as one."""
    return 1 if character == "\t" else display_width(printable(character))


def _plain(diagnostic: Diagnostic) -> dict[str, object]:
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "help": diagnostic.help,
        **_span(diagnostic.location),
        "related": [{"message": note, **_span(place)} for note, place in diagnostic.related],
    }


def _span(where: Location | Argument | Repository) -> dict[str, object]:
    if isinstance(where, Repository):
        return {"repository": where.name}
    if isinstance(where, Argument):
        end = where.start + where.length if where.length else len(where.text)
        return {
            "argument": where.name,
            "text": where.text,
            "column": where.start + 1,
            "end_column": end + 1,
        }
    return {
        "path": where.path,
        "line": where.line,
        "column": where.column,
        "end_column": where.column + where.length,
    }


def _annotation(diagnostic: Diagnostic) -> str:
    where = diagnostic.location
    message = diagnostic.message + (f"\nhelp: {diagnostic.help}" if diagnostic.help else "")
    if not isinstance(where, Location):  # an annotation without a file appears on the run itself
        properties, message = "", f"{_subject(where)}: {message}"
    else:
        properties = f"file={_property(where.path)},"
        if where.line:
            end = where.column + where.length
            properties += f"line={where.line},col={where.column},endColumn={end},"
    title = _property(diagnostic.code)
    return f"::{diagnostic.severity} {properties}title={title}::{_escaped(message)}\n"


def _subject(where: Argument | Repository) -> str:
    if isinstance(where, Argument) and where.text:
        return f"{where.name} '{where.text}'"
    return where.name


def _escaped(text: str) -> str:
    """Escape what ends a workflow command, and what controls a terminal; lines stay lines."""
    return "%0A".join(map(printable, text.replace("%", "%25").split("\n")))


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
