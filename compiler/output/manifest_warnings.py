"""Warnings as the plan keeps them, to be said again when there is nothing to do."""

from dataclasses import asdict
from typing import Any

from compiler.errors import Diagnostic, Location, Severity


def recorded(warning: Diagnostic) -> dict[str, Any]:
    """Return a warning as the plan keeps it, to be said again when nothing is to be done."""
    return {
        "code": warning.code,
        "message": warning.message,
        "help": warning.help,
        **asdict(warning.location),
        "related": [{"note": note, **asdict(place)} for note, place in warning.related],
    }


def recalled(warning: Any) -> Diagnostic:
    """Return the warning that `recorded` kept."""
    return Diagnostic(
        code=warning["code"],
        message=warning["message"],
        help=warning["help"],
        location=_place(warning),
        severity=Severity.WARNING,
        related=tuple((other["note"], _place(other)) for other in warning["related"]),
    )


def _place(kept: Any) -> Location:
    return Location(**{key: kept[key] for key in ("path", "line", "column", "length", "text")})
