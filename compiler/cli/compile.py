"""`compile-matrix`: compile, or with --check and --diff compare with the files on disk."""

import os
from collections import Counter
from typing import TYPE_CHECKING

import click

from compiler.cli.context import Invocation, on_error
from compiler.cli.diagnostic_output import DiagnosticFormat
from compiler.codes import Code
from compiler.constants import LOCK, STATE_PATH
from compiler.errors import CompileError, Diagnostic, Location, Severity
from compiler.reports.text import counted
from compiler.version import VERSION


if TYPE_CHECKING:
    from compiler.output.artifact import Compilation
    from compiler.output.diff import Change
    from compiler.targets.plan import Plan


UNLOCKED = frozenset({Code.UNLOCKED_BASE, Code.UNDECIDED_BASE})
"""Codes of the warnings that `--locked` turns into errors."""

MANY, MANY_TESTED = 100, 50
"""Targets above which one bake fails on a small machine (buildx issues 3810 and 3486)."""

FEW = 3
"""Files up to which the summary names each of them."""


@on_error("nothing is written")
def compile_(given: Invocation, *, check: bool, diff: bool, strict: bool, locked: bool) -> None:
    """Compile, or with `check` only compare; without it an up-to-date run ends early."""
    if not check and _is_up_to_date(given, strict=strict, locked=locked):
        return
    from compiler.external.git_ignore import git_warnings
    from compiler.output.diff import diff as compare
    from compiler.output.diff import unified
    from compiler.output.write import update
    from compiler.pipeline import compile_matrix

    compiled = compile_matrix(given.path, shown=given.shown, limit=given.limit, locked=locked)
    paths = [artifact.path for artifact in (*compiled.artifacts[:1], *compiled.artifacts[-2:])]
    from_git = git_warnings(given.folder, paths, given.shown, None if check else STATE_PATH)
    warnings = (*compiled.plan.warnings, *from_git)
    _forbid(warnings, strict=strict, locked=locked)
    output = compiled.plan.matrix.output
    if check:
        changes = compare(compiled.artifacts, given.folder, output)
    else:
        changes = update(compiled.artifacts, given.folder, output)
    if check and changes:
        for change in changes if given.form is DiagnosticFormat.TEXT and not diff else []:
            click.echo(f"{given.shown}{change.path}: would be {change.kind}d")
        if diff:
            click.echo("".join(unified(changes)), nl=False)
        given.tell((*warnings, _stale(changes, given)))
        raise click.exceptions.Exit(1)
    given.tell(warnings)
    if check:
        click.echo(f"{counted(len(compiled.plan.targets), 'target')}: up to date")
        return
    tested = sum(bool(target.tests) for target in compiled.plan.targets)
    if not _is_tracked(from_git):
        _save(given, compiled, tested)
    _advise(len(compiled.plan.targets), tested)
    _summarise(compiled.plan, changes, given)


def _is_up_to_date(given: Invocation, *, strict: bool, locked: bool) -> bool:
    """Return whether saved state shows that nothing would change; repeat its warnings if so."""
    from compiler.output.saved_state import up_to_date

    if locked and not os.path.lexists(given.folder / LOCK):
        return False  # Without matrix.lock, only --locked warns about what is not locked.
    state = up_to_date(given.folder, given.path.name, compiler=VERSION)
    if state is None or state.targets > given.limit:
        return False
    from compiler.external.git_ignore import git_warnings

    paths = [next(iter(state.outputs)), *list(state.outputs)[-2:]]
    from_git = git_warnings(given.folder, paths, given.shown, STATE_PATH)
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
    given.tell(warnings)
    _advise(state.targets, state.tested)
    click.echo(f"{counted(state.targets, 'target')}: up to date")
    return True


def _is_tracked(warnings: tuple[Diagnostic, ...]) -> bool:
    """Return whether Git tracks the saved state, so that it may be someone else's."""
    return any(warning.code is Code.TRACKED_STATE for warning in warnings)


def _save(given: Invocation, compiled: "Compilation", tested: int) -> None:
    """Save the state by which the next run sees that nothing changed."""
    from compiler.output.saved_state import State, digests, save_state
    from compiler.output.saved_warnings import saved

    output = compiled.plan.matrix.output
    state = State(
        compiler=VERSION,
        matrix=given.path.name,
        output="" if output == "." else output,
        tested=tested,
        inputs=compiled.inputs,
        outputs=digests(compiled.artifacts),
        warnings=[*map(saved, compiled.plan.warnings)],
    )
    save_state(given.folder, state)


def _stale(changes: "tuple[Change, ...]", given: Invocation) -> Diagnostic:
    """Return the error that generated files are not what they should be."""
    return Diagnostic(
        code=Code.STALE_FILES,
        message=f"{counted(len(changes), 'file')} "
        f"{'is' if len(changes) == 1 else 'are'} not what {given.shown}{given.path.name} says now",
        location=Location(path=f"{given.shown}{changes[0].path}", line=0),
        help="run compile-matrix",
    )


def _forbid(warnings: tuple[Diagnostic, ...], *, strict: bool, locked: bool) -> None:
    """Raise warnings as errors: all of them, or those of bases that are not locked."""
    refused = [one for one in warnings if strict or (locked and one.code in UNLOCKED)]
    if refused:
        from dataclasses import replace

        raise CompileError(replace(one, severity=Severity.ERROR) for one in refused)


def _advise(count: int, tested: int) -> None:
    """Say how to build what is too much for one bake."""
    most = MANY_TESTED if tested > MANY_TESTED else MANY
    if max(count, tested) > most:
        what = f"{count:,} targets{' with their tests' if most == MANY_TESTED else ''}"
        click.echo(
            f"note: one bake of {what} may overwhelm bake; "
            "`compile-matrix build` builds them in parts, "
            f"or by hand ONLY_SHARD=1/{-(-count // most)} docker buildx bake, and so on",
            err=True,
        )


def _summarise(plan: "Plan", changes: "tuple[Change, ...]", given: Invocation) -> None:
    """Say what came out and what to run next."""
    images = ", ".join(
        f"{name} ({sum(target.image == name for target in plan.targets)})"
        for name in list(plan.matrix.images)[:5]
    )
    more = len(plan.matrix.images) - 5
    click.echo(f"{counted(len(plan.targets), 'target')}: {images}{' ...' if more > 0 else ''}")
    click.echo(_changed_files(changes, given.shown))
    folder = "" if not given.shown else f"cd {given.shown.rstrip('/')} && "
    axis = next((a for a in plan.matrix.axes.values() if len(a.values) > 1), None)
    click.echo(f"next: {folder}docker buildx bake")
    if axis is not None:
        part = f"ONLY_{axis.name.upper()}={axis.values[0].text}"
        click.echo(f"      {folder}{part} docker buildx bake     only a part")


def _changed_files(changes: "tuple[Change, ...]", shown: str) -> str:
    """Return what was written, updated and removed: the files if they are few, else the folders."""
    texts = []
    for kind, verb in (("create", "written"), ("update", "updated"), ("delete", "removed")):
        paths = [change.path for change in changes if change.kind == kind]
        if len(paths) > FEW:
            folders = [path[: path.rfind("/") + 1] for path in paths]
            sizes = Counter(folders)
            paths = [
                path if sizes[folder] == 1 or not folder else folder
                for path, folder in zip(paths, folders, strict=True)
            ]
        if paths:
            named = ", ".join(f"{shown}{path}" for path in sorted(dict.fromkeys(paths)))
            count = sum(change.kind == kind for change in changes)
            texts.append(f"{counted(count, 'file')} {verb}: {named}")
    return "; ".join(texts) or "up to date"
