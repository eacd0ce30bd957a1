"""The commands beside compiling: words in, text out; each imports what it needs when it is run."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compiler.cli.build import build_
from compiler.cli.changed import changed_
from compiler.cli.ci import ci_
from compiler.cli.context import Invocation, counted
from compiler.cli.diagnostic_output import DiagnosticFormat
from compiler.cli.lock import lock_
from compiler.cli.publish import publish_
from compiler.cli.release import release_
from compiler.constants import MAX_VARIANTS
from compiler.errors import CompileError
from compiler.output.bake_fields import COMPARED


if TYPE_CHECKING:
    from collections.abc import Mapping

    from compiler.reports.explain.explain import Content


def _complete_filter(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Offer axes, their values, groups and targets."""
    return _offered(context, incomplete, groups=True)


def _complete_target(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Offer axes, their values and targets."""
    return _offered(context, incomplete, groups=False)


def _offered(context: click.Context, incomplete: str, *, groups: bool) -> list[str]:
    """Return words that begin so; none where the matrix is not readable."""
    with suppress(Exception):
        path = (context.parent or context).params.get("path") or "matrix.yaml"
        plan = Invocation(Path(path), DiagnosticFormat.TEXT, MAX_VARIANTS).plan()
        matrix = plan.matrix
        words = [f"image={name}" for name in matrix.images]
        words += [
            f"{axis.name}={value.text}" for axis in matrix.axes.values() for value in axis.values
        ]
        words += [group.name for group in plan.groups if groups]
        words += [target.name for target in plan.targets]
        return [word for word in words if word.startswith(incomplete)]
    return []


@click.command("list")
@click.argument("words", nargs=-1, metavar="[FILTER]...", shell_complete=_complete_filter)
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
    try:
        targets = select(plan, words)
        if selection is not None:
            targets = selected(plan, targets, selection)
    except CompileError as error:
        given.refuse(error)
    click.echo(listing(plan, targets, ListFormat(form)), nl=False)
    if selection is not None and not targets:
        given.note_none()


@click.command("init")
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=".")
@click.pass_obj
def init_(given: Invocation, folder: Path) -> None:
    """Write a working project to DIR, or to this folder: a sample to be changed.

    Nothing is written if any of its files is there already.

    \b
    Examples:
      compile-matrix init
      compile-matrix init base-images
    """
    import shlex

    from compiler.output.scaffold import init

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
    from compiler.matrix.json_schema import schema_text

    click.echo(schema_text(), nl=False)


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
    try:
        theirs = read_definition(file)
    except CompileError as error:
        given.refuse(error)
    found = compare(definition(plan, os.environ), theirs, ignored)
    name = "stdin" if file == "-" else file
    click.echo(as_json(found, name) if form == "json" else as_text(found, name), nl=False)
    if not found.same:
        raise click.exceptions.Exit(1)


@click.command("explain")
@click.argument(
    "words",
    nargs=-1,
    required=True,
    metavar="TARGET | AXIS=VALUE...",
    shell_complete=_complete_target,
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
    try:
        told, left = explain(plan, words)
    except CompileError as error:
        given.refuse(error)
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


COMMANDS = (
    *(list_, build_, publish_, release_, changed_, explain_),
    *(lock_, init_, ci_, compare_, schema_),
)
"""In the order in which help shows them."""
