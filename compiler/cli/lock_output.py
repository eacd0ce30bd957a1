"""What `compile-matrix lock` prints: how base images differ from matrix.lock."""

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import click

from compiler.reports.text import printable, shortened


if TYPE_CHECKING:
    from compiler.lock.lockfile import Locked
    from compiler.lock.update import Project


class BaseChange(NamedTuple):
    """A base image that differs."""

    image: str
    change: str
    """`added`, `changed`, `removed`, or with `--check` also `missing` and `unused`."""
    old: str | None = None
    """The digest in the lock as it was."""
    new: str | None = None
    """The current digest."""

    @property
    def text(self) -> str:
        """Return a line for people."""
        match self.change:
            case "added":
                result = f"locked at {self.new}"
            case "changed":
                result = f"changed from {self.old} to {self.new}"
            case "missing":
                result = "not locked"
            case "unused":
                result = "locked but no longer used"
            case _:
                result = self.change
        return printable(f"{self.image}: {result}")


def lock_changes(
    old: "Mapping[str, Locked]", new: "Mapping[str, Locked]"
) -> "Iterable[BaseChange]":
    """Yield the differences between the bases of two locks."""
    for image in sorted({*old, *new}):
        before = old[image].digest if image in old else None
        after = new[image].digest if image in new else None
        if before is None:
            yield BaseChange(image, "added", new=after)
        elif after is None:
            yield BaseChange(image, "removed", old=before)
        elif before != after:
            yield BaseChange(image, "changed", before, after)


def print_json(
    changes: "Iterable[BaseChange]",
    count: int,
    project: "Project",
    dates: Mapping[str, str],
    copied: Mapping[str, str] | None = None,
) -> None:
    """Print differences as JSON.

    Args:
        changes: the differences.
        count: the number of base images.
        project: names the targets that use a base image.
        dates: target -> the date of its refresh, of targets that were refreshed.
        copied: base image -> its copy in the mirror, of images that were copied; None without one.
    """
    bases = [
        {
            **change._asdict(),
            "targets": list(names := project.concerned(change.image)),
            "dependents": list(project.above(names)),
        }
        for change in changes
    ]
    result = {
        "version": 1,
        "bases": count,
        "changes": bases,
        "refreshed": dict(dates),
        **({} if copied is None else {"copied": dict(copied)}),
    }
    click.echo(json.dumps(result, indent=1))


_MOST_TARGETS = 5
"""Targets of a base image that the text names; JSON has all of them."""


def print_users(project: "Project", image: str) -> None:
    """Print the targets that use a base image, and their dependents."""
    names = project.concerned(image)
    click.echo(f"  used by {shortened(names, _MOST_TARGETS)}")
    dependents = project.above(names)
    if dependents:
        click.echo(f"  dependents: {shortened(dependents, _MOST_TARGETS)}")
