"""`compile-matrix list`: print the targets that filters select."""

import click

from compiler.cli.completion import complete_filter
from compiler.cli.context import Invocation


@click.command("list")
@click.argument("words", nargs=-1, metavar="[FILTER]...", shell_complete=complete_filter)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "names", "json", "github", "selection"]),
    default="table",
    show_default=True,
    help="For people, one name a line, as in matrix.json, a job matrix, or for --selection.",
)
@click.option("--selection", metavar="FILE", help="Only targets that this file selects.")
@click.pass_obj
def list_(given: Invocation, words: tuple[str, ...], form: str, selection: str | None) -> None:
    """List targets; several filters narrow each other.

    FILTER is axis=matcher[,matcher...], image=NAME, platform=linux/arm64 (or platform=local), or
    the name of a target or group. A matcher is a value, a version range, a glob, or !matcher for
    all else; null takes images that lack the axis.

    \b
    Examples:
      compile-matrix list
      compile-matrix list python=3.11,3.12 gpu=true
      compile-matrix list 'python>=3.11,<3.14' 'image=!training'
      compile-matrix list image=server --format names
      compile-matrix list gpu=true --format selection > gpu.json
    """
    from compiler.reports.listing import ListFormat, listing
    from compiler.targets.filters import select
    from compiler.targets.selection_file import selected

    plan = given.plan()
    targets = select(plan, words)
    if selection is not None:
        targets = selected(plan, targets, selection)
    click.echo(listing(plan, targets, ListFormat(form)), nl=False)
    if selection is not None and not targets:
        given.note_none()
