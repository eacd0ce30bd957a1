"""The commands that make CI jobs of what must be built."""

import os
from typing import TYPE_CHECKING, Any

import click

from compiler.cli.changed import ChangedOptions, asking, changes, found
from compiler.cli.context import Invocation


if TYPE_CHECKING:
    from compiler.reports.ci.shards import Shard


@click.group("ci")
def ci_() -> None:
    """Print the jobs of a CI run: what must be built, in dependency stages of even shards.

    The targets are those of FILTERs and of --selection, all by default; with --since or --against
    those of them that changed. What stands on another is in a later stage. Targets that share
    their first steps stay together, and each shard has about as many different steps.

    An environment with ONLY_* is refused: a filter left over would leave out targets.
    """


_shards = click.option(
    "--shards",
    "most",
    type=click.IntRange(1, 256),
    default=20,
    show_default=True,
    metavar="N",
    help="The most jobs, in all stages together; no more than 256.",
)


@ci_.command("github")
@asking
@_shards
@click.pass_obj
def github_(given: Invocation, /, most: int, **options: Any) -> None:
    """Print job matrices for GitHub: {"stages": [{"include": [...]}, ...], "shards": N}.

    Each job has `name`, `stage`, `shard`, `steps`, `targets`, and `selection`: the text of a file
    for `compile-matrix build --selection`.

    \b
    Examples:
      echo "jobs=$(compile-matrix ci github --since "$BASE")" >> "$GITHUB_OUTPUT"
      compile-matrix ci github --selection changed.json --shards 8
    """
    from compiler.reports.ci.jobs import github

    click.echo(github(_stages(given, ChangedOptions(**options), most)), nl=False)


@ci_.command("gitlab")
@asking
@_shards
@click.option(
    "--include",
    default="",
    metavar="FILE",
    help="A file of the project whose hidden job `.compile-matrix` the jobs extend.",
)
@click.pass_obj
def gitlab_(given: Invocation, /, most: int, include: str, **options: Any) -> None:
    """Print a child pipeline for GitLab: a stage for each, a job for each shard.

    A job has its selection in the variable SELECTION; it compiles, builds and tests it, and pushes
    nothing. With --include it does what the hidden job `.compile-matrix` of that file says.

    \b
    Examples:
      compile-matrix ci gitlab --since "$CI_MERGE_REQUEST_DIFF_BASE_SHA" > images.gitlab-ci.yml
      compile-matrix ci gitlab --include .gitlab/images.yml > images.gitlab-ci.yml
    """
    from compiler.reports.ci.jobs import gitlab

    click.echo(gitlab(_stages(given, ChangedOptions(**options), most), include), nl=False)


def _stages(given: Invocation, asked: ChangedOptions, most: int) -> "tuple[tuple[Shard, ...], ...]":
    """Return what must be built as stages of shards."""
    from compiler.bake.preconditions import reject_filters
    from compiler.render.build_steps import steps
    from compiler.reports.ci.shards import stages

    if asked.commit is not None and asked.against is not None:
        raise click.UsageError("say no more than one of --since GIT_REF and --against registry")
    reject_filters(os.environ)
    ground = found(given, asked)
    targets = ground.targets
    if asked.commit is not None or asked.against is not None:
        targets = tuple(change.target for change in changes(given, asked, ground))
        if ground.targets and not targets:
            click.echo("nothing changed", err=True)
    return stages(
        [target.name for target in targets],
        {name: one.linked for name, one in ground.prints.items()},
        {
            target.name: steps(
                ground.compiled.dockerfiles[target.name],
                str(target.fields.get("context", ".")),
                *ground.prints[target.name].arguments,
            )
            for target in targets
        },
        most,
    )
