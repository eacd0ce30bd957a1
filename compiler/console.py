"""What every command shares: the options before it, how it reads a matrix, how it tells faults."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from compiler.errors import CompileError, Diagnostic, Severity
from compiler.report import Form, report


if TYPE_CHECKING:
    from compiler.plan import Plan


class Context:
    """What the options before a command say."""

    def __init__(self, path: Path, form: Form, limit: int, *, command: str = "") -> None:
        """Take the matrix, how errors are written, the most variants, and which command it is."""
        self.path, self.form, self.limit, self._command = path, form, limit, command

    @property
    def folder(self) -> Path:
        """The project's folder."""
        return self.path.parent

    @property
    def shown(self) -> str:
        """How diagnostics name that folder, in front of each path."""
        parent = self.path.parent.as_posix()
        return "" if parent == "." else f"{parent}/"

    def tell(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        """Write diagnostics to stderr."""
        if diagnostics:
            click.echo(
                report(diagnostics, self.form, colour=_coloured()), err=True, nl=False, color=True
            )

    def plan(self) -> "Plan":
        """Read the matrix and plan it, without rendering a Dockerfile; what is wrong ends it."""
        from compiler.files import Files
        from compiler.pipeline import plan_matrix

        try:
            return plan_matrix(Files(self.folder, self.shown), self.path.name, limit=self.limit)
        except CompileError as error:
            self.refuse(error)

    def note_none(self) -> None:
        """Say that a selection leaves nothing, which is as good as anything."""
        click.echo("no target is selected: there is nothing to do", err=True)

    def refuse(self, error: CompileError) -> NoReturn:
        """Tell what is wrong and end."""
        self.tell(error.diagnostics)
        if self.form is Form.TEXT:
            count = sum(d.severity is Severity.ERROR for d in error.diagnostics)
            outcome = "; nothing is written" if self._command in ("", "init") else ""
            click.echo(f"{count} error{'s' * (count != 1)}{outcome}", err=True)
        raise click.exceptions.Exit(1)


def _coloured() -> bool:
    """Tell whether diagnostics may be coloured: on a terminal, unless the user objects."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return sys.stderr.isatty()


def counted(count: int, word: str) -> str:
    """Return a count with its noun.

    >>> counted(2, "target")
    '2 targets'
    """
    return f"{count:,} {word}{'s' * (count != 1)}"
