"""Warnings as saved state has them, so that an up-to-date run repeats them without compiling."""

from dataclasses import asdict
from typing import Any, TypeVar

from compiler.codes import Code
from compiler.errors import Diagnostic, Location, Severity


T = TypeVar("T")


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
        message=_of(str, warning["message"]),
        help=_of(str, warning["help"]),
        location=_location(warning),
        severity=Severity.WARNING,
        related=tuple((_of(str, other["note"]), _location(other)) for other in warning["related"]),
    )


def _location(fields: Any) -> Location:
    return Location(
        path=_of(str, fields["path"]),
        line=_of(int, fields["line"]),
        column=_of(int, fields["column"]),
        length=_of(int, fields["length"]),
        text=_of(str, fields["text"]),
    )


def _of(kind: type[T], value: Any) -> T:
    """Return a value of a type.

    Raises:
        TypeError: it is something else.
    """
    if type(value) is not kind:
        raise TypeError(f"{value!r} is not of type {kind.__name__}")
    return value
