"""The command that says what must be built, since a commit or beside what a registry holds."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeVar

import click

from compiler.cli.context import Invocation


if TYPE_CHECKING:
    from collections.abc import Mapping

    from compiler.fingerprint.fingerprint import Fingerprint
    from compiler.output.artifact import Compilation
    from compiler.reports.changed.changed import Changed
    from compiler.targets.target import Target

_ATTEMPTS = 3
"""How often a registry is asked: whoever looks only can look again."""

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--since", "commit", metavar="GIT_REF", help="Beside the matrix of this commit."),
    click.option(
        "--against",
        type=click.Choice(["registry"]),
        help="Beside the images that wait in the registry under their fingerprints.",
    ),
    click.option("--selection", metavar="FILE", help="Only targets that this file selects."),
    click.option(
        "--set",
        "sets",
        multiple=True,
        metavar="TARGET.KEY=VALUE",
        help="What bake will be given as --set; can be given several times.",
    ),
)


class ChangedOptions(NamedTuple):
    """What the options say."""

    words: tuple[str, ...]
    commit: str | None
    against: str | None
    selection: str | None
    sets: tuple[str, ...]


class Found(NamedTuple):
    """What is compiled, and which of its targets are asked for."""

    compiled: "Compilation"
    prints: "Mapping[str, Fingerprint]"
    targets: "tuple[Target, ...]"


def asking(command: Command) -> Command:
    """Give a command the words and options that say what is compared with what."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return click.argument("words", nargs=-1, metavar="[FILTER]...")(command)


@click.command("changed")
@asking
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "names", "json", "github", "selection"]),
    default="table",
    show_default=True,
    help="For people, one name a line, all that is known, a job matrix, or for --selection.",
)
@click.pass_obj
def changed_(given: Invocation, /, form: str, **options: Any) -> None:
    """List what must be built, and why: the targets whose fingerprint is another, or not staged.

    A fingerprint is made of what decides an image and nothing else: its Dockerfile, arguments,
    stage and platforms, the files that it can read, its parent. Tags, labels and the version are
    no part of it. --since compiles the same matrix as it was at a commit, apart from your files.

    Exit code 0 also if nothing changed.

    \b
    Examples:
      compile-matrix changed --since origin/main
      compile-matrix changed image=server --since HEAD~1 --format names
      compile-matrix changed --against registry --format selection > todo.json
    """
    from compiler.reports.changed.output import written
    from compiler.reports.listing import ListFormat

    asked = ChangedOptions(**options)
    if (asked.commit is None) == (asked.against is None):
        raise click.UsageError("say one of --since GIT_REF and --against registry")
    ground = found(given, asked)
    todo = changes(given, asked, ground)
    click.echo(written(ground.compiled.plan, todo, ListFormat(form)), nl=False)
    if ground.targets and not todo:
        click.echo("nothing changed", err=True)


def found(given: Invocation, asked: ChangedOptions) -> Found:
    """Compile, and take the fingerprints of what is asked for; what is wrong ends it."""
    from compiler.fingerprint.project import project_fingerprints
    from compiler.fingerprint.set_overrides import OverrideError
    from compiler.pipeline import compile_matrix
    from compiler.targets.filters import select
    from compiler.targets.selection_file import selected

    try:
        compiled = compile_matrix(given.path, shown=given.shown, limit=given.limit)
        targets = select(compiled.plan, asked.words)
        if asked.selection is not None:
            targets = selected(compiled.plan, targets, asked.selection)
        prints = project_fingerprints(
            compiled, given.folder, os.environ, sets=asked.sets, shown=given.shown
        )
    except OverrideError as error:
        _misused(error)
    if asked.selection is not None and not targets:
        given.note_none()
    return Found(compiled, prints, targets)


def changes(given: Invocation, asked: ChangedOptions, found: Found) -> "tuple[Changed, ...]":
    """Return what of it must be built; what is wrong ends it."""
    from compiler.external.registry.client import Registries
    from compiler.fingerprint.set_overrides import OverrideError
    from compiler.reports.changed.changed import among, changed_since, unstaged
    from compiler.reports.changed.registry_state import repositories, staged

    plan = found.compiled.plan
    try:
        if asked.commit is not None:
            every = changed_since(
                found.compiled,
                given.path,
                asked.commit,
                os.environ,
                found.prints,
                sets=asked.sets,
                limit=given.limit,
            )
            return among(every, found.targets)
        places = repositories(plan, os.environ, plan.matrix.staging)
        wanted = {target.name: found.prints[target.name] for target in found.targets}
        there = staged(wanted, places, Registries(os.environ, _ATTEMPTS))
        return among(unstaged(plan, found.prints, there, places), found.targets)
    except OverrideError as error:
        _misused(error)


def _misused(error: ValueError) -> NoReturn:
    raise click.UsageError(f"--set: {error}") from None
