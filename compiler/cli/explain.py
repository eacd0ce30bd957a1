"""`compile-matrix explain`: print where each value of a target comes from."""

from typing import TYPE_CHECKING

import click

from compiler.cli.completion import complete_target
from compiler.cli.context import Invocation
from compiler.errors import CompileError


if TYPE_CHECKING:
    from collections.abc import Mapping

    from compiler.reports.explain.explain import Content


@click.command("explain")
@click.argument(
    "words",
    nargs=-1,
    required=True,
    metavar="TARGET | AXIS=VALUE...",
    shell_complete=complete_target,
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For people or for programs.",
)
@click.pass_obj
def explain_(given: Invocation, words: tuple[str, ...], form: str) -> None:
    """Show where each value, tag, platform and rule of a target comes from.

    TARGET is its name; or say one value for each axis, and image=NAME where several images have
    these axes. A combination that the rules drop is explained, too: by which rule, where, and
    which targets are nearest.

    \b
    Examples:
      compile-matrix explain server-3_11-gpu
      compile-matrix explain image=server python=3.11 gpu=true
      compile-matrix explain server-3_11-gpu --format json
    """
    from compiler.reports.explain.explain import explain

    plan = given.plan()
    told, left = explain(plan, words)
    contents = _contents(given) if any(one.build for one in told) else {}
    if form == "json":
        from compiler.reports.explain.json_output import as_json

        click.echo(as_json(told, left, contents), nl=False)
    else:
        from compiler.reports.explain.text_output import as_text

        click.echo(as_text(told, left, contents), nl=False)


def _contents(given: Invocation) -> "Mapping[str, Content]":
    """Return what decides each image; nothing where the templates are not as they should be."""
    import os

    from compiler.fingerprint.project import project_fingerprints
    from compiler.pipeline import compile_matrix
    from compiler.reports.explain.explain import Content

    try:
        compiled = compile_matrix(given.path, shown=given.shown, limit=given.limit)
        prints = project_fingerprints(compiled, given.folder, os.environ, shown=given.shown)
    except CompileError:
        return {}
    return {name: Content(one.digest, one.whole) for name, one in prints.items()}
