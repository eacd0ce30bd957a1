"""Open a commit of the repository that contains a folder.

Nothing is checked out, nothing runs that a repository names, and nothing is fetched.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn

from compiler.codes import Code
from compiler.errors import Argument, CompileError, Diagnostic
from compiler.external.git import ForeignRepositoryError, git_on
from compiler.external.git_objects import Objects, objects_of
from compiler.external.git_process import GitError, MissingGitError
from compiler.external.git_repository import find_repository
from compiler.external.git_tree import CommitTree


@contextmanager
def commit_tree(folder: Path, commit: str) -> Iterator[CommitTree]:
    """Provide the files of a commit of the repository that contains a folder.

    Args:
        folder: any folder of the work tree.
        commit: any revision that Git can resolve to a commit.

    Raises:
        CompileError: Git, the repository or the commit is missing, or Git cannot read it. Reading
            within the context raises it, too.
    """
    repository = find_repository(folder)
    if repository is None:
        _fail(
            commit,
            "the project is not in a Git repository",
            "run the command in a clone, or use `--against registry`",
        )
    try:
        with ExitStack() as stack:
            git = stack.enter_context(git_on(repository))
            objects = stack.enter_context(objects_of(git))
            yield CommitTree(git, objects, _resolve(objects, commit), stack)
    except GitError as error:
        _fail(commit, *_explain(commit, error))


def _resolve(objects: Objects, commit: str) -> str:
    """Return the object ID of a commit."""
    try:
        return objects.resolve(f"{commit}^{{commit}}")
    except GitError:
        _fail(
            commit,
            f"unknown Git commit {commit!r}",
            "check the name, or fetch the commit: CI often clones only the last one "
            "(`fetch-depth: 0` fetches all)",
        )


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
