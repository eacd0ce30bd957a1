"""Compare a project with a checkout of a commit: the reference for `changed --since`.

Slow and simple: Git writes every file of the commit to a temporary folder. Files are as Git stores
them, with the line ends of the working tree: Git converts them by `core.autocrlf` and by the
attributes `text` and `eol`. A Git LFS pointer is replaced by the file of the working tree if that
is the file it stands for.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import file_digest
from pathlib import Path
from typing import NamedTuple

from compiler.errors import CompileError
from compiler.external.git import Git, git_on
from compiler.external.git_process import GitError
from compiler.external.git_repository import find_repository, repository_at
from compiler.external.scratch import scratch_folder
from compiler.fingerprint.fingerprint import project_fingerprints
from compiler.fingerprint.set_overrides import override
from compiler.output.bake_resolved import ResolvedPlan
from compiler.output.write import update
from compiler.pipeline import compile_matrix
from compiler.reports.changed.changed import Changed, all_changed, differing
from compiler.reports.changed.since import Project


_SECONDS = 600
_SUBMODULE = "160000"
_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
_POINTER_BYTES = 1024
"""A Git LFS pointer is shorter."""


class _Entry(NamedTuple):
    """What a commit contains at a path."""

    mode: str
    object_id: str
    path: str


@contextmanager
def project_at(folder: Path, commit: str) -> Iterator[Path]:
    """Provide a temporary folder with the project's files as of a commit.

    The folder is empty if the commit does not contain the project's folder. A submodule is
    exported from its own repository, as of the commit that it had.
    """
    repository = find_repository(folder)
    assert repository is not None
    prefix = repository.prefix(folder)
    with scratch_folder() as scratch, git_on(repository) as git:
        top = Path(scratch, "tree")
        project = top / prefix
        project.mkdir(parents=True)
        _export(git, git.run(("rev-parse", commit), timeout=_SECONDS).decode().strip(), prefix, top)
        yield project


def _export(git: Git, commit: str, prefix: str, top: Path) -> None:
    """Write the files below a prefix of a commit to a folder, those of submodules included."""
    with scratch_folder() as scratch:
        index = {"GIT_INDEX_FILE": os.path.join(scratch, "index")}
        git.run(["read-tree", commit], timeout=_SECONDS, variables=index)
        below = ["--", prefix] if prefix else []
        listed = git.run(
            ["--literal-pathspecs", "ls-files", "--stage", "-z", *below],
            timeout=_SECONDS,
            variables=index,
        )
        entries = list(_entries(os.fsdecode(listed)))
        files = [entry.path for entry in entries if entry.mode != _SUBMODULE]
        git.run(
            ["checkout-index", "--quiet", "-z", "--stdin", f"--prefix={top}/"],
            b"".join(os.fsencode(path) + b"\0" for path in files),
            timeout=_SECONDS,
            variables=index,
        )
    work_tree = git.repository.work_tree
    for path in files:
        _resolve_pointer(top / path, os.path.join(work_tree, path))
    for entry in entries:
        if entry.mode == _SUBMODULE:
            _export_submodule(os.path.join(work_tree, entry.path), entry, top)


def _entries(listed: str) -> Iterator[_Entry]:
    """Read the output of `git ls-files --stage -z`."""
    for line in listed.split("\0"):
        if line:
            description, _, path = line.partition("\t")
            mode, object_id, _stage = description.split(" ")
            yield _Entry(mode, object_id, path)


def _export_submodule(work_tree: str, entry: _Entry, top: Path) -> None:
    """Write a submodule's files; none if its repository does not have the commit."""
    folder = top / entry.path
    folder.mkdir(parents=True, exist_ok=True)
    repository = repository_at(work_tree)
    if repository is not None and os.path.realpath(work_tree) == work_tree:
        with suppress(GitError), git_on(repository) as git:
            _export(git, entry.object_id, "", folder)


def _resolve_pointer(exported: Path, current: str) -> None:
    """Replace a Git LFS pointer by the file of the working tree that it stands for, if it does."""
    status = exported.lstat()
    if not stat.S_ISREG(status.st_mode) or status.st_size >= _POINTER_BYTES:
        return
    pointer = exported.read_bytes()
    if not pointer.startswith(_POINTER):
        return
    with suppress(OSError):
        if not stat.S_ISREG(os.lstat(current).st_mode) or os.path.realpath(current) != current:
            return
        with open(current, "rb") as file:
            content_id = file_digest(file, "sha256").hexdigest()
        if f"\noid sha256:{content_id}\n".encode() in pointer:
            shutil.copyfile(current, exported)


def changed_by_checkout(project: Project, commit: str) -> tuple[Changed, ...]:
    """Return what `changed_since` should return, by compiling a checkout and reading every file."""
    path, plan = project.path, project.compiled.plan
    now = project_fingerprints(project.compiled, project.resolved, path.parent)
    with project_at(path.parent, commit) as folder:
        if not (folder / path.name).is_file():
            return all_changed(plan, now, f"{path.name} did not exist at {commit}")
        try:
            before = compile_matrix(folder / path.name)
            update(before.artifacts, folder, before.plan.matrix.output)
            known = [target.name for target in plan.targets]
            resolved = override(
                ResolvedPlan(before.plan, project.environment), project.sets, known=known
            )
            then = project_fingerprints(before, resolved, folder)
        except CompileError as error:
            why = f"{path.name} did not compile at {commit}: {error.diagnostics[0].message}"
            return all_changed(plan, now, why)
    return tuple(differing(plan, now, then))
