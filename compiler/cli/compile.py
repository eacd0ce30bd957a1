"""`compile-matrix`: compile, or with --check and --diff compare with the files on disk."""

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from compiler.cli.common_options import Command
from compiler.cli.compile_options import CompileOptions, add_compile_options
from compiler.cli.compile_summary import (
    print_advice,
    print_changes,
    print_summary,
    print_up_to_date,
)
from compiler.cli.context import Invocation, pass_invocation
from compiler.cli.diagnostic_output import DiagnosticFormat
from compiler.codes import Code
from compiler.constants import LOCK, STATE_PATH
from compiler.errors import CompileError, Diagnostic, Location, Severity, on_error
from compiler.reports.text import counted
from compiler.version import VERSION


if TYPE_CHECKING:
    from compiler.output.artifact import Compilation
    from compiler.output.diff import Change
    from compiler.source.project_files import Files


UNLOCKED = frozenset({Code.UNLOCKED_BASE, Code.UNDECIDED_BASE})
"""Codes of the warnings that `--locked` turns into errors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """The result of compiling, compared with the files on disk or written."""

    compilation: "Compilation"
    changes: "tuple[Change, ...]"
    warnings: tuple[Diagnostic, ...]
    is_tracked: bool
    """Whether Git tracks the saved state."""


@click.command("compile", cls=Command)
@pass_invocation
@add_compile_options
def compile_(invocation: Invocation, /, *, options: CompileOptions) -> None:
    """Compile the matrix, as `compile-matrix` without a command does.

    \b
    Examples:
      compile-matrix compile
      compile-matrix compile --check
    """
    run_compile(invocation, options)


def run_compile(invocation: Invocation, options: CompileOptions) -> None:
    """Compile once, or with --watch until interrupted.

    Raises:
        CompileError: the input is invalid; nothing is written.
        UsageError: --watch with the format of workflow annotations.
        click.exceptions.Exit: with --check, the generated files are stale.
    """
    if not options.watch:
        compile_files(invocation, options)
        return
    if invocation.output_format is DiagnosticFormat.GITHUB:
        raise click.UsageError("--watch cannot be used with --format github")
    from compiler.cli.watch import watch_files

    watch_files(invocation, options)


@on_error("nothing is written")
def compile_files(invocation: Invocation, options: CompileOptions) -> None:
    """Compile, or with --check only compare; without it an up-to-date run ends early.

    Raises:
        CompileError: the input is invalid; nothing is written.
        click.exceptions.Exit: with --check, the generated files are stale.
    """
    if not options.is_dry and _is_up_to_date(invocation, options):
        return
    files = invocation.files()
    compilation = compile_project(invocation, options, files)
    print_result(invocation, options, apply_changes(invocation, options, compilation))


def compile_project(
    invocation: Invocation, options: CompileOptions, files: "Files"
) -> "Compilation":
    """Compile the matrix without looking at generated files.

    Args:
        invocation: the run.
        options: the options of compiling.
        files: the project's files, none of which has been read.

    Raises:
        CompileError: the input is invalid.
    """
    from compiler.pipeline import compile_plan, plan_valid

    name = invocation.path.name
    plan = plan_valid(files, name, limit=invocation.limit)
    return compile_plan(plan, files, name, locked=options.locked)


def apply_changes(
    invocation: Invocation, options: CompileOptions, compilation: "Compilation"
) -> Compiled:
    """Compare a compilation with the files on disk, and write what differs unless --check.

    Raises:
        CompileError: an option forbids a warning, or a file cannot be read or written.
    """
    from compiler.external.git_ignore import git_warnings
    from compiler.output.diff import diff as compare
    from compiler.output.write import update

    folder, artifacts = invocation.folder, compilation.artifacts
    paths = [artifact.path for artifact in (*artifacts[:1], *artifacts[-2:])]
    from_git = git_warnings(folder, paths, invocation.shown, None if options.is_dry else STATE_PATH)
    warnings = (*compilation.plan.warnings, *from_git)
    _forbid(warnings, options)
    output = compilation.plan.matrix.output
    changes = (compare if options.is_dry else update)(artifacts, folder, output)
    compiled = Compiled(
        compilation=compilation,
        changes=changes,
        warnings=warnings,
        is_tracked=_is_tracked(from_git),
    )
    if not options.is_dry and not compiled.is_tracked:
        _save(invocation, compilation)
    return compiled


def print_result(invocation: Invocation, options: CompileOptions, compiled: Compiled) -> None:
    """Print what was written; with --check, how the files on disk differ.

    Raises:
        click.exceptions.Exit: with --check, the generated files are stale.
    """
    if options.is_dry:
        _print_comparison(invocation, options, compiled)
        return
    plan = compiled.compilation.plan
    invocation.warn(compiled.warnings)
    print_advice(invocation, len(plan.targets), plan.tested, plan.unbaked_tags)
    print_summary(invocation, plan, compiled.changes)


def _print_comparison(invocation: Invocation, options: CompileOptions, compiled: Compiled) -> None:
    """Print how the files on disk differ.

    Raises:
        click.exceptions.Exit: they are stale.
    """
    count, changes = len(compiled.compilation.plan.targets), compiled.changes
    if changes:
        print_changes(invocation, count, changes, diff=options.diff)
        invocation.warn((*compiled.warnings, _stale(invocation, changes)))
        raise click.exceptions.Exit(1)
    invocation.warn(compiled.warnings)
    print_up_to_date(invocation, count)


def _is_up_to_date(invocation: Invocation, options: CompileOptions) -> bool:
    """Return whether saved state shows that nothing would change; repeat its warnings if so."""
    from compiler.output.saved_state import up_to_date

    if options.locked and not os.path.lexists(invocation.folder / LOCK):
        return False  # Without matrix.lock, only --locked warns about what is not locked.
    state = up_to_date(invocation.folder, invocation.path.name, compiler=VERSION)
    if state is None or state.targets > invocation.limit:
        return False
    from compiler.external.git_ignore import git_warnings

    paths = [next(iter(state.outputs)), *list(state.outputs)[-2:]]
    from_git = git_warnings(invocation.folder, paths, invocation.shown, STATE_PATH)
    if _is_tracked(from_git):
        return False
    warnings = from_git
    if state.warnings:
        from compiler.output.saved_warnings import restored

        try:
            warnings = (*map(restored, state.warnings), *from_git)
        except (LookupError, TypeError, ValueError):
            return False
    _forbid(warnings, options)
    invocation.warn(warnings)
    print_advice(invocation, state.targets, state.tested, state.unbaked)
    print_up_to_date(invocation, state.targets)
    return True


def _is_tracked(warnings: tuple[Diagnostic, ...]) -> bool:
    """Return whether Git tracks the saved state, so that it may be someone else's."""
    return any(warning.code is Code.TRACKED_STATE for warning in warnings)


def _save(invocation: Invocation, compiled: "Compilation") -> None:
    """Save the state by which the next run sees that nothing changed."""
    from compiler.output.saved_state import State, digests, save_state
    from compiler.output.saved_warnings import saved

    output = compiled.plan.matrix.output
    state = State(
        compiler=VERSION,
        matrix=invocation.path.name,
        output="" if output == "." else output,
        tested=compiled.plan.tested,
        existing=sum(target.is_existing for target in compiled.plan.targets),
        unbaked=compiled.plan.unbaked_tags,
        inputs=compiled.inputs,
        globs=compiled.globs,
        outputs=digests(compiled.artifacts),
        warnings=[*map(saved, compiled.plan.warnings)],
    )
    save_state(invocation.folder, state)


def _stale(invocation: Invocation, changes: "tuple[Change, ...]") -> Diagnostic:
    """Return the error that generated files differ from what compiling would write."""
    return Diagnostic(
        code=Code.STALE_FILES,
        message=f"{counted(len(changes), 'generated file')} "
        f"{'is' if len(changes) == 1 else 'are'} stale",
        location=Location(path=f"{invocation.shown}{changes[0].path}", line=0),
        help="run `compile-matrix`; `compile-matrix --diff` shows the differences",
    )


def _forbid(warnings: tuple[Diagnostic, ...], options: CompileOptions) -> None:
    """Raise warnings as errors: all of them, or those about base images that are not locked."""
    forbidden = [
        warning
        for warning in warnings
        if options.strict or (options.locked and warning.code in UNLOCKED)
    ]
    if forbidden:
        raise CompileError(replace(warning, severity=Severity.ERROR) for warning in forbidden)
