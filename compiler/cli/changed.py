"""`compile-matrix changed`: print the targets that must be rebuilt, and why."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any

import click

from compiler.cli.common_options import (
    LIST_FORMATS,
    Command,
    against_option,
    format_option,
    selection_option,
    set_option,
    since_option,
)
from compiler.cli.completion import complete_filter
from compiler.cli.context import Invocation, pass_invocation
from compiler.cli.terminal import table_width, with_header


if TYPE_CHECKING:
    from collections.abc import Mapping

    from compiler.external.git_tree import CommitTree
    from compiler.fingerprint.fingerprint import Fingerprint
    from compiler.output.artifact import Compilation
    from compiler.output.bake_resolved import ResolvedPlan
    from compiler.reports.changed.changed import Changed
    from compiler.targets.target import Target

_ATTEMPTS = 3
"""Requests to a registry before it counts as unreachable; reading can be repeated at any time."""

_PARAMETERS = (
    click.argument("filters", nargs=-1, metavar="[FILTER]...", shell_complete=complete_filter),
    since_option("Compare with the matrix at this Git commit."),
    against_option("Compare with the images already staged in the registry."),
    selection_option("Consider only targets in this file."),
    set_option("Override a field, as the build will"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is compared with what, and which targets are considered."""

    filters: tuple[str, ...]
    commit: str | None
    against: str | None
    selection: str | None
    sets: tuple[str, ...]

    @property
    def is_compared(self) -> bool:
        """Return whether the matrix is compared with anything."""
        return self.commit is not None or self.against is not None


@dataclass(frozen=True, kw_only=True)
class Considered:
    """A compiled matrix, and the targets that are considered."""

    invocation: Invocation
    compiled: "Compilation"
    resolved: "ResolvedPlan"
    targets: "tuple[Target, ...]"
    tree: "CommitTree | None"
    """The commit of `--since`."""

    @cached_property
    def fingerprints(self) -> "Mapping[str, Fingerprint]":
        """The fingerprint of each target; all files of contexts are read.

        Raises:
            CompileError: a file cannot be read.
        """
        from compiler.fingerprint.fingerprint import project_fingerprints

        invocation = self.invocation
        return project_fingerprints(
            self.compiled, self.resolved, invocation.folder, shown=invocation.shown
        )


def add_question(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a comparison to a command, which receives them as `question`."""

    @wraps(command)
    def with_question(
        *arguments: Any,
        filters: tuple[str, ...],
        commit: str | None,
        against: str | None,
        selection: str | None,
        sets: tuple[str, ...],
        **others: Any,
    ) -> None:
        question = Question(
            filters=filters, commit=commit, against=against, selection=selection, sets=sets
        )
        command(*arguments, question=question, **others)

    for parameter in reversed(_PARAMETERS):
        with_question = parameter(with_question)
    return with_question


@click.command("changed", cls=Command)
@add_question
@format_option(
    *LIST_FORMATS,
    help="Format of the targets: a table, one name per line, JSON with all reasons, a job matrix "
    "for GitHub, or a file for --selection.",
)
@pass_invocation
def changed_(invocation: Invocation, /, question: Question, output_format: str) -> None:
    """List targets that must be rebuilt, and why.

    These are the targets whose fingerprint changed or is not staged. A fingerprint covers
    everything that decides the content of an image: its Dockerfile, arguments, stage and platforms,
    the files that it can read, and its parent. Tags, labels and the version are not part of it.
    --since compares with the committed files of another commit; your working tree is not touched.

    The exit code is 0 even if nothing changed.

    \b
    Examples:
      compile-matrix changed --since origin/main
      compile-matrix changed image=server --since HEAD~1 --format names
      compile-matrix changed --against registry --format selection > todo.json
    """
    from compiler.reports.changed.output import changes_text
    from compiler.reports.listing import ListFormat

    if (question.commit is None) == (question.against is None):
        raise click.UsageError("use either --since REV or --against registry")
    with considering(invocation, question) as considered:
        changes, _ = find_changes(question, considered)
    text = changes_text(
        considered.compiled.plan,
        changes,
        ListFormat(output_format),
        lambda: considered.fingerprints,
        terminal=table_width(),
    )
    click.echo(with_header(text) if output_format == ListFormat.TABLE else text, nl=False)
    if considered.targets and not changes:
        invocation.note("nothing changed")


@contextmanager
def considering(invocation: Invocation, question: Question) -> Iterator[Considered]:
    """Compile the matrix and select the targets that are considered.

    Git compares the commit of `--since` with the working tree meanwhile.

    Raises:
        CompileError: the commit cannot be read, or the matrix, a filter or the selection is
            invalid.
        OverrideError: `--set` is invalid.
    """
    if question.commit is None or not invocation.path.exists():  # compiling reports that
        yield _considered(invocation, question, None)
        return
    from compiler.external.git_commit import commit_tree

    with commit_tree(invocation.folder.resolve(), question.commit) as tree:
        yield _considered(invocation, question, tree)


def _considered(
    invocation: Invocation, question: Question, tree: "CommitTree | None"
) -> Considered:
    from compiler.fingerprint.set_overrides import override
    from compiler.targets.filters import select
    from compiler.targets.selection_file import selected

    compiled = invocation.compile()
    targets = select(compiled.plan, question.filters)
    if question.selection is not None:
        targets = selected(compiled.plan, targets, question.selection)
        if not targets:
            invocation.note_empty_selection()
    planned = invocation.resolve(compiled.plan, targets, repositories=question.against is not None)
    resolved = override(planned, question.sets)
    return Considered(
        invocation=invocation, compiled=compiled, resolved=resolved, targets=targets, tree=tree
    )


def find_changes(
    question: Question, considered: Considered
) -> "tuple[tuple[Changed, ...], Mapping[str, Fingerprint]]":
    """Return which of the considered targets must be rebuilt, and the inputs of all targets.

    The digests of these inputs can be compared only with each other.

    Raises:
        DiagnosticError: the other commit cannot be compiled, or `--set` is invalid for it; or the
            registry cannot be read.
    """
    from compiler.reports.changed.changed import among, unstaged

    invocation, compiled = considered.invocation, considered.compiled
    if considered.tree is None:
        fingerprints = considered.fingerprints
        return unstaged(compiled.plan, fingerprints, _missing_images(considered)), fingerprints
    from compiler.reports.changed.since import Project, changed_since

    project = Project(
        path=invocation.path,
        shown=invocation.shown,
        compiled=compiled,
        resolved=considered.resolved,
        environment=os.environ,
        sets=question.sets,
        limit=invocation.limit,
    )
    changes, fingerprints = changed_since(project, considered.tree, question.commit or "")
    return among(changes, considered.targets), fingerprints


def _missing_images(considered: Considered) -> dict[str, str]:
    """Return the considered targets that `publish` would build, each with the reason.

    Raises:
        DiagnosticError: the registry cannot be read.
    """
    from compiler.external.registry.client import Registries
    from compiler.publish.items import release_items
    from compiler.publish.reusable_image import find_unstaged

    dockerfiles = considered.compiled.dockerfiles
    items = release_items(considered.resolved, considered.fingerprints, dockerfiles)
    names = [target.name for target in considered.targets]
    missing = {
        name: "the target has no tag, so it has no repository"
        for name in names
        if name not in items
    }
    staged = [items[name] for name in names if name in items]
    return missing | find_unstaged(Registries(os.environ, _ATTEMPTS), staged)
