"""`compile-matrix`: compile, or with --check and --diff compare with the files on disk."""

import os
from typing import TYPE_CHECKING

import click

from compiler.cli.context import Invocation, on_error
from compiler.cli.diagnostic_output import DiagnosticFormat
from compiler.codes import Code
from compiler.constants import BAKE_FILE, LOCK, PLAN_FILE
from compiler.errors import CompileError, Diagnostic, Location, Severity
from compiler.reports.text import counted
from compiler.version import VERSION


if TYPE_CHECKING:
    from compiler.output.diff import Change
    from compiler.output.manifest import Record
    from compiler.targets.plan import Plan


UNLOCKED = frozenset({Code.UNLOCKED_BASE, Code.UNDECIDED_BASE})
"""Codes of the warnings that `--locked` turns into errors."""

MANY, MANY_TESTED = 100, 50
"""Targets above which one bake fails on a small machine (buildx issues 3810 and 3486)."""


@on_error("nothing is written")
def compile_(given: Invocation, *, check: bool, diff: bool, strict: bool, locked: bool) -> None:
    """Compile, or with `check` compare; what is up to date is known without compiling."""
    from compiler.output.manifest import unchanged

    record = None
    if not locked or os.path.lexists(given.folder / LOCK):  # no lock, no word on what it lacks
        record = unchanged(given.folder, given.path.name, compiler=VERSION)
    if record is not None and record.targets <= given.limit:
        warnings = _recalled(given, record)
        _forbid(warnings, strict=strict, locked=locked)
        given.tell(warnings)
        _advise(record.targets, record.files - record.targets - 2)
        click.echo(f"{counted(record.targets, 'target')}: up to date")
        return
    from compiler.external.git_ignore import partly_ignored
    from compiler.output.diff import diff as compare
    from compiler.output.diff import unified
    from compiler.output.write import update
    from compiler.pipeline import compile_matrix

    compiled = compile_matrix(given.path, shown=given.shown, limit=given.limit, locked=locked)
    paths = [artifact.path for artifact in (*compiled.artifacts[:1], *compiled.artifacts[-2:])]
    ignored = partly_ignored(given.folder, paths, given.shown)
    warnings = (*compiled.plan.warnings, *([ignored] if ignored else []))
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
    if not check:
        tested = sum(bool(target.tests) for target in compiled.plan.targets)
        _advise(len(compiled.plan.targets), tested)
        _summarise(compiled.plan, changes, given)
        return
    click.echo(f"{counted(len(compiled.plan.targets), 'target')}: up to date")


def _stale(changes: "tuple[Change, ...]", given: Invocation) -> Diagnostic:
    """Return the error that generated files are not what they should be."""
    return Diagnostic(
        code=Code.STALE_FILES,
        message=f"{counted(len(changes), 'file')} "
        f"{'is' if len(changes) == 1 else 'are'} not what {given.shown}{given.path.name} says now",
        location=Location(path=f"{given.shown}{changes[0].path}", line=0),
        help="run compile-matrix",
    )


def _recalled(given: Invocation, record: "Record") -> tuple[Diagnostic, ...]:
    """Return the warnings of the run that made what is up to date."""
    from compiler.external.git_ignore import partly_ignored

    paths = [f"{record.output}/{record.first}", BAKE_FILE, f"{record.output}/{PLAN_FILE}"]
    ignored = partly_ignored(given.folder, paths, given.shown)
    found: tuple[Diagnostic, ...] = ()
    if record.warnings:
        from compiler.output.manifest_warnings import recalled

        found = tuple(map(recalled, record.warnings))
    return (*found, ignored) if ignored else found


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
    kinds = [change.kind.value for change in changes]
    done = [
        f"{counted(kinds.count(kind), 'file')} {word}"
        for kind, word in (("create", "written"), ("update", "updated"), ("delete", "removed"))
        if kind in kinds
    ]
    images = ", ".join(
        f"{name} ({sum(target.image == name for target in plan.targets)})"
        for name in list(plan.matrix.images)[:5]
    )
    more = len(plan.matrix.images) - 5
    where = f"{given.shown}docker-bake.hcl, {given.shown}{plan.matrix.output}/"
    click.echo(f"{counted(len(plan.targets), 'target')}: {images}{' ...' if more > 0 else ''}")
    click.echo(f"{', '.join(done) or 'up to date'}: {where}")
    folder = "" if not given.shown else f"cd {given.shown.rstrip('/')} && "
    axis = next((a for a in plan.matrix.axes.values() if len(a.values) > 1), None)
    click.echo(f"next: {folder}docker buildx bake")
    if axis is not None:
        part = f"ONLY_{axis.name.upper()}={axis.values[0].text}"
        click.echo(f"      {folder}{part} docker buildx bake     only a part")
