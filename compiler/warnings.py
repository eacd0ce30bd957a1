"""Warnings as the plan keeps them, to be said again when there is nothing to do."""

from typing import Any

from compiler.errors import Diagnostic, Location, Severity


def recorded(warning: Diagnostic) -> dict[str, Any]:
    """Return a warning as the plan keeps it, to be said again when nothing is to be done."""
    where = warning.location
    return {
        "code": warning.code,
        "message": warning.message,
        "help": warning.help,
        "path": where.path,
        "line": where.line,
        "column": where.column,
        "length": where.length,
        "text": where.text,
    }


def recalled(warning: Any) -> Diagnostic:
    """Return the warning that `recorded` kept."""
    where = {key: warning[key] for key in ("path", "line", "column", "length", "text")}
    return Diagnostic(
        code=warning["code"],
        message=warning["message"],
        help=warning["help"],
        location=Location(**where),
        severity=Severity.WARNING,
    )
