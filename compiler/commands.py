"""The commands beside compiling: words in, text out; each imports what it needs when it is run."""

from contextlib import suppress
from pathlib import Path

import click

from compiler.console import Context, counted
from compiler.errors import CompileError
from compiler.limits import MAX_VARIANTS
from compiler.report import Form


def _complete_filter(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Offer axes, their values, groups and targets; nothing where the matrix is not readable."""
    with suppress(Exception):
        path = (context.parent or context).params.get("path") or "matrix.yaml"
        plan = Context(Path(path), Form.TEXT, MAX_VARIANTS).plan()
        matrix = plan.matrix
        words = [f"image={name}" for name in matrix.images]
        words += [
            f"{axis.name}={value.text}" for axis in matrix.axes.values() for value in axis.values
        ]
        words += [group.name for group in plan.groups] + [target.name for target in plan.targets]
        return [word for word in words if word.startswith(incomplete)]
    return []


@click.command("list")
@click.argument("words", nargs=-1, metavar="[FILTER]...", shell_complete=_complete_filter)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "names", "json", "github"]),
    default="table",
    show_default=True,
    help="For people, one name a line, as in matrix.json, or a job matrix for GitHub.",
)
@click.pass_obj
def list_(given: Context, words: tuple[str, ...], form: str) -> None:
    """List targets; several filters narrow each other.

    FILTER is axis=value[,value...], image=NAME, platform=linux/arm64 (or platform=local), or the
    name of a target or group.

    \b
    Examples:
      compile-matrix list
      compile-matrix list python=3.11,3.12 gpu=true
      compile-matrix list image=server --format names
    """
    from compiler.listing import Listing, listing
    from compiler.select import select

    plan = given.plan()
    try:
        targets = select(plan, words)
    except CompileError as error:
        given.refuse(error)
    click.echo(listing(plan, targets, Listing(form)), nl=False)


@click.command("init")
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=".")
@click.pass_obj
def init_(given: Context, folder: Path) -> None:
    """Write a working project to DIR, or to this folder: a sample to be changed.

    Nothing is written if any of its files is there already.

    \b
    Examples:
      compile-matrix init
      compile-matrix init base-images
    """
    import shlex

    from compiler.init import init

    try:
        written = init(folder)
    except CompileError as error:
        given.refuse(error)
    for path in written:
        click.echo(folder / path)
    click.echo(f"{counted(len(written), 'file')} written")
    steps = ["compile-matrix", "docker buildx bake --print"]
    if folder != Path():
        steps.insert(0, f"cd {shlex.quote(str(folder))}")
    click.echo("next: " + "\n      ".join(steps))


@click.command("schema")
def schema_() -> None:
    """Print the JSON Schema of matrix.yaml, for editors and checks.

    An editor's YAML server finds it by the first line of matrix.yaml:

    \b
      # yaml-language-server: $schema=matrix.schema.json

    \b
    Examples:
      compile-matrix schema > matrix.schema.json
      check-jsonschema --schemafile matrix.schema.json matrix.yaml
    """
    from compiler.schema import schema_text

    click.echo(schema_text(), nl=False)


COMMANDS = (list_, init_, schema_)
"""In the order in which help shows them."""
