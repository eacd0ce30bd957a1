"""`compile-matrix list`: print the targets that filters select."""

import os

import click

from compiler.cli.common_options import LIST_FORMATS, Command, format_option
from compiler.cli.completion import complete_filter
from compiler.cli.context import Invocation, pass_invocation
from compiler.cli.terminal import table_width, with_header
from compiler.constants import GITHUB_JOBS


@click.command("list", cls=Command)
@click.argument("filters", nargs=-1, metavar="[FILTER]...", shell_complete=complete_filter)
@format_option(
    *LIST_FORMATS,
    help="Format of the targets: a table, one name per line, the JSON of matrix.json, a job "
    f"matrix for GitHub (at most {GITHUB_JOBS} jobs), or a file for --selection.",
)
@click.option(
    "--selection", type=click.Path(), metavar="FILE", help="List only targets in this file."
)
@click.option(
    "--resolved",
    is_flag=True,
    help="Show tags with the values of variables, from the environment or their defaults.",
)
@pass_invocation
def list_(
    invocation: Invocation,
    /,
    filters: tuple[str, ...],
    output_format: str,
    selection: str | None,
    *,
    resolved: bool,
) -> None:
    """List targets with their axes, platforms and tags.

    Several filters select their intersection. FILTER is axis=MATCHER[,MATCHER...], image=NAME,
    platform=linux/arm64, platform=local, or the name of a target or group. MATCHER is a value, a
    version range, a glob, or !MATCHER for everything else; null matches images without the axis.

    \b
    Examples:
      compile-matrix list
      compile-matrix list python=3.11,3.12 gpu=true
      compile-matrix list 'python>=3.11,<3.14' 'image=!training'
      compile-matrix list image=server --resolved
      compile-matrix list image=server --format names
      compile-matrix list gpu=true --format selection > gpu.json
    """
    from compiler.reports.listing import ListFormat, listing
    from compiler.targets.filters import select
    from compiler.targets.selection_file import selected

    plan = invocation.plan()
    targets = select(plan, filters)
    if selection is not None:
        targets = selected(plan, targets, selection)
    text = listing(
        plan,
        targets,
        ListFormat(output_format),
        environment=os.environ if resolved else None,
        terminal=table_width(),
    )
    click.echo(with_header(text) if output_format == ListFormat.TABLE else text, nl=False)
    if selection is not None and not targets:
        invocation.note_empty_selection()
    if output_format == ListFormat.GITHUB and len(targets) > GITHUB_JOBS:
        click.echo(
            f"note: GitHub accepts at most {GITHUB_JOBS} jobs in one matrix, and these are "
            f"{len(targets):,}; `compile-matrix ci github` puts several targets into one job",
            err=True,
        )
