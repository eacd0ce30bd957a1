"""Check out the project as of a Git commit into a temporary folder.

The user's working tree and the repository's index are not touched.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

from compiler.codes import Code
from compiler.errors import Argument, CompileError, Diagnostic


@contextmanager
def project_at(folder: Path, commit: str) -> Iterator[Path]:
    """Provide a temporary folder with the project's files as of a commit.

    Files are as in a checkout, after line-ending conversion and other filters of Git. The folder
    is empty if the commit does not contain the project's folder.

    Args:
        folder: the project's folder, anywhere in a repository.
        commit: any revision that Git can resolve to a commit.

    Raises:
        CompileError: Git, the repository or the commit is missing, or Git cannot read it.
    """
    prefix = _run_git(folder, "rev-parse", "--show-prefix", commit=commit).removesuffix("\n")
    name = _run_git(
        folder,
        *("rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}"),
        commit=commit,
    ).strip()
    with TemporaryDirectory(prefix="compile-matrix-") as scratch:
        top = Path(scratch, "tree")
        project = top / prefix
        project.mkdir(parents=True)
        index = {"GIT_INDEX_FILE": str(Path(scratch, "index"))}
        _run_git(folder, "read-tree", name, commit=commit, variables=index)
        _run_git(
            folder,
            *("checkout-index", "--all", "--quiet", f"--prefix={top}/"),
            commit=commit,
            variables=index,
        )
        yield project


def _run_git(
    folder: Path, *arguments: str, commit: str, variables: dict[str, str] | None = None
) -> str:
    """Run Git in a folder and return its output."""
    try:
        completed = subprocess.run(  # noqa: S603 - without a shell
            ["git", *arguments],  # noqa: S607 - the user's own
            cwd=folder,
            env={**os.environ, "LC_ALL": "C", **(variables or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except OSError:
        _fail(commit, "git is not installed", "install git, or use `--against registry`")
    if completed.returncode:
        stderr = completed.stderr.decode(errors="replace").strip()
        _fail(commit, *_explain(commit, stderr, arguments[0]))
    return os.fsdecode(completed.stdout)


def _explain(commit: str, stderr: str, subcommand: str) -> tuple[str, str]:
    """Return the message and the remedy for a failure of a Git subcommand."""
    if "not a git repository" in stderr:
        return (
            "the project is not in a Git repository",
            "run the command in a clone, or use `--against registry`",
        )
    if "dubious ownership" in stderr:
        return (
            "Git rejects this repository because it belongs to another user",
            "run `git config --global --add safe.directory FOLDER` with the folder of the clone",
        )
    if subcommand == "rev-parse":
        return (
            f"unknown Git commit {commit!r}",
            "fetch it first: CI often clones only the last commit (`fetch-depth: 0` fetches all)",
        )
    reason = stderr.splitlines()[-1] if stderr else "no reason reported"
    return f"Git cannot read the files of {commit!r}: {reason}", "run `git fsck`"


def _fail(commit: str, message: str, help_: str) -> NoReturn:
    where = Argument(name="--since", text=commit)
    raise CompileError(
        [Diagnostic(code=Code.UNREADABLE_COMMIT, message=message, location=where, help=help_)]
    )
