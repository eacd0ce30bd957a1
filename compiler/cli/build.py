"""`compile-matrix build`: build targets in batches, and print the result."""

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from compiler.cli.bake_options import (
    BakeFlags,
    PassingOn,
    add_bake_options,
    reject_idle_arguments,
)
from compiler.cli.common_options import selection_option
from compiler.cli.completion import complete_filter, complete_platform
from compiler.cli.context import Invocation
from compiler.cli.failure import INTERRUPTED
from compiler.cli.progress_display import build_progress
from compiler.cli.remaining_targets import remaining_kept, remove_remaining, save_remaining
from compiler.constants import TEST_SUFFIX


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from compiler.bake.results import BakeOptions, Outcome
    from compiler.output.artifact import Compilation
    from compiler.targets.plan import Plan


@click.command("build", cls=PassingOn)
@click.argument(
    "filters",
    nargs=-1,
    metavar="[FILTER]... [-- BAKE_ARGUMENT...]",
    shell_complete=complete_filter,
)
@selection_option("Build only targets in this file.")
@click.option(
    "--platform",
    "platforms",
    metavar="PLATFORM[,...]",
    shell_complete=complete_platform,
    help="Build only targets that support one of these platforms, and only for those. `local` is "
    "this machine's platform.",
)
@click.option("--push", is_flag=True, help="Push the images.")
@click.option("--load", is_flag=True, help="Load the images into Docker.")
@click.option("--test", is_flag=True, help="Also run the tests of the targets.")
@click.option("--test-only", is_flag=True, help="Run the tests of the targets; keep no image.")
@add_bake_options
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "json", "selection"]),
    default="table",
    show_default=True,
    help="Format of the result; `selection` contains the targets that were built.",
)
@click.pass_context
def build_(
    context: click.Context,
    /,
    filters: tuple[str, ...],
    selection: str | None,
    platforms: str | None,
    *,
    push: bool,
    load: bool,
    test: bool,
    test_only: bool,
    flags: BakeFlags,
    output_format: str,
) -> None:
    """Build targets with `docker buildx bake` in batches; continue after failures.

    FILTER selects targets as in `list`; the default is all targets. When a target fails, only its
    dependents are skipped. Transient errors of network, registry or engine are retried. Logs are
    in .compile-matrix/logs/TARGET.log. After a failure or an interrupt,
    .compile-matrix/failed.json selects what was not built. Arguments after `--` are passed to
    bake, except those with which it builds nothing.

    The generated files must be up to date. ONLY_* variables in the environment are rejected; use
    FILTER instead.

    Exit code 0 if everything is built, 1 if something failed.

    \b
    Examples:
      compile-matrix build
      compile-matrix build python=3.11 --platform local --load
      compile-matrix build --push --test --jobs 4
      compile-matrix build --selection .compile-matrix/failed.json -- --sbom=true
    """
    invocation = Invocation.of(context)
    reject_idle_arguments(PassingOn.passed(context))
    from compiler.bake.environment_values import require_values
    from compiler.output.bake_resolved import ResolvedPlan

    if platforms:
        filters = (*filters, f"platform={platforms}")
    try:
        compiled, names = _prepare(invocation, filters, selection, test=test, test_only=test_only)
        if selection is not None and not names:
            invocation.note_empty_selection()
            click.echo(_empty_summary(output_format), nl=False)
            return
        resolved = ResolvedPlan(compiled.plan, os.environ)
        targets = [name.removesuffix(TEST_SUFFIX) for name in names]
        require_values(resolved, invocation.files(), targets)
        dates, overrides, uncached = _overrides(invocation, compiled, flags)
        options = replace(
            flags.options(invocation.folder),
            push=push,
            load=load,
            platforms=_platforms(filters),
            extra=PassingOn.passed(context),
            overrides=overrides,
            uncached=uncached,
            variables=resolved.overridden,
        )
        outcome, seconds = _build(invocation, compiled.plan, names, options)
    except KeyboardInterrupt:
        click.echo("interrupted: all builds are stopped; no file is half-written", err=True)
        context.exit(INTERRUPTED)
    from compiler.bake.refresh_state import record_rebuilt
    from compiler.reports.build_summary import BuildFormat, summary

    record_rebuilt(invocation.folder, dates, outcome.built)
    places = _failed_tests(compiled.plan, outcome)
    click.echo(summary(outcome, BuildFormat(output_format), seconds, places), nl=False)
    if not outcome.sound:
        save_remaining(invocation, [name for name in outcome.seconds if name not in outcome.built])
        context.exit(1)
    remove_remaining(invocation)


def _prepare(
    invocation: Invocation,
    filters: tuple[str, ...],
    selection: str | None,
    *,
    test: bool,
    test_only: bool,
) -> "tuple[Compilation, list[str]]":
    """Return the compiled matrix and the names to pass to bake."""
    from compiler.bake.preconditions import (
        reject_filters,
        reject_other_policy,
        require_buildx,
        require_fields,
    )
    from compiler.targets.filters import select
    from compiler.targets.selection_file import read_selection

    reject_filters(os.environ)
    require_buildx()
    compiled = invocation.compile_fresh()
    plan = compiled.plan
    require_fields(plan)
    reject_other_policy(plan, os.environ)
    targets = select(plan, filters)
    chosen = None if selection is None else read_selection(plan, selection)
    names = [target.name for target in targets]
    tests = [f"{target.name}{TEST_SUFFIX}" for target in targets if target.tests]
    if chosen is not None:  # A test that the selection names is run without --test.
        wanted = {f"{name}{TEST_SUFFIX}" for name in chosen} if test or test_only else set()
        tests = [name for name in tests if name in chosen | wanted]
        names = [name for name in names if name in chosen]
    elif not (test or test_only):
        tests = []
    return compiled, tests if test_only else names + tests


def _overrides(
    invocation: Invocation, compiled: "Compilation", flags: BakeFlags
) -> "tuple[Mapping[str, str], Mapping[str, tuple[str, ...]], frozenset[str]]":
    """Return the refresh dates, the `--set` options, and the targets to build without the cache."""
    from compiler.bake.batches import direct_dependencies, linked_contexts
    from compiler.bake.refresh_state import dates_with_dependents, outdated_targets
    from compiler.fingerprint.fingerprint import project_fingerprints
    from compiler.fingerprint.naming import label
    from compiler.fingerprint.set_overrides import NotBuiltError, OverrideError, override
    from compiler.output.bake_resolved import ResolvedPlan

    folder, shown = invocation.folder, invocation.shown
    try:
        resolved = override(ResolvedPlan(compiled.plan, os.environ), flags.sets)
        fingerprints = project_fingerprints(compiled, resolved, folder, shown=shown)
    except NotBuiltError:
        raise
    except OverrideError:
        return {}, {}, frozenset()  # Bake reports what is wrong with it.
    dependencies = direct_dependencies(linked_contexts(compiled.plan))
    refreshed = dates_with_dependents(compiled.refreshed, dependencies)
    labels = {name: (label(fingerprint.digest),) for name, fingerprint in fingerprints.items()}
    return refreshed, labels, frozenset(outdated_targets(folder, refreshed))


def _failed_tests(plan: "Plan", outcome: "Outcome") -> dict[str, str]:
    """Return the file and line of each test that failed, by the name of the test target."""
    from compiler.targets.test_locations import locate_failed_test

    tested = {f"{target.name}{TEST_SUFFIX}": target for target in plan.targets if target.tests}
    return {
        name: locate_failed_test(plan.matrix, tested[name], tail)
        for name, tail in outcome.failed.items()
        if name in tested
    }


def _empty_summary(output_format: str) -> str:
    """Return the summary of a build without targets."""
    from compiler.bake.results import Outcome
    from compiler.reports.build_summary import BuildFormat, summary

    empty = Outcome(built={}, failed={}, skipped={}, seconds={})
    return summary(empty, BuildFormat(output_format), 0.0)


def _platforms(filters: tuple[str, ...]) -> tuple[str, ...]:
    """Return the platforms that match every `platform=` filter."""
    from compiler.targets.filters import local_platform

    platforms: list[str] = []
    for text in filters:
        name, _, values = text.partition("=")
        if name == "platform":
            local = local_platform()
            wanted = [
                local if name.strip() == "local" else name.strip() for name in values.split(",")
            ]
            platforms = [name for name in wanted if name and (not platforms or name in platforms)]
    return tuple(platforms)


def _build(
    invocation: Invocation, plan: "Plan", names: "Sequence[str]", options: "BakeOptions"
) -> "tuple[Outcome, float]":
    """Build with progress on stderr; return the outcome and the seconds that it took."""
    from compiler.bake.scheduler import build

    progress, start = build_progress(), time.monotonic()
    with remaining_kept(invocation, names, progress.finished):
        try:
            return build(plan, names, options, progress), time.monotonic() - start
        finally:
            progress.end()
