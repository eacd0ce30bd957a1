"""What commands share: the common options, the matrix they name, warnings and notes."""

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property, update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from compiler.cli.diagnostic_output import DiagnosticFormat
from compiler.cli.failure import write
from compiler.cli.matrix_file import find_matrix, require_file
from compiler.codes import Code
from compiler.constants import MAX_VARIANTS
from compiler.errors import CompileError, Diagnostic, DiagnosticError, Location, Severity


if TYPE_CHECKING:
    from compiler.output.artifact import Compilation
    from compiler.output.bake_resolved import ResolvedPlan
    from compiler.source.project_files import Files
    from compiler.targets.plan import Plan
    from compiler.targets.target import Target

FILE, LIMIT = "compile-matrix file", "compile-matrix limit"
"""Keys of `click.Context.meta`, which a command shares with the commands above it."""

Result = TypeVar("Result")


class Invocation:
    """One run of the command line: the common options, before or after the command's name."""

    def __init__(
        self,
        *,
        file: Path | None = None,
        output_format: DiagnosticFormat = DiagnosticFormat.TEXT,
        limit: int = MAX_VARIANTS,
    ) -> None:
        """Take the common options.

        Args:
            file: the matrix; by default it is looked up when it is first needed.
            output_format: the format of diagnostics.
            limit: the maximum number of variants.
        """
        self._file, self.output_format, self.limit = file, output_format, limit

    @classmethod
    def of(cls, context: click.Context) -> "Invocation":
        """Return the invocation that a command's options describe."""
        return cls(
            file=context.meta.get(FILE),
            output_format=context.find_root().obj or DiagnosticFormat.TEXT,
            limit=context.meta.get(LIMIT, MAX_VARIANTS),
        )

    @cached_property
    def path(self) -> Path:
        """The matrix; a note names it if it is in a folder above.

        Raises:
            CompileError: `-f` names a folder, a pipe or a device.
        """
        if self._file is not None:
            return require_file(self._file)
        path = find_matrix()
        if path.parent != Path():
            self.note(f"using {path.as_posix()}")
        return path

    @property
    def folder(self) -> Path:
        """The folder of the matrix."""
        return self.path.parent

    @property
    def shown(self) -> str:
        """The prefix of the project's paths in diagnostics: the folder and `/`, or nothing."""
        parent = self.path.parent.as_posix()
        return "" if parent == "." else f"{parent}/"

    def warn(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        """Write warnings to stderr."""
        write(diagnostics, self.output_format)

    def warn_of(self, errors: Iterable[DiagnosticError]) -> None:
        """Write errors that do not end the command to stderr, as warnings."""
        problems = (diagnostic for error in errors for diagnostic in error.diagnostics)
        self.warn(tuple(replace(problem, severity=Severity.WARNING) for problem in problems))

    def note(self, text: str) -> None:
        """Write a note for people to stderr; nothing if diagnostics are for machines."""
        if self.output_format is DiagnosticFormat.TEXT:
            click.echo(text, err=True)

    def note_empty_selection(self) -> None:
        """Write that the selection contains no target, which is not an error."""
        self.note("no target is selected: there is nothing to do")

    def files(self) -> "Files":
        """Return the project's files; none of them is read yet."""
        from compiler.source.project_files import Files

        return Files(self.folder, self.shown)

    def plan(self, files: "Files | None" = None) -> "Plan":
        """Read the matrix and plan it, without rendering Dockerfiles.

        Raises:
            CompileError: the matrix is invalid.
        """
        from compiler.pipeline import plan_matrix

        return plan_matrix(files or self.files(), self.path.name, limit=self.limit)

    def resolve(
        self,
        plan: "Plan",
        targets: "Iterable[Target] | None" = None,
        *,
        repositories: bool = False,
    ) -> "ResolvedPlan":
        """Return the plan for the environment; warn of what that makes invalid in these targets.

        For commands that neither build nor publish; others call `require_values`.

        Args:
            plan: the plan.
            targets: the targets; by default all.
            repositories: whether the repositories must be valid, because a registry is read.

        Raises:
            CompileError: a repository must be valid, and is not.
        """
        from compiler.bake.environment_values import overridden_errors, require_repositories
        from compiler.output.bake_resolved import ResolvedPlan

        resolved = ResolvedPlan(plan, os.environ)
        if repositories:
            require_repositories(resolved)
        names = [target.name for target in (plan.targets if targets is None else targets)]
        self.warn_of([CompileError(overridden_errors(resolved, self.files(), names))])
        return resolved

    def compile(self, *, locked: bool = False) -> "Compilation":
        """Compile the matrix, without writing files.

        Raises:
            CompileError: the matrix or a template is invalid.
        """
        from compiler.pipeline import compile_matrix

        return compile_matrix(self.path, shown=self.shown, limit=self.limit, locked=locked)

    def compile_fresh(
        self, plan: "Plan | None" = None, files: "Files | None" = None
    ) -> "Compilation":
        """Compile the matrix, and require that the generated files are up to date.

        Args:
            plan: the plan, if the matrix was planned already.
            files: the project's files that it was planned from.

        Raises:
            CompileError: they are not, or the matrix or a template is invalid.
        """
        from compiler.output.diff import diff
        from compiler.pipeline import compile_plan, plan_valid

        files, name = files or self.files(), self.path.name
        plan = plan or plan_valid(files, name, limit=self.limit)
        compiled = compile_plan(plan, files, name)
        changes = diff(compiled.artifacts, self.folder, compiled.plan.matrix.output)
        if not changes:
            return compiled
        first, more = changes[0], len(changes) - 1
        others = f", and {more} more are stale" if more else ""
        state = "missing" if first.old is None else "stale" if first.new else "left over"
        raise CompileError(
            [
                Diagnostic(
                    code=Code.STALE_FILES,
                    message=f"the generated file {first.path} is {state}{others}",
                    location=Location(path=f"{self.shown}{first.path}", line=0),
                    help="run `compile-matrix` first; `compile-matrix --diff` shows the changes",
                )
            ]
        )


def pass_invocation(command: Callable[..., Result]) -> Callable[..., Result]:
    """Call a command with its invocation as the first argument."""

    def with_invocation(*arguments: Any, **options: Any) -> Result:
        return command(Invocation.of(click.get_current_context()), *arguments, **options)

    return update_wrapper(with_invocation, command)
