"""`compile-matrix compare`: print the differences from an existing bake file."""

import click

from compiler.cli.common_options import Command, format_option
from compiler.cli.context import Invocation, pass_invocation
from compiler.output.bake_fields import COMPARED


@click.command("compare", cls=Command)
@click.argument("bake_file", metavar="FILE", type=click.Path(allow_dash=True))
@click.option(
    "--ignore",
    "ignored",
    multiple=True,
    type=click.Choice(COMPARED),
    metavar="FIELD",
    help=f"Do not compare this field; repeatable. One of {', '.join(COMPARED)}.",
)
@format_option("text", "json", help="Format of the comparison.")
@pass_invocation
def compare_(
    invocation: Invocation, /, bake_file: str, ignored: tuple[str, ...], output_format: str
) -> None:
    """Compare this matrix with an existing bake file, target by target.

    FILE is a bake file (HCL, JSON or compose), or the JSON that `docker buildx bake --print`
    prints; `-` reads it from stdin. Targets with a common tag are compared with each other.
    Variables have their values from the environment, or their defaults. Set MOVING=true to compare
    floating tags, and CACHE=read or CACHE=write to compare caches. Dockerfiles are not compared.
    buildx 0.13 does not print `network`, `entitlements` and `extra-hosts`.

    Exit code 0 if nothing differs, 1 if something does.

    \b
    Examples:
      compile-matrix compare ../old/docker-bake.hcl
      compile-matrix compare old.hcl --ignore context --ignore contexts
      docker buildx bake --print everything | compile-matrix compare -
      git show main:docker-bake.hcl | compile-matrix compare -
    """
    from compiler.reports.compare.compare import compare
    from compiler.reports.compare.output import as_json, as_text
    from compiler.reports.compare.read_bakefile import read_definition

    plan = invocation.plan()
    ours = invocation.resolve(plan).definition()
    comparison = compare(ours, read_definition(bake_file), ignored)
    name = "stdin" if bake_file == "-" else bake_file
    write = as_json if output_format == "json" else as_text
    click.echo(write(comparison, name), nl=False)
    if not comparison.same:
        raise click.exceptions.Exit(1)
