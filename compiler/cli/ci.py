"""`compile-matrix ci`: print CI jobs for the targets that must be built."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from compiler.cli.changed import Considered, Question, add_question, consider, find_changes
from compiler.cli.common_options import Command, Group
from compiler.cli.context import Invocation, pass_invocation
from compiler.constants import GITHUB_JOBS


if TYPE_CHECKING:
    from compiler.fingerprint.fingerprint import Fingerprint
    from compiler.reports.ci.shards import Shard


@click.group("ci", cls=Group)
def ci_() -> None:
    """Print CI jobs that build targets, in stages of shards of similar size.

    Without options the jobs build all targets. FILTER and --selection restrict them; --since and
    --against restrict them to targets that changed. A target is built in a later stage than its
    parent. Targets that share their first steps are in the same shard.

    ONLY_* variables in the environment are rejected, because they would exclude targets.
    """


_shards = click.option(
    "--shards",
    "limit",
    type=click.IntRange(1, GITHUB_JOBS),
    default=20,
    show_default=True,
    metavar="N",
    help=f"Maximum number of jobs in all stages together, at most {GITHUB_JOBS}.",
)


@ci_.command("github", cls=Command)
@add_question
@_shards
@pass_invocation
def github_(invocation: Invocation, /, question: Question, limit: int) -> None:
    """Print job matrices for GitHub: {"stages": [{"include": [...]}, ...], "shards": N}.

    Each job has the keys `name`, `stage`, `shard`, `steps`, `targets`, and `selection`: the
    content of a file for `compile-matrix build --selection`.

    \b
    Examples:
      echo "jobs=$(compile-matrix ci github --since "$BASE")" >> "$GITHUB_OUTPUT"
      compile-matrix ci github --selection changed.json --shards 8
    """
    from compiler.reports.ci.jobs import github

    click.echo(github(_stages(invocation, question, limit)), nl=False)


@ci_.command("gitlab", cls=Command)
@add_question
@_shards
@click.option(
    "--include",
    default="",
    metavar="FILE",
    help="Let the jobs extend the hidden job `.compile-matrix` of this project file.",
)
@pass_invocation
def gitlab_(invocation: Invocation, /, question: Question, limit: int, include: str) -> None:
    """Print a child pipeline for GitLab, with one job for each shard.

    The variable SELECTION contains the job's selection. A job compiles, builds and tests its
    targets, without pushing. With --include, the hidden job defines what it does.

    \b
    Examples:
      compile-matrix ci gitlab --since origin/main > images.gitlab-ci.yml
      compile-matrix ci gitlab --include .gitlab/images.yml > images.gitlab-ci.yml
    """
    from compiler.reports.ci.jobs import gitlab

    click.echo(gitlab(_stages(invocation, question, limit), include), nl=False)


def _stages(
    invocation: Invocation, question: Question, limit: int
) -> "tuple[tuple[Shard, ...], ...]":
    """Return the targets that must be built, as stages of at most `limit` shards in total."""
    from compiler.bake.preconditions import reject_filters
    from compiler.reports.ci.shards import stages

    if question.commit is not None and question.against is not None:
        raise click.UsageError("use at most one of --since REV and --against registry")
    reject_filters(os.environ)
    considered = consider(invocation, question)
    targets = considered.targets
    if question.commit is not None or question.against is not None:
        changes, inputs = find_changes(question, considered)
        targets = tuple(change.target for change in changes)
        if considered.targets and not targets:
            invocation.note("nothing changed")
    else:
        inputs = considered.fingerprints
    return stages(
        [target.name for target in targets],
        {name: one.linked for name, one in inputs.items()},
        {target.name: _steps(considered, inputs[target.name]) for target in targets},
        limit,
    )


def _steps(considered: Considered, inputs: "Fingerprint") -> tuple[str, ...]:
    """Return the steps that building a target executes."""
    from compiler.render.build_steps import steps

    fields = considered.resolved.fields[inputs.target]
    contexts: Mapping[str, str] = fields.get("contexts", {})  # type: ignore[assignment]
    return steps(
        considered.compiled.dockerfiles[inputs.target],
        context=str(fields.get("context", ".")),
        stage=str(fields.get("target", "")),
        arguments=inputs.arguments,
        contexts=contexts,
    )
