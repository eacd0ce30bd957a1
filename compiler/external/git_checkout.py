"""Check out the project as of a Git commit into a temporary folder.

The user's working tree and the repository's index are not touched. Files are as Git stores them,
with the line ends of the working tree: Git converts them by `core.autocrlf` and by the attributes
`text` and `eol`, so that an unchanged checkout has equal bytes. No other filter runs. A Git LFS
pointer is replaced by the file of the working tree if that is the file it stands for.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import file_digest
from pathlib import Path
from typing import NamedTuple, NoReturn

from compiler.codes import Code
from compiler.errors import Argument, CompileError, Diagnostic
from compiler.external.git import (
    ForeignRepositoryError,
    Git,
    GitError,
    MissingGitError,
    git_on,
)
from compiler.external.git_repository import find_repository, repository_at
from compiler.external.scratch import scratch_folder


_SECONDS = 600
"""For one command: the checkout of a large repository takes minutes."""

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

    Args:
        folder: the project's folder, anywhere in a repository.
        commit: any revision that Git can resolve to a commit.

    Raises:
        CompileError: Git, the repository or the commit is missing, or Git cannot read it.
    """
    repository = find_repository(folder)
    if repository is None:
        _fail(
            commit,
            "the project is not in a Git repository",
            "run the command in a clone, or use `--against registry`",
        )
    prefix = repository.prefix(folder)
    with scratch_folder() as scratch:
        top = Path(scratch, "tree")
        project = top / prefix
        project.mkdir(parents=True)
        try:
            with git_on(repository) as git:
                _export(git, _resolve(git, commit), prefix, top)
        except GitError as error:
            _fail(commit, *_explain(commit, error))
        yield project


def _resolve(git: Git, commit: str) -> str:
    """Return the object ID of a commit."""
    arguments = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}")
    try:
        return git.run(arguments, timeout=_SECONDS).decode().strip()
    except (ForeignRepositoryError, MissingGitError):
        raise
    except GitError:
        _fail(
            commit,
            f"unknown Git commit {commit!r}",
            "fetch it first: CI often clones only the last commit (`fetch-depth: 0` fetches all)",
        )


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


def _explain(commit: str, error: GitError) -> tuple[str, str]:
    """Return the message and the remedy for a failure of Git."""
    match error:
        case MissingGitError():
            return "git is not installed", "install git, or use `--against registry`"
        case ForeignRepositoryError():
            return (
                "this repository belongs to another user",
                "run `git config --global --add safe.directory FOLDER` with the clone's folder",
            )
        case _:
            reason = str(error) or "no reason reported"
            help_ = "run `git fsck`; fetch all objects first if the clone is partial (`--filter`)"
            return f"Git cannot read the files of {commit!r}: {reason}", help_


def _fail(commit: str, message: str, help_: str) -> NoReturn:
    where = Argument(name="--since", text=commit)
    raise CompileError(
        [Diagnostic(code=Code.UNREADABLE_COMMIT, message=message, location=where, help=help_)]
    )
