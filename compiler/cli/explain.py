"""`compile-matrix explain`: print where each value of a target comes from."""

from typing import TYPE_CHECKING

import click

from compiler.cli.common_options import Command, format_option
from compiler.cli.completion import complete_target
from compiler.cli.context import Invocation, pass_invocation
from compiler.errors import CompileError


if TYPE_CHECKING:
    from collections.abc import Mapping

    from compiler.reports.explain.explain import Content


@click.command("explain", cls=Command)
@click.argument(
    "filters",
    nargs=-1,
    required=True,
    metavar="TARGET | AXIS=VALUE...",
    shell_complete=complete_target,
)
@format_option("text", "json", help="Format of the explanation.")
@pass_invocation
def explain_(invocation: Invocation, /, filters: tuple[str, ...], output_format: str) -> None:
    """Show where each value, tag, platform and rule of a target comes from.

    Write the name of a TARGET, or one value for each axis; add image=NAME if several images have
    these axes. If a rule excludes the combination, the rule, its location and the nearest targets
    are shown.

    \b
    Examples:
      compile-matrix explain server-3_11-gpu
      compile-matrix explain image=server python=3.11 gpu=true
      compile-matrix explain server-3_11-gpu --format json
    """
    from compiler.reports.explain.explain import explain

    explanations, open_queries = explain(invocation.plan(), filters)
    contents = (
        _contents(invocation) if any(explanation.build for explanation in explanations) else {}
    )
    if output_format == "json":
        from compiler.reports.explain.json_output import as_json

        click.echo(as_json(explanations, open_queries, contents), nl=False)
    else:
        from compiler.reports.explain.text_output import as_text

        click.echo(as_text(explanations, open_queries, contents), nl=False)


def _contents(invocation: Invocation) -> "Mapping[str, Content]":
    """Return the fingerprint of each target; nothing if a template is invalid."""
    from compiler.fingerprint.fingerprint import project_fingerprints
    from compiler.reports.explain.explain import Content

    try:
        compiled = invocation.compile()
        resolved = invocation.resolve(compiled.plan)
        fingerprints = project_fingerprints(
            compiled, resolved, invocation.folder, shown=invocation.shown
        )
    except CompileError:
        return {}
    return {
        name: Content(fingerprint.digest, fingerprint.whole)
        for name, fingerprint in fingerprints.items()
    }
