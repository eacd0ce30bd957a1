"""The commands that look up releases and move tags to them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import click

from compiler.cli.context import Invocation
from compiler.reports.text import counted


if TYPE_CHECKING:
    from compiler.external.registry.client import Registries
    from compiler.releases.record import Record

_form = click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="For people or for programs.",
)


@click.group("release")
def release_() -> None:
    """Look up releases, and move the tags that move to one of them.

    Releases are what their records in the registry say, beside the images of this matrix.
    """


@release_.command("list")
@_form
@click.pass_obj
def list_(given: Invocation, form: str) -> None:
    """List the releases that there are, the newest first.

    \b
    Examples:
      compile-matrix release list
      compile-matrix release list --format json
    """
    from compiler.publish.output import PublishFormat, listed
    from compiler.releases.history import every

    with _registries() as registries:
        found = every(registries, _home(given, registries))
    click.echo(listed(found, PublishFormat(form)), nl=False)
    if not found:
        click.echo("there is no release", err=True)


@release_.command("show")
@click.argument("version", metavar="VERSION")
@click.argument("words", nargs=-1, metavar="[FILTER]...")
@_form
@click.pass_obj
def show_(given: Invocation, version: str, words: tuple[str, ...], form: str) -> None:
    """Show what each tag of a release is: digests, platforms, bases, where the SBOM is.

    Of the tags that move it says which stand for this release now.

    FILTER is as of `list`, or the name of a target that the matrix no longer has.

    \b
    Examples:
      compile-matrix release show v1.4.0
      compile-matrix release show v1.4.0 python=3.11 --format json
    """
    from compiler.publish.output import PublishFormat, shown
    from compiler.releases.history import held, narrowed, sboms

    with _registries() as registries:
        record = _record(given, registries, version)
        if words:
            record = narrowed(record, _named(given, record, words))
        places, now = sboms(registries, record), held(registries, record)
    click.echo(shown(record, PublishFormat(form), places, now), nl=False)


@release_.command("promote")
@click.argument("version", metavar="VERSION")
@click.option("--builder", metavar="NAME", help="The builder whose settings of registries count.")
@click.pass_obj
def promote_(given: Invocation, version: str, builder: str | None) -> None:
    """Move the tags that move to a release, forward or back; its own tags stay.

    Each is looked at afterwards. Running it again does what is left.

    \b
    Examples:
      compile-matrix release promote v1.3.2
    """
    from compiler.publish.promote import move

    with _registries() as registries:
        record = _record(given, registries, version)
        moved = move(registries, record, builder)
    for tag, changed in moved.items():
        click.echo(f"{tag}: {'moved' if changed else 'there already'}")
    click.echo(f"{counted(sum(moved.values()), 'tag')} moved to {version}")


@contextmanager
def _registries() -> "Iterator[Registries]":
    """Give the registries; what they refuse ends it."""
    from compiler.external.registry.client import Registries, RegistryError

    try:
        yield Registries(os.environ)
    except RegistryError as error:
        _end(str(error))


def _home(given: Invocation, registries: "Registries") -> str:
    """Return where the records are."""
    from compiler.publish.items import homes
    from compiler.releases.record import settled

    found = settled(registries, homes(given.plan(), os.environ))
    if found is None:
        _end("no target of the matrix has a tag, so there are no releases")
    return found


def _record(given: Invocation, registries: "Registries", version: str) -> "Record":
    from compiler.releases.record import pull, versions

    home = _home(given, registries)
    found = pull(registries, home, version) if _is_tag(version) else None
    if found is None:
        from compiler.errors import did_you_mean

        known = versions(registries, home)
        near = did_you_mean(version, known, otherwise="`compile-matrix release list` shows all")
        _end(f"there is no release {version!r} in {home}: {near}")
    return found


def _is_tag(version: str) -> bool:
    from compiler.external.references import canonical_tag

    return canonical_tag(f"x:release-{version}") is not None


def _named(given: Invocation, record: "Record", words: tuple[str, ...]) -> list[str]:
    """Return the targets of a record that filters leave."""
    from compiler.targets.filters import select

    recorded = {row["target"] for row in record["targets"]}
    if recorded.issuperset(words):
        return [*words]
    return [target.name for target in select(given.plan(), words)]


def _end(message: str) -> NoReturn:
    click.echo(f"error: {message}", err=True)
    raise click.exceptions.Exit(1)
