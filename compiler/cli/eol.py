"""`compile-matrix eol`: list the axis values whose support ends, and their targets."""

import re

import click

from compiler.cli.common_options import Command, format_option
from compiler.cli.completion import complete_filter
from compiler.cli.context import Invocation, pass_invocation


_DAYS = re.compile(r"(0|[1-9][0-9]{0,4})d?", re.ASCII)


def _read_days(
    _context: click.Context, _parameter: click.Parameter, text: str | None
) -> int | None:
    """Return a number of days."""
    if text is None:
        return None
    match = _DAYS.fullmatch(text)
    if match is None:
        raise click.BadParameter(f"{text!r} is not a number of days such as 90d")
    return int(match[1])


@click.command("eol", cls=Command)
@click.argument("filters", nargs=-1, metavar="[FILTER]...", shell_complete=complete_filter)
@click.option(
    "--within",
    callback=_read_days,
    metavar="DAYS",
    help="List only values whose support ends within so many days (90d) or has ended; exit 1 if "
    "there is one.",
)
@format_option("table", "json", "github", help="Format of the result.")
@pass_invocation
def eol_(
    invocation: Invocation, /, filters: tuple[str, ...], within: int | None, output_format: str
) -> None:
    """List the axis values whose support ends, the earliest first, and their targets.

    These are values with `eol: YYYY-MM-DD`, the last day of support. Days are counted in UTC.
    FILTER is as in `list`.

    \b
    Examples:
      compile-matrix eol
      compile-matrix eol --within 90d
      compile-matrix eol image=server --format json
    """
    from compiler.cli.today import utc_today
    from compiler.reports.end_of_life import explain_missing_ends, find_ends, format_ends
    from compiler.targets.filters import select

    plan, today = invocation.plan(), utc_today()
    ends = find_ends(plan, select(plan, filters))
    if within is not None:
        ends = tuple(end for end in ends if end.days(today) <= within)
    click.echo(format_ends(ends, today, as_json=output_format == "json"), nl=False)
    if not ends:
        when = "" if within is None else f" within {within} days"
        reached = f"no axis value reaches the end of its support{when}"
        invocation.note(explain_missing_ends(plan.matrix) or reached)
    elif within is not None:
        raise click.exceptions.Exit(1)
