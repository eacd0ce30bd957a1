"""A commit of git -> a folder with the project as it was, apart from the user's own.

Neither the user's files nor the repository's index are touched. Refuses what git cannot read.
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
    """Give a folder that holds what a commit has of the project's folder, for a while.

    Files are as a checkout gives them, line ends and other filters of git's included. The folder
    is empty where the project was not there yet.

    Args:
        folder: the project's folder, anywhere in a repository.
        commit: anything that git takes for a commit.

    Raises:
        CompileError: there is no git, no repository or no such commit.
    """
    prefix = _git(folder, "rev-parse", "--show-prefix", commit=commit).removesuffix("\n")
    name = _git(
        folder,
        *("rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}"),
        commit=commit,
    ).strip()
    with TemporaryDirectory(prefix="compile-matrix-") as scratch:
        top = Path(scratch, "tree")
        there = top / prefix
        there.mkdir(parents=True)
        index = {"GIT_INDEX_FILE": str(Path(scratch, "index"))}
        _git(folder, "read-tree", name, commit=commit, more=index)
        _git(
            folder,
            *("checkout-index", "--all", "--quiet", f"--prefix={top}/"),
            commit=commit,
            more=index,
        )
        yield there


def _git(folder: Path, *words: str, commit: str, more: dict[str, str] | None = None) -> str:
    """Run git in a folder and return what it says."""
    try:
        done = subprocess.run(  # noqa: S603 - git, by name
            ["git", *words],  # noqa: S607 - the user's own
            cwd=folder,
            env={**os.environ, "LC_ALL": "C", **(more or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except OSError:
        _refuse(commit, "there is no program `git`", "install git, or compare `--against registry`")
    if done.returncode:
        _refuse(commit, *_told(commit, done.stderr.decode(errors="replace").strip(), words[0]))
    return os.fsdecode(done.stdout)


def _told(commit: str, said: str, word: str) -> tuple[str, str]:
    """Return what is wrong, and the remedy, where git said this of one of its commands."""
    if "not a git repository" in said:
        return (
            "the project is in no repository of git",
            "run it in a clone, or compare `--against registry`",
        )
    if "dubious ownership" in said:
        return (
            "git reads no repository that belongs to another user, as in a container of CI",
            "run `git config --global --add safe.directory FOLDER` first, with that of the clone",
        )
    if word == "rev-parse":
        return (
            f"git knows no commit {commit!r}",
            "fetch it first, if CI cloned the last commit alone (`fetch-depth: 0`)",
        )
    last = said.splitlines()[-1] if said else "it does not say why"
    return f"git cannot give the files of {commit!r}: {last}", "run `git fsck`"


def _refuse(commit: str, message: str, help_: str) -> NoReturn:
    where = Argument(name="--since", text=commit)
    raise CompileError(
        [Diagnostic(code=Code.UNREADABLE_COMMIT, message=message, location=where, help=help_)]
    )
