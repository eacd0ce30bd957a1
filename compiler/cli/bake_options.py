"""What commands that bake share: options, words for bake, and how it goes on a terminal."""

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click


if TYPE_CHECKING:
    from compiler.cli.progress_display import Lines


Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Bake processes at once."),
    click.option(
        "--part",
        type=click.IntRange(1, 100),
        metavar="N",
        help="Targets that one bake process builds, what they stand on included.",
    ),
    click.option(
        "--retries",
        type=click.IntRange(min=0),
        metavar="N",
        help="How often a target is tried again after a fault of network, registry or engine.",
    ),
    click.option("--builder", metavar="NAME", help="The builder of buildx to build with."),
    click.option(
        "--set",
        "sets",
        multiple=True,
        metavar="TARGET.KEY=VALUE",
        help="Override a field, as of bake; can be given several times.",
    ),
    click.option("--no-cache", is_flag=True, help="Build without the cache."),
    click.option("--pull", is_flag=True, help="Look for newer base images."),
)
_BAKED = ("builder", "no_cache", "pull", "sets", "jobs", "part", "retries")


def baking(command: Command) -> Command:
    """Give a command the options of how it bakes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def baked(said: dict[str, Any]) -> dict[str, Any]:
    """Return what those options say; what they do not say has its default."""
    return {name: said[name] for name in _BAKED if said[name] is not None}


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
