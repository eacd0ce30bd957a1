"""The command that locks base images: words in, matrix.lock and text out."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from compiler.cli.context import Invocation
from compiler.reports.text import counted


if TYPE_CHECKING:
    from compiler.lock.lockfile import Lock, Locked
    from compiler.lock.update import Project


@click.command("lock")
@click.argument("words", nargs=-1, metavar="[IMAGE | FILTER]...")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if a base moved or is missing.")
@click.option("--upgrade", is_flag=True, help="Move bases to what their tags are now.")
@click.option("--refresh", is_flag=True, help="Have targets built anew, without cache.")
@click.option(
    "--date",
    "day",
    metavar="DATE",
    help="With --refresh: the date that is written.  [default: today, UTC]",
)
@click.pass_obj
def lock_(
    given: Invocation,
    words: tuple[str, ...],
    *,
    check: bool,
    upgrade: bool,
    refresh: bool,
    day: str | None,
) -> None:
    """Write matrix.lock: the digest of each external image that the Dockerfiles name.

    Compiling then pins them: `FROM python:3.11-slim@sha256:...`. Without an option this adds what
    is missing, drops what is unused, and keeps the rest. Registries are asked through
    `docker buildx imagetools`, with your own credentials.

    With --upgrade or --check, IMAGE is a base, its repository, or a glob; all of them if there is
    none. With --refresh, FILTER is as for `list`; all targets if there is none.

    \b
    Examples:
      compile-matrix lock
      compile-matrix lock --check
      compile-matrix lock --upgrade 'python:*' nvidia/cuda
      compile-matrix lock --refresh image=server
    """
    if check + upgrade + refresh > 1:
        raise click.UsageError("--check, --upgrade and --refresh exclude each other")
    if words and not (check or upgrade or refresh):
        raise click.UsageError("say --upgrade, --check or --refresh with an image or a filter")
    if day is not None and not refresh:
        raise click.UsageError("--date goes with --refresh")
    from compiler.lock.lockfile import is_date
    from compiler.lock.update import survey

    day = day or datetime.now(UTC).date().isoformat()
    if not is_date(day):
        raise click.BadParameter("a date is written as 2026-11-23", param_hint="--date")
    files = given.files()
    plan = given.plan(files)
    project = survey(plan, files)
    given.tell(project.undecided)
    if check:
        if _check(project, words):
            raise click.exceptions.Exit(1)
    else:
        _renew(given, project, words, upgrade=upgrade, day=day if refresh else "")


def _check(project: "Project", words: tuple[str, ...]) -> bool:
    """Say which bases are not as they are locked; tell whether any is."""
    from compiler.lock.update import chosen, look_up, missing, unused

    asked = chosen(project, words)
    absent = [image for image in missing(project) if image in asked]
    with _progress(len(asked) - len(absent)) as done:
        found = look_up(project, [image for image in asked if image not in absent], done)
    moved = [image for image in found if found[image].digest != project.old.bases[image].digest]
    for image in absent:
        click.echo(f"{image}: not locked")
        _concerned(project, image)
    for image in moved:
        old, new = project.old.bases[image].digest, found[image].digest
        click.echo(f"{image}: moved from {old} to {new}")
        _concerned(project, image)
    for image in () if words else unused(project):
        click.echo(f"{image}: locked, and used no more")
    if absent:
        click.echo("run compile-matrix lock", err=True)
    if moved:
        click.echo("run compile-matrix lock --upgrade", err=True)
    if not absent and not moved:
        click.echo(f"{counted(len(asked), 'base')}: as locked")
    return bool(absent or moved)


def _concerned(project: "Project", image: str) -> None:
    """Say which targets name a base, and which stand on those."""
    names = project.concerned(image)
    click.echo(f"  used by {', '.join(names)}")
    above = project.above(names)
    if above:
        click.echo(f"  below {', '.join(above)}")


def _renew(
    given: Invocation, project: "Project", words: tuple[str, ...], *, upgrade: bool, day: str
) -> None:
    """Write the lock anew and say what is different."""
    from compiler.lock.update import chosen, look_up, missing, renewed, store
    from compiler.targets.filters import select

    images = dict.fromkeys(missing(project))
    if upgrade:
        images.update(dict.fromkeys(chosen(project, words)))
    dates = {target.name: day for target in select(project.plan, words)} if day else {}
    with _progress(len(images)) as done:
        found = look_up(project, sorted(images), done)
    lock = renewed(project, found, dates)
    changed = store(project, lock, given.folder)
    for line in _told(project.old.bases, lock.bases):
        click.echo(line)
    if dates:
        click.echo(f"{counted(len(dates), 'target')} refreshed: {day}")
    _summary(given, lock, changed=changed)


def _told(old: "Mapping[str, Locked]", new: "Mapping[str, Locked]") -> Iterable[str]:
    for image in sorted({*old, *new}):
        if image not in old:
            yield f"{image}: locked at {new[image].digest}"
        elif image not in new:
            yield f"{image}: dropped"
        elif old[image].digest != new[image].digest:
            yield f"{image}: moved from {old[image].digest} to {new[image].digest}"


def _summary(given: Invocation, lock: "Lock", *, changed: bool) -> None:
    what = "written" if changed else "up to date"
    click.echo(f"{counted(len(lock.bases), 'base')}: {given.shown}matrix.lock {what}")
    if changed:
        click.echo("next: compile-matrix")


@contextmanager
def _progress(count: int) -> Iterator[Callable[[str], object]]:
    """Show on stderr how many images are looked up: a bar on a terminal, else a line for each."""
    if not count:
        yield lambda _: None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (TextColumn("looking up"), BarColumn(), MofNCompleteColumn())
        last = TextColumn("{task.description}")
        with Progress(*columns, last, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=count)
            yield lambda image: bar.update(task, advance=1, description=image)
    else:
        click.echo(f"looking up {counted(count, 'image')}", err=True)
        seen: list[str] = []

        def done(image: str) -> None:
            seen.append(image)
            click.echo(f"{len(seen)}/{count} {image}", err=True)

        yield done
