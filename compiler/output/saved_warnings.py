"""Warnings as saved state has them, so that an up-to-date run repeats them without compiling."""

from dataclasses import asdict
from typing import Any

from compiler.codes import Code
from compiler.errors import Diagnostic, Location, Severity


def saved(warning: Diagnostic) -> dict[str, Any]:
    """Return a warning as JSON."""
    return {
        "code": warning.code,
        "message": warning.message,
        "help": warning.help,
        **asdict(warning.location),
        "related": [{"note": note, **asdict(place)} for note, place in warning.related],
    }


def restored(warning: Any) -> Diagnostic:
    """Return the warning that `saved` was called with.

    Raises:
        LookupError, TypeError, ValueError: it is something else.
    """
    return Diagnostic(
        code=Code(warning["code"]),
        message=warning["message"],
        help=warning["help"],
        location=_location(warning),
        severity=Severity.WARNING,
        related=tuple((other["note"], _location(other)) for other in warning["related"]),
    )


def _location(fields: Any) -> Location:
    return Location(**{key: fields[key] for key in ("path", "line", "column", "length", "text")})
