"""`--summary FILE`: where a run writes its summary in Markdown."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click


if TYPE_CHECKING:
    from compiler.external.registry.client import Registries
    from compiler.output.bake_resolved import ResolvedPlan
    from compiler.releases.record import ReleaseRecord

RECORD_FILE = "release.json"
"""In the local folder: the record that the last `publish` has written."""

VARIABLE = "GITHUB_STEP_SUMMARY"
"""The file that GitHub shows on the page of a workflow's run."""


def summary_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--summary` to a command, which receives the path as `summary`."""
    return click.option(
        "--summary",
        type=click.Path(dir_okay=False),
        callback=_check,
        metavar="FILE",
        help="Append a summary in Markdown to this file, in addition to $GITHUB_STEP_SUMMARY.",
    )(command)


def wants_summary(summary: str | None) -> bool:
    """Return whether a summary is written anywhere."""
    return bool(summary or os.environ.get(VARIABLE))


def append_summary(summary: str | None, text: str) -> None:
    """Append a summary to the file of the option and to that of the workflow.

    A failure to write the workflow's file does not make the run fail.

    Raises:
        OSError: the file of the option cannot be written.
    """
    if summary:
        _append(summary, text)
    path = os.environ.get(VARIABLE)
    if path and path != summary:
        try:
            _append(path, text)
        except OSError as error:
            click.echo(f"the summary of the workflow was not written: {error.strerror}", err=True)


def last_record(folder: Path) -> "ReleaseRecord | None":
    """Return the record that the last `publish` in a project has written; None without one."""
    from compiler.output.local_folder import load_local
    from compiler.releases.parse_record import parse_record

    try:
        return parse_record(load_local(folder, RECORD_FILE))
    except (OSError, ValueError):
        return None


def previous_release(
    registries: "Registries", resolved: "ResolvedPlan", version: str = ""
) -> "ReleaseRecord | None":
    """Return the last release below a version; None if none is known or the registry fails."""
    from compiler.external.registry.client import RegistryError
    from compiler.publish.items import record_repositories
    from compiler.releases.latest import find_previous
    from compiler.releases.registry_record import choose_repository

    with suppress(RegistryError):
        repository = choose_repository(registries, record_repositories(resolved))
        return find_previous(registries, repository, version) if repository else None
    return None


def released_sizes(record: "ReleaseRecord | None") -> dict[str, int]:
    """Return target -> the compressed bytes of its image in a release."""
    return {target.target: target.bytes for target in record.targets} if record else {}


def _append(path: str, text: str) -> None:
    with open(path, "a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)


def _check(_context: click.Context, _parameter: click.Parameter, summary: str | None) -> str | None:
    """Fail before the run if the file cannot be written."""
    if summary:
        _append(summary, "")
    return summary
