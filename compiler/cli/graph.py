"""`compile-matrix graph`: draw the axes, steps, targets, parents and groups of a matrix."""

import click

from compiler.cli.common_options import Command, format_option
from compiler.cli.context import Invocation, pass_invocation
from compiler.cli.layers import add_layer_options, compiled_layers


@click.command("graph", cls=Command)
@add_layer_options("Draw")
@format_option(
    "mermaid",
    "dot",
    "svg",
    help="Format of the graph: Mermaid for Markdown, dot for Graphviz, or an SVG image.",
)
@pass_invocation
def graph_(
    invocation: Invocation,
    /,
    filters: tuple[str, ...],
    platform: str,
    selection: str | None,
    output_format: str,
) -> None:
    """Draw what the targets of a matrix share, from the first step to the images.

    The graph shows axes, steps, targets, parents, and the groups of matrix.yaml. Branches with the
    same instructions are one branch, as in `layers`, so hundreds of targets need few nodes. SVG
    needs no other program.

    FILTER selects targets as in `list`. The matrix is compiled; no file is written.

    \b
    Examples:
      compile-matrix graph image=server
      compile-matrix graph --format svg > matrix.svg
      compile-matrix graph --format dot | dot -Tpdf > matrix.pdf
    """
    from compiler.reports.graph.dot import dot
    from compiler.reports.graph.graph import make_graph
    from compiler.reports.graph.mermaid import mermaid
    from compiler.reports.graph.svg import svg

    layers = compiled_layers(invocation, filters, platform, selection, advise=False)
    write = {"mermaid": mermaid, "dot": dot, "svg": svg}[output_format]
    click.echo("".join(write(make_graph(layers))), nl=False)
