"""`compile-matrix`: compile, or with --check and --diff compare with the files on disk."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from compiler.cli.common_options import Command
from compiler.cli.compile_summary import (
    print_advice,
    print_changes,
    print_summary,
    print_up_to_date,
)
from compiler.cli.context import Invocation, pass_invocation
from compiler.codes import Code
from compiler.constants import LOCK, STATE_PATH
from compiler.errors import CompileError, Diagnostic, Location, Severity, on_error
from compiler.reports.text import counted
from compiler.version import VERSION


if TYPE_CHECKING:
    from compiler.output.artifact import Compilation
    from compiler.output.diff import Change


UNLOCKED = frozenset({Code.UNLOCKED_BASE, Code.UNDECIDED_BASE})
"""Codes of the warnings that `--locked` turns into errors."""

_OPTIONS = (
    click.option(
        "--check", is_flag=True, help="Write nothing; exit 1 if the generated files are stale."
    ),
    click.option("--diff", is_flag=True, help="Like --check, and show the differences."),
    click.option("--strict", is_flag=True, help="Treat warnings as errors."),
    click.option("--locked", is_flag=True, help="Fail if a base image is missing in matrix.lock."),
)


def add_compile_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of compiling to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command("compile", cls=Command)
@add_compile_options
@pass_invocation
def compile_(
    invocation: Invocation, /, *, check: bool, diff: bool, strict: bool, locked: bool
) -> None:
    """Compile the matrix, as `compile-matrix` without a command does.

    \b
    Examples:
      compile-matrix compile
      compile-matrix compile --check
    """
    compile_files(invocation, check=check or diff, diff=diff, strict=strict, locked=locked)


@on_error("nothing is written")
def compile_files(
    invocation: Invocation, *, check: bool, diff: bool, strict: bool, locked: bool
) -> None:
    """Compile, or with `check` only compare; without it an up-to-date run ends early.

    Raises:
        CompileError: the input is invalid; nothing is written.
        click.exceptions.Exit: with `check`, the generated files are stale.
    """
    if not check and _is_up_to_date(invocation, strict=strict, locked=locked):
        return
    from compiler.external.git_ignore import git_warnings
    from compiler.output.diff import diff as compare
    from compiler.output.write import update

    folder, shown = invocation.folder, invocation.shown
    compiled = invocation.compile(locked=locked)
    paths = [artifact.path for artifact in (*compiled.artifacts[:1], *compiled.artifacts[-2:])]
    from_git = git_warnings(folder, paths, shown, None if check else STATE_PATH)
    warnings = (*compiled.plan.warnings, *from_git)
    _forbid(warnings, strict=strict, locked=locked)
    output = compiled.plan.matrix.output
    if check:
        changes = compare(compiled.artifacts, folder, output)
        if changes:
            print_changes(invocation, len(compiled.plan.targets), changes, diff=diff)
            invocation.warn((*warnings, _stale(invocation, changes)))
            raise click.exceptions.Exit(1)
        invocation.warn(warnings)
        print_up_to_date(invocation, len(compiled.plan.targets))
        return
    changes = update(compiled.artifacts, folder, output)
    invocation.warn(warnings)
    tested = sum(bool(target.tests) for target in compiled.plan.targets)
    if not _is_tracked(from_git):
        _save(invocation, compiled, tested)
    print_advice(invocation, len(compiled.plan.targets), tested, compiled.plan.unbaked_tags)
    print_summary(invocation, compiled.plan, changes)


def _is_up_to_date(invocation: Invocation, *, strict: bool, locked: bool) -> bool:
    """Return whether saved state shows that nothing would change; repeat its warnings if so."""
    from compiler.output.saved_state import up_to_date

    if locked and not os.path.lexists(invocation.folder / LOCK):
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
    _forbid(warnings, strict=strict, locked=locked)
    invocation.warn(warnings)
    print_advice(invocation, state.targets, state.tested, state.unbaked)
    print_up_to_date(invocation, state.targets)
    return True


def _is_tracked(warnings: tuple[Diagnostic, ...]) -> bool:
    """Return whether Git tracks the saved state, so that it may be someone else's."""
    return any(warning.code is Code.TRACKED_STATE for warning in warnings)


def _save(invocation: Invocation, compiled: "Compilation", tested: int) -> None:
    """Save the state by which the next run sees that nothing changed."""
    from compiler.output.saved_state import State, digests, save_state
    from compiler.output.saved_warnings import saved

    output = compiled.plan.matrix.output
    state = State(
        compiler=VERSION,
        matrix=invocation.path.name,
        output="" if output == "." else output,
        tested=tested,
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


def _forbid(warnings: tuple[Diagnostic, ...], *, strict: bool, locked: bool) -> None:
    """Raise warnings as errors: all of them, or those about base images that are not locked."""
    forbidden = [one for one in warnings if strict or (locked and one.code in UNLOCKED)]
    if forbidden:
        from dataclasses import replace

        raise CompileError(replace(one, severity=Severity.ERROR) for one in forbidden)
