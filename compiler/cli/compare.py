"""`compile-matrix compare`: print the differences from an existing bake file."""

import click

from compiler.cli.context import Invocation
from compiler.output.bake_fields import COMPARED


@click.command("compare")
@click.argument("file", metavar="FILE")
@click.option(
    "--ignore",
    "ignored",
    multiple=True,
    type=click.Choice(COMPARED),
    metavar="FIELD",
    help=f"A field that may differ; can be given several times: {', '.join(COMPARED)}.",
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
def compare_(given: Invocation, file: str, ignored: tuple[str, ...], form: str) -> None:
    """Show what differs between this matrix and an existing bake file, target by target.

    FILE is what `docker buildx bake` reads (HCL, JSON, compose), or the JSON of its --print, also
    from stdin (`-`). Targets are the same if they share a tag. Variables have the values of the
    environment, or their defaults; tags that move count with MOVING=true, caches of the targets'
    own with CACHE=read or CACHE=write. Dockerfiles are not compared. An old buildx such as 0.13
    leaves out `network`, `entitlements` and `extra-hosts`.

    Exit code 0 if nothing differs, 1 if something does.

    \b
    Examples:
      compile-matrix compare ../old/docker-bake.hcl
      compile-matrix compare old.hcl --ignore context --ignore contexts
      docker buildx bake --print everything | compile-matrix compare -
    """
    import os

    from compiler.output.bake_resolved import definition
    from compiler.reports.compare.compare import compare
    from compiler.reports.compare.output import as_json, as_text
    from compiler.reports.compare.read_bakefile import read_definition

    plan = given.plan()
    theirs = read_definition(file)
    found = compare(definition(plan, os.environ), theirs, ignored)
    name = "stdin" if file == "-" else file
    click.echo(as_json(found, name) if form == "json" else as_text(found, name), nl=False)
    if not found.same:
        raise click.exceptions.Exit(1)
