"""Commands that accept the common options: `-f`, `--format` and `--max-variants`.

They may be written before or after the command's name. The last value of `-f` and `--max-variants`
counts. The first `--format` selects the format of diagnostics; a command with a `--format` of its
own writes diagnostics in that format, too, if it is `json` or `github`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from compiler.cli.context import FILE, LIMIT
from compiler.cli.diagnostic_output import DiagnosticFormat
from compiler.cli.failure import CommandError
from compiler.constants import MAX_VARIANTS
from compiler.errors import did_you_mean


_SENTENCE = 120
"""Maximum length of a command's help in the list of commands."""


def _saved(key: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    """Return a callback that saves an option's value for the invocation."""

    def save(context: click.Context, _parameter: click.Parameter, value: object) -> None:
        if value is not None:
            context.meta[key] = value

    return save


def common_options(*, top: bool = False) -> list[click.Parameter]:
    """Return the common options, for the program itself (`top`) or for a command."""
    return [
        click.Option(
            ["-f", "--file", "matrix_file"],
            type=click.Path(path_type=Path),
            callback=_saved(FILE),
            expose_value=False,
            metavar="FILE",
            help="Use this matrix.  [default: matrix.yaml of this or the nearest folder above]",
        ),
        click.Option(
            ["--format"],
            type=click.Choice([form.value for form in DiagnosticFormat]),
            expose_value=False,
            help="Format of errors and warnings.  [default: text]",
        ),
        click.Option(
            ["--max-variants"],
            type=click.IntRange(min=1),
            envvar="COMPILE_MATRIX_MAX_VARIANTS" if top else None,
            show_envvar=top,
            callback=_saved(LIMIT),
            expose_value=False,
            metavar="N",
            help=f"Maximum number of variants.  [default: {MAX_VARIANTS}]",
        ),
    ]


LIST_FORMATS = ("table", "names", "json", "github", "selection")
"""Formats of commands that list targets."""


def format_option(
    *formats: str,
    help: str,  # noqa: A002
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that adds a command's own `--format`; the first format is the default."""
    return click.option(
        "--format",
        "output_format",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help=help,
    )


def selection_option(
    help: str,  # noqa: A002
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that adds `--selection`: a file that selects targets."""
    return click.option("--selection", type=click.Path(), metavar="FILE", help=help)


def since_option(
    help: str,  # noqa: A002
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that adds `--since`: the Git commit of a comparison, as `commit`."""
    return click.option("--since", "commit", metavar="REV", help=help)


def against_option(
    help: str,  # noqa: A002
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that adds `--against registry`."""
    return click.option("--against", type=click.Choice(["registry"]), help=help)


def set_option(
    help: str,  # noqa: A002
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that adds `--set`: fields that differ, as `sets`; repeatable."""
    return click.option(
        "--set", "sets", multiple=True, metavar="TARGET.KEY=VALUE", help=f"{help}; repeatable."
    )


def checks_option(
    help: str,  # noqa: A002
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that adds `--checks`: names, separated by commas; repeatable."""

    def split(
        _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
    ) -> tuple[str, ...]:
        names = [name.strip() for value in values for name in value.split(",")]
        if values and not all(names):
            raise click.BadParameter("name at least one check")
        return tuple(dict.fromkeys(names))

    return click.option(
        "--checks", multiple=True, metavar="NAMES", callback=split, help=f"{help} Repeatable."
    )


class _WithCommonOptions(click.Command):
    """Adds the common options to a command, in a section of their own in its help."""

    def __init__(self, *arguments: Any, top: bool = False, **settings: Any) -> None:
        """Take what click takes; `top` is true for the program itself."""
        super().__init__(*arguments, **settings)
        own = {option for parameter in self.params for option in parameter.opts}
        self._common = [option for option in common_options(top=top) if own.isdisjoint(option.opts)]
        self.params += self._common

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse arguments; each error of them names this command, whose help it points to."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options, then the common ones."""
        for title, parameters in (
            (
                "Options",
                [parameter for parameter in self.get_params(ctx) if parameter not in self._common],
            ),
            ("Common options", self._common),
        ):
            options = [parameter for parameter in parameters if isinstance(parameter, click.Option)]
            rows = [row for option in options if (row := option.get_help_record(ctx)) is not None]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


METAVAR = "COMMAND [ARGS]..."
"""How the usage of a group shows that a command is required."""


def require_command(context: click.Context) -> None:
    """Reject a group without a command; a group with `invoke_without_command` calls this.

    Otherwise click raises an error whose message is the whole help of the group.
    """
    if context.invoked_subcommand is None and isinstance(context.command, Group):
        raise CommandError("missing command", context, help_=context.command.choices())


class Command(_WithCommonOptions):
    """A command with the common options."""


class Group(_WithCommonOptions, click.Group):
    """A group of commands with the common options."""

    command_class = Command
    group_class = type

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments name; suggest the nearest for an unknown one."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            help_ = did_you_mean(args[0], self.commands, otherwise=self.choices())
            raise CommandError(f"unknown command {args[0]!r}", ctx, help_=help_)
        return super().resolve_command(ctx, args)

    def choices(self) -> str:
        """Return help that lists the commands."""
        return f"use one of these commands: {', '.join(self.commands)}"

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, then the commands."""
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each command with the whole first sentence of its help."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(self.summaries().items()))

    def summaries(self) -> Mapping[str, str]:
        """Return the first sentence of the help of each command."""
        return {
            name: command.get_short_help_str(limit=_SENTENCE)
            for name, command in self.commands.items()
        }
