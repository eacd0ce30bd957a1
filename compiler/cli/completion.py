"""Shell completion of filters, targets, base images and releases."""

import os
import re
from collections.abc import Iterable
from contextlib import suppress

import click

from compiler.cli.common_options import Command
from compiler.cli.completion_names import find_names
from compiler.cli.context import Invocation
from compiler.cli.diagnostic_output import DiagnosticFormat
from compiler.constants import LOCK


_COMPARISON = re.compile(r"(\w+(?:[<>]=?|[!~=]=|=))((?:.*,)?!?(?:[<>]=?|[!~=]=)?)([^,]*)")
"""Axis with operator, listed values with the operator of the last one, and the last value."""


@click.command("completion", cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]), metavar="SHELL")
def completion_(shell: str) -> None:
    """Print the script with which a shell completes commands, options, filters and releases.

    SHELL is bash, zsh or fish.

    \b
    Examples:
      source <(compile-matrix completion bash)     in ~/.bashrc
      source <(compile-matrix completion zsh)      in ~/.zshrc, after compinit
      compile-matrix completion fish | source      in ~/.config/fish/config.fish
    """
    from compiler.cli.shells import script

    click.echo(script(shell), nl=False)


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
        return _starting(find_names(_quiet(context)).targets, incomplete)
    return []


def complete_platform(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Return the platforms of the targets, and `local`, after those that are already listed."""
    with suppress(Exception):
        before, comma, last = incomplete.rpartition(",")
        names = find_names(_quiet(context)).values["platform"]
        unused = (name for name in names if name not in before.split(","))
        return [f"{before}{comma}{name}" for name in _starting(unused, last)]
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
    """Return the filters that start with a text; none if the matrix is invalid.

    After an axis and an operator these are its values, except those that are already listed.
    """
    with suppress(Exception):
        names = find_names(_quiet(context))
        comparison = _COMPARISON.fullmatch(incomplete)
        if comparison is None:
            return _starting(names.filters(groups=groups), incomplete)
        start, before, last = comparison.groups()
        listed = before.split(",")
        values = (value for value in names.values[start.rstrip("<>=!~")] if value not in listed)
        return [f"{start}{before}{value}" for value in _starting(values, last)]
    return []


def _starting(names: Iterable[str], start: str) -> list[str]:
    return [name for name in names if name.startswith(start)]


def _quiet(context: click.Context) -> Invocation:
    """Return the invocation of an incomplete command line; it writes no notes."""
    invocation = Invocation.of(context)
    invocation.output_format = DiagnosticFormat.JSON
    return invocation
