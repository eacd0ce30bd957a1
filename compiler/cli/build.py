"""The command that builds: its options, what it shows meanwhile, how it ends."""

import os
import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from compiler.cli.bake_options import BakeFlags, PassingOn, add_bake_options, display
from compiler.cli.context import Invocation
from compiler.constants import TEST_SUFFIX
from compiler.reports.text import counted


if TYPE_CHECKING:
    from collections.abc import Mapping

    from compiler.bake.results import BakeOptions, Outcome
    from compiler.output.artifact import Compilation
    from compiler.targets.plan import Plan


@click.command("build", cls=PassingOn)
@click.argument("words", nargs=-1, metavar="[FILTER]... [-- BAKE_ARGUMENT...]")
@click.option("--selection", metavar="FILE", help="Only targets that this file selects.")
@click.option(
    "--platform",
    "platforms",
    metavar="PLATFORM[,...]",
    help="Only for these platforms, and what has one of them; local is this machine's.",
)
@click.option("--push", is_flag=True, help="Push what is built.")
@click.option("--load", is_flag=True, help="Load what is built into Docker.")
@click.option("--test", is_flag=True, help="Run the tests of these targets, too.")
@click.option("--test-only", is_flag=True, help="Run the tests of these targets, and keep nothing.")
@add_bake_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "selection"]),
    default="table",
    show_default=True,
    help="For people, for programs, or a selection of what was built.",
)
@click.pass_context
def build_(
    context: click.Context,
    /,
    words: tuple[str, ...],
    selection: str | None,
    platforms: str | None,
    *,
    push: bool,
    load: bool,
    test: bool,
    test_only: bool,
    flags: BakeFlags,
    form: str,
) -> None:
    """Build targets by `docker buildx bake`, in parts that it can bear; keeps going.

    FILTER is as of `list`; none means everything. A target that fails costs itself and what
    stands on it, nothing else. Faults of network, registry and engine are tried again, failing
    builds are not. Each target's log is .compile-matrix/logs/TARGET.log; what was not built is
    the selection .compile-matrix/failed.json. What stands behind `--` is given to bake.

    An environment with ONLY_* is refused: give FILTERs instead. So are stale generated files.

    Exit code 0 if all is built, 1 if anything failed.

    \b
    Examples:
      compile-matrix build
      compile-matrix build python=3.11 --platform local --load
      compile-matrix build --push --test --jobs 4
      compile-matrix build --selection .compile-matrix/failed.json -- --sbom=true
    """
    given: Invocation = context.obj
    if platforms:
        words = (*words, f"platform={platforms}")
    extra = PassingOn.passed(context)
    try:
        compiled, names = _ready(given, words, selection, test=test, test_only=test_only)
        if selection is not None and not names:
            given.note_none()
            click.echo(_nothing(form), nl=False)
            return
        dates, overrides = _overrides(given, compiled, flags)
        options = replace(
            flags.options(given.folder),
            push=push,
            load=load,
            platforms=_platforms(words),
            extra=extra,
            overrides=overrides,
        )
        outcome, seconds = _built(compiled.plan, names, options)
    except KeyboardInterrupt:
        click.echo("interrupted: every bake is stopped; nothing is half written", err=True)
        context.exit(128 + signal.SIGINT)
    from compiler.bake.refresh_state import record_rebuilt
    from compiler.reports.build_summary import BuildFormat, summary

    record_rebuilt(given.folder, dates, outcome.built)
    click.echo(summary(outcome, BuildFormat(form), seconds), nl=False)
    if _remember(given, outcome):
        context.exit(1)


def _ready(
    given: Invocation,
    words: tuple[str, ...],
    selection: str | None,
    *,
    test: bool,
    test_only: bool,
) -> "tuple[Compilation, list[str]]":
    """Return what is compiled and the names to bake."""
    from compiler.bake.preconditions import reject_filters, require_buildx, require_fields
    from compiler.targets.filters import select
    from compiler.targets.selection_file import read_selection

    reject_filters(os.environ)
    require_buildx()
    compiled = given.fresh()
    plan = compiled.plan
    require_fields(plan)
    targets = select(plan, words)
    chosen = None if selection is None else read_selection(plan, selection)
    names = [target.name for target in targets]
    tests = [f"{target.name}{TEST_SUFFIX}" for target in targets if target.tests]
    if chosen is not None:  # a test that it names is to be run
        wanted = {f"{name}{TEST_SUFFIX}" for name in chosen} if test or test_only else set()
        tests = [name for name in tests if name in chosen | wanted]
        names = [name for name in names if name in chosen]
    elif not (test or test_only):
        tests = []
    return compiled, tests if test_only else names + tests


def _overrides(
    given: Invocation, compiled: "Compilation", flags: BakeFlags
) -> "tuple[Mapping[str, str], Mapping[str, tuple[str, ...]]]":
    """Return the dates of what the lock wants anew, and what each target is given beside that."""
    from compiler.bake.bake_arguments import NO_CACHE
    from compiler.bake.batches import direct_dependencies, linked_contexts
    from compiler.bake.refresh_state import dates_with_dependents, outdated_targets
    from compiler.fingerprint.naming import label
    from compiler.fingerprint.project import project_fingerprints
    from compiler.fingerprint.set_overrides import NotBuiltError, OverrideError
    from compiler.lock.refresh_dates import dates

    try:
        prints = project_fingerprints(
            compiled, given.folder, os.environ, sets=flags.sets, shown=given.shown
        )
    except NotBuiltError as error:
        raise click.UsageError(f"--set: {error}") from None
    except OverrideError:
        return {}, {}  # bake says what is wrong with it
    dependencies = direct_dependencies(linked_contexts(compiled.plan))
    refreshed = dates_with_dependents(dates(given.folder, given.shown), dependencies)
    outdated = outdated_targets(given.folder, refreshed)
    return refreshed, {
        name: (label(one.digest), *([NO_CACHE] if name in outdated else []))
        for name, one in prints.items()
    }


def _nothing(form: str) -> str:
    """Return the summary of a build of nothing."""
    from compiler.bake.results import Outcome
    from compiler.reports.build_summary import BuildFormat, summary

    nothing = Outcome(built={}, failed={}, skipped={}, seconds={})
    return summary(nothing, BuildFormat(form), 0.0)


def _platforms(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the platforms that the filters leave: those of each `platform=`."""
    from compiler.targets.filters import local_platform

    found: list[str] = []
    for word in words:
        name, _, rest = word.partition("=")
        if name == "platform":
            here = local_platform()
            asked = [here if text.strip() == "local" else text.strip() for text in rest.split(",")]
            found = [text for text in asked if text and (not found or text in found)]
    return tuple(found)


def _built(plan: "Plan", names: list[str], options: "BakeOptions") -> "tuple[Outcome, float]":
    """Build, and show how it goes; return also how long it took."""
    from compiler.bake.scheduler import build

    shown, start = display(), time.monotonic()
    try:
        return build(plan, names, options, shown), time.monotonic() - start
    finally:
        shown.end()


def _remember(given: Invocation, outcome: "Outcome") -> bool:
    """Write the selection of what was not built, or remove an old one; tell whether there is."""
    from compiler.bake.logs import state_folder
    from compiler.reports.build_summary import FAILED
    from compiler.targets.selection_file import as_selection

    file = state_folder(given.folder) / "failed.json"
    if outcome.sound:
        file.unlink(missing_ok=True)
        return False
    left = [name for name in outcome.seconds if name not in outcome.built]
    file.write_text(as_selection(left), encoding="utf-8")
    again = f"compile-matrix build --selection {given.shown}{FAILED}"
    click.echo(f"{counted(len(left), 'target')} left: {again}", err=True)
    return True
