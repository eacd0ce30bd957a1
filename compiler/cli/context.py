"""What every command shares: the options before it, how it reads a matrix, how it tells faults."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compiler.cli.diagnostic_output import DiagnosticFormat
from compiler.cli.failure import write
from compiler.codes import Code
from compiler.errors import CompileError, Diagnostic, DiagnosticError, Location


if TYPE_CHECKING:
    from compiler.output.artifact import Compilation
    from compiler.source.project_files import Files
    from compiler.targets.plan import Plan


class Invocation:
    """What the options before a command say."""

    def __init__(self, path: Path, form: DiagnosticFormat, limit: int) -> None:
        """Take the matrix, the format of diagnostics, and the maximum number of variants."""
        self.path, self.form, self.limit = path, form, limit

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
        write(diagnostics, self.form)

    def files(self) -> "Files":
        """Return the project's files, none of them read yet."""
        from compiler.source.project_files import Files

        return Files(self.folder, self.shown)

    def plan(self, files: "Files | None" = None) -> "Plan":
        """Read the matrix and plan it, without rendering a Dockerfile.

        Raises:
            CompileError: the matrix is invalid.
        """
        from compiler.pipeline import plan_matrix

        return plan_matrix(files or self.files(), self.path.name, limit=self.limit)

    def fresh(self) -> "Compilation":
        """Compile the matrix, whose generated files must be up to date.

        Raises:
            CompileError: they are not, or the matrix is wrong.
        """
        from compiler.output.diff import diff
        from compiler.pipeline import compile_matrix

        compiled = compile_matrix(self.path, shown=self.shown, limit=self.limit)
        changes = diff(compiled.artifacts, self.folder, compiled.plan.matrix.output)
        if not changes:
            return compiled
        first, more = changes[0], len(changes) - 1
        others = f", and {more} more are stale" if more else ""
        what = "is missing" if first.old is None else "is stale" if first.new else "is left over"
        raise CompileError(
            [
                Diagnostic(
                    code=Code.STALE_FILES,
                    message=f"the generated file {first.path} {what}{others}",
                    location=Location(path=f"{self.shown}{first.path}", line=0),
                    help="run `compile-matrix` first; `compile-matrix --diff` shows the changes",
                )
            ]
        )

    def note_none(self) -> None:
        """Say that a selection leaves nothing, which is as good as anything."""
        click.echo("no target is selected: there is nothing to do", err=True)


@contextmanager
def on_error(outcome: str) -> "Iterator[None]":
    """State in every error raised within what was not done because of it."""
    try:
        yield
    except DiagnosticError as error:
        error.outcome = error.outcome or outcome
        raise
