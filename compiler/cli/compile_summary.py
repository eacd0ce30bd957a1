"""What `compile-matrix` prints after compiling: the result, and what to run next."""

import shlex
from collections import Counter
from typing import TYPE_CHECKING

import click

from compiler.cli.context import Invocation
from compiler.cli.diagnostic_output import DiagnosticFormat
from compiler.cli.terminal import coloured_diff
from compiler.reports.text import counted, escaped_lines, printable


if TYPE_CHECKING:
    from compiler.output.diff import Change
    from compiler.targets.plan import Plan


MANY, MANY_TESTED = 100, 50
"""Targets above which one bake fails on a small machine (buildx issues 3810 and 3486)."""

FEW = 3
"""Files up to which the summary names each of them."""

_IMAGES = 5
"""Images that the summary names."""


def print_advice(invocation: Invocation, count: int, tested: int, unbaked: int) -> None:
    """Print what bake does not do, and how to build targets that are too many for one bake.

    Args:
        invocation: the run.
        count: the number of targets.
        tested: the number of targets with tests.
        unbaked: the number of tags that only `publish` creates.
    """
    if unbaked:
        invocation.note(
            f"note: only `compile-matrix publish` creates "
            f"{counted(unbaked, 'shared or platform tag')}; bake does not know them"
        )
    limit = MANY_TESTED if tested > MANY_TESTED else MANY
    if max(count, tested) > limit:
        targets = f"{count:,} targets{' with their tests' if limit == MANY_TESTED else ''}"
        invocation.note(
            f"note: {targets} may be too many for one bake; "
            "`compile-matrix build` builds them in batches, "
            f"or use shards: ONLY_SHARD=1/{-(-count // limit)} docker buildx bake"
        )


def print_up_to_date(invocation: Invocation, count: int) -> None:
    """Print the number of targets of a run in which no file differs, as text or JSON."""
    if invocation.output_format is DiagnosticFormat.JSON:
        _print_json(invocation, count, ())
    else:
        click.echo(f"{counted(count, 'target')}: up to date")


def print_changes(
    invocation: Invocation, count: int, changes: "tuple[Change, ...]", *, diff: bool
) -> None:
    """Print what compiling would change: the differences, or the files; for GitHub nothing."""
    from compiler.output.unified_diff import unified

    if invocation.output_format is DiagnosticFormat.JSON:
        _print_json(invocation, count, changes, diff=diff)
    elif diff:
        click.echo(coloured_diff(escaped_lines("".join(unified(changes)))), nl=False)
    elif invocation.output_format is DiagnosticFormat.TEXT:
        for change in changes:
            click.echo(printable(f"{invocation.shown}{change.path}: would be {change.kind}d"))


def _print_json(
    invocation: Invocation, count: int, changes: "tuple[Change, ...]", *, diff: bool = False
) -> None:
    """Print the number of targets and the files that differ, with the differences if wanted."""
    import json

    from compiler.output.unified_diff import unified

    files = [
        {
            "path": f"{invocation.shown}{change.path}",
            "change": change.kind,
            **({"diff": "".join(unified((change,)))} if diff else {}),
        }
        for change in changes
    ]
    click.echo(json.dumps({"version": 1, "targets": count, "files": files}, indent=1))


def print_summary(invocation: Invocation, plan: "Plan", changes: "tuple[Change, ...]") -> None:
    """Print the number of targets, the files that changed, and what to run next."""
    if invocation.output_format is DiagnosticFormat.JSON:
        _print_json(invocation, len(plan.targets), changes)
        return
    sizes = Counter(target.image for target in plan.targets)
    names = list(plan.matrix.images)
    images = ", ".join(f"{name} ({sizes[name]})" for name in names[:_IMAGES])
    more = " ..." if len(names) > _IMAGES else ""
    click.echo(f"{counted(len(plan.targets), 'target')}: {images}{more}")
    click.echo(printable(_changed_files(changes, invocation.shown)))
    folder = f"cd {shlex.quote(invocation.shown.rstrip('/'))} && " if invocation.shown else ""
    click.echo(f"next: {folder}docker buildx bake")
    variable = _example_filter(plan)
    if variable is not None:
        click.echo(f"      {folder}{variable} docker buildx bake     only these targets")


def print_written(invocation: Invocation, count: int, changes: "tuple[Change, ...]") -> None:
    """Print a short difference of what a later run of --watch wrote."""
    if invocation.output_format is DiagnosticFormat.JSON:
        _print_json(invocation, count, changes)
        return
    from compiler.reports.short_diff import short_diff

    text = "".join(f"{line}\n" for line in short_diff(changes))
    click.echo(coloured_diff(escaped_lines(text)), nl=False)
    click.echo(
        printable(f"{counted(count, 'target')}: {_changed_files(changes, invocation.shown)}")
    )


def _changed_files(changes: "tuple[Change, ...]", shown: str) -> str:
    """Return what was written, updated and removed: the files if they are few, else the folders."""
    texts = []
    for kind, verb in (("create", "written"), ("update", "updated"), ("delete", "removed")):
        paths = [change.path for change in changes if change.kind == kind]
        count = len(paths)
        if count > FEW:
            folders = [path[: path.rfind("/") + 1] for path in paths]
            sizes = Counter(folders)
            paths = [
                path if sizes[folder] == 1 or not folder else folder
                for path, folder in zip(paths, folders, strict=True)
            ]
        if paths:
            named = ", ".join(f"{shown}{path}" for path in sorted(dict.fromkeys(paths)))
            texts.append(f"{counted(count, 'file')} {verb}: {named}")
    return "; ".join(texts) or "up to date"


def _example_filter(plan: "Plan") -> str | None:
    """Return a filter variable that selects some of the targets by a value that people build."""
    for axis in plan.matrix.axes.values():
        used = {target.axes.get(axis.name) for target in plan.targets}
        for value in axis.values:
            plain = value.text not in {"false", "null"} and "," not in value.text
            if plain and len(used) > 1 and value.value in used:
                return f"ONLY_{axis.name.upper()}={shlex.quote(value.text)}"
    return None
