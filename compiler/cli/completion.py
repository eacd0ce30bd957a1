"""Shell completion of filters, targets, base images and releases."""

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from compiler.cli.context import Invocation
from compiler.cli.diagnostic_output import DiagnosticFormat
from compiler.constants import LOCK


if TYPE_CHECKING:
    from compiler.targets.plan import Plan


def complete_filter(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Return axes with their values, groups and targets."""
    return _completions(context, incomplete, groups=True)


def complete_target(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Return axes with their values and targets."""
    return _completions(context, incomplete, groups=False)


def complete_target_name(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Return the names of targets."""
    with suppress(Exception):
        names = (target.name for target in _quiet(context).plan().targets)
        return [name for name in names if name.startswith(incomplete)]
    return []


def complete_platform(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Return the platforms of the targets, and `local`."""
    with suppress(Exception):
        targets = _quiet(context).plan().targets
        names = dict.fromkeys(name for target in targets for name in target.platforms)
        return [name for name in (*names, "local") if name.startswith(incomplete)]
    return []


def complete_columns(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Return the columns of `list`, after those that are already listed."""
    with suppress(Exception):
        from compiler.reports.list_columns import known_columns

        before, comma, last = incomplete.rpartition(",")
        sign = "-" if last.startswith("-") else ""
        listed = {name.strip().removeprefix("-") for name in before.split(",")}
        return [
            f"{before}{comma}{sign}{name}"
            for name in known_columns(_quiet(context).plan())
            if name.startswith(last.removeprefix("-")) and name not in listed
        ]
    return []


def complete_version(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Return the versions of releases in the registry, without retries."""
    with suppress(Exception):
        from compiler.external.registry.read_only import ReadOnlyRegistries
        from compiler.output.bake_resolved import ResolvedPlan
        from compiler.publish.items import record_repositories
        from compiler.releases.registry_record import choose_repository, recorded_versions

        registries = ReadOnlyRegistries(os.environ, attempts=1)
        resolved = ResolvedPlan(_quiet(context).plan(), os.environ)
        repository = choose_repository(registries, record_repositories(resolved))
        versions = recorded_versions(registries, repository) if repository else []
        return [version for version in versions if version.startswith(incomplete)]
    return []


def complete_base(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the base images in matrix.lock; with --refresh what filters are."""
    if context.params.get("refresh"):
        return complete_filter(context, parameter, incomplete)
    with suppress(Exception):
        from compiler.lock.lockfile import read_lock

        lock = read_lock((_quiet(context).folder / LOCK).read_bytes(), LOCK)
        return [image for image in lock.bases if image.startswith(incomplete)]
    return []


def _completions(context: click.Context, incomplete: str, *, groups: bool) -> list[str]:
    """Return the filters that start with a text; none if the matrix is invalid."""
    with suppress(Exception):
        candidates = _filters(_quiet(context).plan(), groups=groups)
        return [text for text in candidates if text.startswith(incomplete)]
    return []


def _quiet(context: click.Context) -> Invocation:
    """Return the invocation of an incomplete command line; it writes no notes."""
    invocation = Invocation.of(context)
    invocation.output_format = DiagnosticFormat.JSON
    return invocation


def _filters(plan: "Plan", *, groups: bool) -> Iterator[str]:
    yield from (f"image={name}" for name in plan.matrix.images)
    for axis in plan.matrix.axes.values():
        yield from (f"{axis.name}={value.text}" for value in axis.values)
    if groups:
        yield from (group.name for group in plan.groups)
    yield from (target.name for target in plan.targets)
