"""What commands that bake share: their options, and arguments for bake itself."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from compiler.cli.common_options import Command, set_option
from compiler.constants import BAKE_BATCH, BAKE_JOBS, BAKE_RETRIES


if TYPE_CHECKING:
    from compiler.bake.results import BakeOptions


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
    set_option("Override a field, as in bake"),
    click.option("--no-cache", is_flag=True, help="Build without the cache."),
    click.option("--pull", is_flag=True, help="Always pull base images."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BakeFlags:
    """The options about baking that `build` and `publish` share."""

    builder: str | None = None
    sets: tuple[str, ...] = ()
    no_cache: bool = False
    pull: bool = False
    jobs: int = BAKE_JOBS
    batch_size: int = BAKE_BATCH
    retries: int = BAKE_RETRIES

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


_BUILDS_NOTHING = re.compile(
    r"--(?:print|list|list-targets|list-variables|call|check|help)(?:=|\Z)|-[^-f=]*h"
    r"|(?:--set=)?[^-=][^=.]*\.call="
)
"""Arguments with which bake prints something, or checks Dockerfiles, instead of building."""


def reject_idle_arguments(arguments: Sequence[str]) -> None:
    """Reject arguments for bake with which it succeeds and builds nothing.

    Raises:
        UsageError: for the first of them.
    """
    for argument in arguments:
        if _BUILDS_NOTHING.match(argument):
            raise click.UsageError(
                f"{argument!r} cannot be passed to bake: nothing would be built; run "
                f"`docker buildx bake {argument}` instead"
            )


class PassingOn(Command):
    """A command that passes the arguments after `--` to another program."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments before `--`."""
        end = args.index("--") if "--" in args else len(args)
        ctx.meta[PassingOn.__name__] = tuple(args[end + 1 :])
        return super().parse_args(ctx, args[:end])

    @staticmethod
    def passed(ctx: click.Context) -> tuple[str, ...]:
        """Return the arguments after `--`."""
        arguments: tuple[str, ...] = ctx.meta[PassingOn.__name__]
        return arguments
