"""Progress of lookups and copies of base images, on stderr."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from compiler.reports.text import counted


@contextmanager
def lookup_progress(count: int, activity: str = "looking up") -> Iterator[Callable[[str], object]]:
    """Show how many images are looked up; the result is called with each image afterwards.

    Args:
        count: the number of images.
        activity: what is done with them.
    """
    if not count:
        yield lambda _: None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (TextColumn(activity), BarColumn(), MofNCompleteColumn())
        image_column = TextColumn("{task.description}")
        with Progress(
            *columns, image_column, console=Console(stderr=True), transient=True
        ) as progress:
            task = progress.add_task("", total=count)
            yield lambda image: progress.update(task, advance=1, description=image)
    else:
        click.echo(f"{activity} {counted(count, 'image')}", err=True)
        finished: list[str] = []

        def done(image: str) -> None:
            finished.append(image)
            click.echo(f"{len(finished)}/{count} {image}", err=True)

        yield done
