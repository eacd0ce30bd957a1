"""`compile-matrix ci`: print CI jobs for the targets that must be built."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from compiler.cli.changed import Considered, Question, add_question, considering, find_changes
from compiler.cli.common_options import METAVAR, Command, Group, require_command
from compiler.cli.context import Invocation, pass_invocation
from compiler.cli.summary_file import (
    append_summary,
    last_record,
    previous_release,
    released_sizes,
    summary_option,
    wants_summary,
)
from compiler.constants import GITHUB_JOBS
from compiler.reports.text import counted


if TYPE_CHECKING:
    from compiler.fingerprint.fingerprint import Fingerprint
    from compiler.reports.ci.shards import Shard


@click.group("ci", cls=Group, invoke_without_command=True, subcommand_metavar=METAVAR)
@click.pass_context
def ci_(context: click.Context) -> None:
    """Print CI jobs that build targets, in stages of shards of similar size.

    Without options the jobs build all targets. FILTER and --selection restrict them; --since and
    --against restrict them to targets that changed. A target is built in a later stage than its
    parent. Targets that share their first steps are in the same shard.

    ONLY_* variables in the environment are rejected, because they would exclude targets.
    """
    require_command(context)


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
@summary_option
@pass_invocation
def github_(invocation: Invocation, /, question: Question, limit: int, summary: str | None) -> None:
    """Print job matrices for GitHub: {"stages": [{"include": [...]}, ...], "shards": N}.

    Each job has the keys `name`, `stage`, `shard`, `steps`, `targets`, and `selection`: the
    content of a file for `compile-matrix build --selection`.

    \b
    Examples:
      echo "jobs=$(compile-matrix ci github --since "$BASE")" >> "$GITHUB_OUTPUT"
      compile-matrix ci github --selection changed.json --shards 8
    """
    from compiler.reports.ci.jobs import github

    jobs = _find_jobs(invocation, question, limit)
    click.echo(github(jobs.stages), nl=False)
    _summarize(jobs, question, summary)


@ci_.command("gitlab", cls=Command)
@add_question
@_shards
@click.option(
    "--include",
    default="",
    metavar="FILE",
    help="Let the jobs extend the hidden job `.compile-matrix` of this project file.",
)
@summary_option
@pass_invocation
def gitlab_(
    invocation: Invocation,
    /,
    question: Question,
    limit: int,
    include: str,
    summary: str | None,
) -> None:
    """Print a child pipeline for GitLab, with one job for each shard.

    The variable SELECTION contains the job's selection. A job compiles, builds and tests its
    targets, without pushing. With --include, the hidden job defines what it does.

    \b
    Examples:
      compile-matrix ci gitlab --since origin/main > images.gitlab-ci.yml
      compile-matrix ci gitlab --include .gitlab/images.yml > images.gitlab-ci.yml
    """
    from compiler.reports.ci.jobs import gitlab

    jobs = _find_jobs(invocation, question, limit)
    click.echo(gitlab(jobs.stages, include), nl=False)
    _summarize(jobs, question, summary)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Jobs:
    """The jobs, and what they build."""

    considered: Considered
    reasons: "Mapping[str, Sequence[str]]"
    """Target to be built -> the reasons; empty without a comparison."""
    steps: Mapping[str, tuple[str, ...]]
    """Target to be built -> its steps."""
    stages: "tuple[tuple[Shard, ...], ...]"


def _find_jobs(invocation: Invocation, question: Question, limit: int) -> _Jobs:
    """Return the targets that must be built, as stages of at most `limit` shards in total."""
    from compiler.bake.preconditions import reject_filters
    from compiler.reports.ci.shards import stages

    if question.commit is not None and question.against is not None:
        raise click.UsageError("use at most one of --since REV and --against registry")
    reject_filters(os.environ)
    with considering(invocation, question) as considered:
        if question.is_compared:
            changes, inputs = find_changes(question, considered)
            reasons: dict[str, Sequence[str]] = {
                change.target.name: change.reasons for change in changes
            }
        else:
            inputs = considered.fingerprints
            reasons = {target.name: () for target in considered.targets}
    if considered.targets and not reasons:
        invocation.note("nothing changed")
    steps = {name: _steps(considered, inputs[name]) for name in reasons}
    linked = {name: own.linked for name, own in inputs.items()}
    return _Jobs(
        considered=considered,
        reasons=reasons,
        steps=steps,
        stages=stages(list(reasons), linked, steps, limit),
    )


def _summarize(jobs: _Jobs, question: Question, summary: str | None) -> None:
    """Append the summary of the jobs: what they build and why, and the sizes of the last release.

    The sizes are those in the registry, with `--against registry`, or else in the record that the
    last `publish` in this folder has written.
    """
    if not wants_summary(summary):
        return
    from compiler.reports.run_summary import RunSummary, format_summary

    plan, considered = jobs.considered.compiled.plan, jobs.considered
    all_steps = [step for steps in jobs.steps.values() for step in steps]
    distinct = counted(len(set(all_steps)), "distinct step")
    in_jobs = counted(sum(map(len, jobs.stages)), "job")
    facts = [
        f"Compared with {question.commit}."
        if question.commit is not None
        else "Compared with the images in the registry."
        if question.against
        else "All selected targets are built.",
        f"{distinct} in {in_jobs}; {len(all_steps):,} without sharing.",
    ]
    if question.against is None:
        record = last_record(considered.invocation.folder)
    else:
        from compiler.external.registry.client import Registries

        record = previous_release(Registries(os.environ), considered.resolved)
    text = format_summary(
        plan,
        RunSummary(
            title=f"{len(jobs.reasons):,} of {counted(len(considered.targets), 'target')} to build",
            facts=facts,
            states={
                target.name: "build" if target.name in jobs.reasons else "unchanged"
                for target in considered.targets
            },
            changed=frozenset(jobs.reasons),
            reasons=jobs.reasons,
            release=record.release if record else "",
            released_sizes=released_sizes(record),
        ),
    )
    append_summary(summary, text)


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
