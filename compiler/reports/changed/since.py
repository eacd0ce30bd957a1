"""Compare a project with itself as of a commit, without a checkout."""

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from compiler.constants import DOT_GIT, FOLDER, MAX_VARIANTS, PRESENT
from compiler.errors import CompileError
from compiler.external.git_tree import CommitTree
from compiler.fingerprint.fingerprint import Fingerprint, ProjectInputs
from compiler.fingerprint.set_overrides import override
from compiler.output.artifact import Compilation
from compiler.output.bake_resolved import ResolvedPlan
from compiler.pipeline import compile_matrix
from compiler.reports.changed.changed import Changed, all_changed, differing
from compiler.reports.changed.commit_files import CommitFiles
from compiler.reports.changed.commit_view import CommitView
from compiler.reports.changed.work_tree_files import WorkTreeFiles
from compiler.source.file_system import FileSystem


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A compiled project, and what compiling its earlier state depends on."""

    path: Path
    """The matrix file."""
    shown: str
    """How diagnostics name its folder, in front of each path."""
    compiled: Compilation
    resolved: ResolvedPlan
    """The plan for the environment, with the changes of `--set`."""
    environment: Mapping[str, str]
    """Overrides bake variables, in both states."""
    sets: Sequence[str] = ()
    """The values of `--set`, for both states."""
    limit: int = MAX_VARIANTS
    """The maximum number of variants."""


class Comparison(NamedTuple):
    """The targets that differ, and what is known of all targets."""

    changes: tuple[Changed, ...]
    """In the plan's order."""
    now: Mapping[str, Fingerprint]
    """Target -> its inputs; their digests can be compared only within this comparison."""


def changed_since(project: Project, tree: CommitTree, commit: str) -> Comparison:
    """Return the targets that differ from the same matrix at a commit.

    If the commit has no matrix, or it does not compile there, these are all targets. Files of
    contexts that Git reports as unchanged are not read.

    Args:
        project: the project now.
        tree: the files of the commit.
        commit: how the user names it.

    Raises:
        CompileError: a file cannot be read.
        GitError: Git cannot read the commit.
    """
    folder, name = os.path.realpath(project.path.parent), project.path.name
    files_now = WorkTreeFiles(tree)
    inputs = ProjectInputs(folder, shown=project.shown, disk=files_now)
    now = inputs.fingerprints(project.compiled, project.resolved)
    view = CommitView(tree)
    files_then = CommitFiles(view)
    plan = project.compiled.plan
    if not files_then.exists(os.path.join(folder, name)):
        return Comparison(all_changed(plan, now, f"{name} did not exist at {commit}"), now)
    try:
        compiled, resolved = _compiled_then(project, folder, files_now, files_then)
        # A build context may contain generated files that Git ignores.
        prefix = tree.git.repository.prefix(folder)
        view.generate(prefix, compiled.artifacts, compiled.plan.matrix.output)
        before = inputs.in_state(
            files_then, lambda root: files_now.is_unchanged(root) and not view.differs(root)
        )
        then = before.fingerprints(compiled, resolved)
    except CompileError as error:
        first = error.diagnostics[0]
        why = f"{name} did not compile at {commit}: {first.message}"
        return Comparison(all_changed(plan, now, why), now)
    return Comparison(tuple(differing(plan, now, then)), now)


def _compiled_then(
    project: Project, folder: str, now: FileSystem, then: FileSystem
) -> tuple[Compilation, ResolvedPlan]:
    """Compile the project as of the commit; return what is known if it has the same inputs.

    Raises:
        CompileError: it does not compile.
    """
    if _are_equal(project.compiled.inputs, folder, now, then):
        return project.compiled, project.resolved
    path = Path(folder, project.path.name)
    compiled = compile_matrix(path, limit=project.limit, disk=then)
    known = [target.name for target in project.compiled.plan.targets]
    resolved = ResolvedPlan(compiled.plan, project.environment)
    return compiled, override(resolved, project.sets, known=known)


def _are_equal(
    inputs: Mapping[str, str | None], folder: str, now: FileSystem, then: FileSystem
) -> bool:
    """Return whether the inputs of a compilation are the same in both states, without links.

    Args:
        inputs: `inputs` of the compilation now.
        folder: the project's folder.
        now: its files.
        then: its files as of the commit.
    """

    def is_equal(path: str, digest: str | None) -> bool:
        if digest is None or digest == PRESENT:
            return then.exists(path) is (digest is not None)
        if then.real(path) != path or now.real(path) != path:
            return False
        if digest == FOLDER:
            return stat.S_ISDIR(then.mode(path))
        return then.digest(path) == now.digest(path)

    # Of .git, compiling only warns.
    paths = [path for path in inputs if DOT_GIT not in path.split("/")]
    try:
        return all(is_equal(os.path.join(folder, path), inputs[path]) for path in paths)
    except OSError:
        return False
