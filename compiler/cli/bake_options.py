"""What commands that bake share: options, words for bake, and how it goes on a terminal."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from compiler.constants import BAKE_BATCH, BAKE_JOBS, BAKE_RETRIES


if TYPE_CHECKING:
    from compiler.bake.results import BakeOptions
    from compiler.cli.progress_display import Lines


_OPTIONS = (
    click.option(
        "--jobs",
        type=click.IntRange(min=1),
        default=BAKE_JOBS,
        show_default=True,
        metavar="N",
        help="Maximum number of bake invocations at the same time.",
    ),
    click.option(
        "--part",
        type=click.IntRange(1, 100),
        default=BAKE_BATCH,
        show_default=True,
        metavar="N",
        help="Maximum number of targets per bake invocation, dependencies included.",
    ),
    click.option(
        "--retries",
        type=click.IntRange(min=0),
        default=BAKE_RETRIES,
        show_default=True,
        metavar="N",
        help="Retries of a target after transient errors of network, registry or engine.",
    ),
    click.option("--builder", metavar="NAME", help="Build with this buildx builder."),
    click.option(
        "--set",
        "sets",
        multiple=True,
        metavar="TARGET.KEY=VALUE",
        help="Override a field, as in bake; repeatable.",
    ),
    click.option("--no-cache", is_flag=True, help="Build without the cache."),
    click.option("--pull", is_flag=True, help="Always pull base images."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BakeFlags:
    """The options about baking that `build` and `publish` share."""

    builder: str | None
    sets: tuple[str, ...]
    no_cache: bool
    pull: bool
    jobs: int
    batch_size: int
    retries: int

    def options(self, folder: Path) -> "BakeOptions":
        """Return the options of a build in this project's folder."""
        from compiler.bake.results import BakeOptions

        return BakeOptions(
            folder=folder,
            builder=self.builder,
            sets=self.sets,
            no_cache=self.no_cache,
            pull=self.pull,
            jobs=self.jobs,
            batch_size=self.batch_size,
            retries=self.retries,
        )


def add_bake_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the shared options to a command, which receives them as `flags: BakeFlags`."""

    @wraps(command)
    def with_flags(
        *arguments: Any,
        builder: str | None,
        sets: tuple[str, ...],
        no_cache: bool,
        pull: bool,
        jobs: int,
        part: int,
        retries: int,
        **others: Any,
    ) -> None:
        flags = BakeFlags(
            builder=builder,
            sets=sets,
            no_cache=no_cache,
            pull=pull,
            jobs=jobs,
            batch_size=part,
            retries=retries,
        )
        command(*arguments, flags=flags, **others)

    for option in reversed(_OPTIONS):
        with_flags = option(with_flags)
    return with_flags


class PassingOn(click.Command):
    """A command that keeps what stands behind `--` apart: it is for another program."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse what stands before it."""
        at = args.index("--") if "--" in args else len(args)
        ctx.meta[PassingOn.__name__] = tuple(args[at + 1 :])
        return super().parse_args(ctx, args[:at])

    @staticmethod
    def passed(ctx: click.Context) -> tuple[str, ...]:
        """Return what stands behind."""
        found: tuple[str, ...] = ctx.meta[PassingOn.__name__]
        return found


def display() -> "Lines":
    """Return what shows how it goes: live on a terminal that can, else lines."""
    from compiler.cli.progress_display import Lines, Live

    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return Lines(lambda text: click.echo(text, err=True))
    from rich.console import Console

    return Live(Console(stderr=True, no_color=bool(os.environ.get("NO_COLOR")) or None))
