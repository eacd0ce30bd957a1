"""`compile-matrix list`: print the targets that filters select."""

import os

import click

from compiler.cli.common_options import LIST_FORMATS, Command, format_option, selection_option
from compiler.cli.completion import complete_columns, complete_filter
from compiler.cli.context import Invocation, pass_invocation
from compiler.cli.terminal import table_width, with_header
from compiler.constants import GITHUB_JOBS
from compiler.errors import CompileError


@click.command("list", cls=Command)
@click.argument("filters", nargs=-1, metavar="[FILTER]...", shell_complete=complete_filter)
@format_option(
    *LIST_FORMATS,
    "grid",
    help="Format of the targets: a table, one name per line, the JSON of matrix.json, a job "
    f"matrix for GitHub (at most {GITHUB_JOBS} jobs), a file for --selection, or a grid of two "
    "axes. A terminal shows a grid where the targets differ in exactly two axes.",
)
@click.option(
    "--columns",
    metavar="NAMES",
    shell_complete=complete_columns,
    help="Columns of the table, separated by commas: axes, target, image, variant, platforms, "
    "tags, floating-tags, shared-tags, platform-tags, repositories, parent, dockerfile, eol, "
    "context, groups.",
)
@click.option(
    "--sort",
    metavar="NAMES",
    shell_complete=complete_columns,
    help="Sort by these columns instead of the order of the matrix; -NAME sorts downwards.",
)
@selection_option("List only targets in this file.")
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
    columns: str | None,
    sort: str | None,
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
      compile-matrix list --columns target,tags --sort=-python,gpu
      compile-matrix list image=server --format names
      compile-matrix list gpu=true --format selection > gpu.json
    """
    from compiler.reports.end_of_life import explain_missing_ends
    from compiler.reports.list_columns import chosen_columns, sort_targets
    from compiler.reports.listing import ListFormat, listing
    from compiler.targets.filters import select
    from compiler.targets.selection_file import selected

    shown_as = ListFormat(output_format)
    if columns is not None and shown_as is not ListFormat.TABLE:
        raise click.UsageError(f"--columns cannot be combined with --format {shown_as}")
    width = table_width()
    if width is not None and columns is None and not (sort or resolved or _is_chosen()):
        shown_as = ListFormat.GRID
    files = invocation.files()
    plan = invocation.plan(files)
    names = None if columns is None else chosen_columns(plan, columns)
    targets = select(plan, filters)
    if selection is not None:
        targets = selected(plan, targets, selection)
    if sort is not None:
        targets = sort_targets(plan, targets, sort)
    if resolved:
        from compiler.bake.environment_values import require_values
        from compiler.output.bake_resolved import ResolvedPlan

        resolved_plan, shown = ResolvedPlan(plan, os.environ), [target.name for target in targets]
        try:
            require_values(resolved_plan, files, shown, moves=True, published=True)
        except CompileError as error:
            invocation.warn_of([error])
    text = listing(
        plan,
        targets,
        shown_as,
        environment=os.environ if resolved else None,
        terminal=width,
        columns=names,
    )
    is_table = shown_as in (ListFormat.TABLE, ListFormat.GRID)
    click.echo(with_header(text) if is_table else text, nl=False)
    if "eol" in (names or ()) and (missing := explain_missing_ends(plan.matrix)):
        invocation.note(missing)
    if selection is not None and not targets:
        invocation.note_empty_selection()
    if output_format == ListFormat.GITHUB and len(targets) > GITHUB_JOBS:
        click.echo(
            f"note: GitHub accepts at most {GITHUB_JOBS} jobs in one matrix, and these are "
            f"{len(targets):,}; `compile-matrix ci github` puts several targets into one job",
            err=True,
        )


def _is_chosen() -> bool:
    """Return whether the user chose a format."""
    source = click.get_current_context().get_parameter_source("output_format")
    return source is not click.core.ParameterSource.DEFAULT
