"""The command line: options, the terminal, exit codes."""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compiler.cli.commands import COMMANDS
from compiler.cli.context import Invocation, counted
from compiler.cli.diagnostic_output import DiagnosticFormat
from compiler.constants import BAKE_FILE, LOCK, MAX_VARIANTS, PLAN_FILE, UNLOCKED
from compiler.errors import CompileError, Diagnostic, Location, Severity
from compiler.version import VERSION


if TYPE_CHECKING:
    from compiler.output.diff import Change
    from compiler.output.manifest import Record
    from compiler.targets.plan import Plan


MANY, MANY_TESTED = 100, 50
"""Targets above which one bake fails on a small machine (buildx issues 3810 and 3486)."""


EPILOG = """\b
Examples:
  compile-matrix                        compile matrix.yaml of this folder
  compile-matrix --check                in CI: fail if the generated files are stale
  compile-matrix list python=3.11       what there is with Python 3.11
  compile-matrix build                  build everything in parts, and keep going
  docker buildx bake                    build everything at once
  ONLY_GPU=true docker buildx bake      build what has gpu=true

\b
Shell completion:
  bash   eval "$(_COMPILE_MATRIX_COMPLETE=bash_source compile-matrix)" in ~/.bashrc, and there
         COMP_WORDBREAKS=${COMP_WORDBREAKS//=} so that values behind = are completed, too
  zsh    eval "$(_COMPILE_MATRIX_COMPLETE=zsh_source compile-matrix)" in ~/.zshrc
  fish   _COMPILE_MATRIX_COMPLETE=fish_source compile-matrix | source in config.fish
"""


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EPILOG,
)
@click.option(
    "-f",
    "--file",
    "path",
    type=click.Path(path_type=Path),
    default="matrix.yaml",
    metavar="FILE",
    help="The matrix; everything else is found beside it.  [default: matrix.yaml]",
)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if the files are stale.")
@click.option("--diff", is_flag=True, help="As --check, and show what would change.")
@click.option(
    "--format",
    "form",
    type=click.Choice([form.value for form in DiagnosticFormat]),
    default=DiagnosticFormat.TEXT.value,
    help="How errors are written: for people, as JSON, as GitHub annotations.",
)
@click.option("--strict", is_flag=True, help="Take warnings for errors.")
@click.option("--locked", is_flag=True, help="Refuse a base image that is not in matrix.lock.")
@click.option(
    "--max-variants",
    "limit",
    type=click.IntRange(min=1),
    default=MAX_VARIANTS,
    envvar="COMPILE_MATRIX_MAX_VARIANTS",
    show_default=True,
    show_envvar=True,
    metavar="N",
    help="Refuse a matrix with more variants.",
)
@click.version_option(VERSION, prog_name="compile-matrix", message="%(prog)s %(version)s")
@click.pass_context
def cli(
    context: click.Context,
    path: Path,
    *,
    check: bool,
    diff: bool,
    form: str,
    strict: bool,
    locked: bool,
    limit: int,
) -> None:
    """Compile matrix.yaml and templates/ to docker-bake.hcl and a Dockerfile for each target.

    Writes only what differs, and nothing at all if anything is wrong.
    """
    given = Invocation(
        path, DiagnosticFormat(form), limit, command=context.invoked_subcommand or ""
    )
    if context.invoked_subcommand is None:
        _compile(given, check=check or diff, diff=diff, strict=strict, locked=locked)
    elif check or diff or strict or locked:
        option = "--check" if check else "--diff" if diff else "--strict" if strict else "--locked"
        raise click.UsageError(f"{option} goes with compiling, not with a command", context)
    context.obj = given


def _compile(given: Invocation, *, check: bool, diff: bool, strict: bool, locked: bool) -> None:
    """Compile, or with `check` compare; what is up to date is known without compiling."""
    from compiler.output.manifest import unchanged

    record = None
    if not locked or os.path.lexists(given.folder / LOCK):  # no lock, no word on what it lacks
        record = unchanged(given.folder, given.path.name, compiler=VERSION)
    if record is not None and record.targets <= given.limit:
        warnings = _recalled(given, record)
        try:
            _forbid(warnings, strict=strict, locked=locked)
        except CompileError as error:
            given.refuse(error)
        given.tell(warnings)
        _advise(record.targets, record.files - record.targets - 2)
        click.echo(f"{counted(record.targets, 'target')}: up to date")
        return
    from compiler.external.git_ignore import partly_ignored
    from compiler.output.diff import diff as compare
    from compiler.output.diff import unified
    from compiler.output.write import update
    from compiler.pipeline import compile_matrix

    try:
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
    except CompileError as error:
        given.refuse(error)
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
        code="stale-files",
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


for command in COMMANDS:
    cli.add_command(command)


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 1 input wrong, 2 usage, 130 Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        code = cli.main(arguments, prog_name="compile-matrix", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("interrupted; nothing is half written", err=True)
        return 128 + signal.SIGINT
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        # Who read our output has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        click.echo(f"the output cannot be written: {reason}", err=True)
        return 1
    except Exception as error:
        if os.environ.get("COMPILE_MATRIX_DEBUG"):
            raise
        click.echo(
            f"internal error: {type(error).__name__}: {error}\n"
            "This is a fault of compile-matrix; COMPILE_MATRIX_DEBUG=1 shows where.",
            err=True,
        )
        return 3
    return code if isinstance(code, int) else 0
