"""The options of compiling."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click


_OPTIONS = (
    click.option(
        "--check", is_flag=True, help="Write nothing; exit 1 if the generated files are stale."
    ),
    click.option("--diff", is_flag=True, help="Like --check, and show the differences."),
    click.option("--strict", is_flag=True, help="Treat warnings as errors."),
    click.option("--locked", is_flag=True, help="Fail if a base image is missing in matrix.lock."),
    click.option(
        "--watch",
        is_flag=True,
        help="Compile again whenever a file changes that compiling reads, until interrupted.",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileOptions:
    """The options of compiling."""

    check: bool
    diff: bool
    strict: bool
    locked: bool
    watch: bool

    @property
    def is_dry(self) -> bool:
        """Return whether nothing is written."""
        return self.check or self.diff


def add_compile_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of compiling to a command, which takes them as `CompileOptions`."""

    @wraps(command)
    def with_options(
        *arguments: Any, check: bool, diff: bool, strict: bool, locked: bool, watch: bool
    ) -> None:
        options = CompileOptions(check=check, diff=diff, strict=strict, locked=locked, watch=watch)
        command(*arguments, options=options)

    for option in reversed(_OPTIONS):
        with_options = option(with_options)
    return with_options
