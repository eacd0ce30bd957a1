"""Check that Git ignores all generated files or none, and does not track saved state."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from compiler.codes import Code
from compiler.errors import Diagnostic, Location, Severity
from compiler.external.git_repository import find_repository


if TYPE_CHECKING:
    from compiler.external.git import Git


_IGNORE_FILE = ".gitignore"
_SECONDS = 10
"""For one command."""


def git_warnings(
    root: Path, outputs: Sequence[str], shown: str, state: str | None = None
) -> tuple[Diagnostic, ...]:
    """Return warnings about partly ignored generated files and about tracked saved state.

    A tracked file counts as not ignored. Outside a repository there are no warnings.

    Args:
        root: the project's folder.
        outputs: some generated files, relative to it.
        shown: the prefix of paths in warnings.
        state: the file of saved state; None to skip its check.
    """
    repository = find_repository(root)
    if repository is None:
        return ()
    from compiler.external.git import git_on
    from compiler.external.git_process import GitError

    paths, prefix = [*outputs, *([state] if state else [])], repository.prefix(root)
    try:
        with git_on(repository) as git:
            ignored = _ignored(git, prefix, paths)
            check = state is not None and state not in ignored
            tracked = check and _is_tracked(git, f"{prefix}{state}")
    except GitError:
        return ()
    warnings = []
    if tracked:
        warnings.append(_tracked_state(f"{shown}{state}"))
    hidden = [path for path in outputs if path in ignored]
    visible = [path for path in outputs if path not in ignored]
    if hidden and visible:
        warnings.append(_partly_ignored(f"{shown}{hidden[0]}", f"{shown}{visible[0]}"))
    return tuple(warnings)


def _ignored(git: "Git", prefix: str, paths: Sequence[str]) -> frozenset[str]:
    """Return the files that Git ignores."""
    full = [os.fsencode(f"{prefix}{path}") for path in paths]
    git.refuse_pipes(_IGNORE_FILE, full)
    stdin = b"".join(path + b"\0" for path in full)
    arguments = ("check-ignore", "-z", "--stdin")
    printed = os.fsdecode(git.run(arguments, stdin, timeout=_SECONDS, accepted=(0, 1)))
    return frozenset(path.removeprefix(prefix) for path in printed.split("\0") if path)


def _is_tracked(git: "Git", path: str) -> bool:
    """Return whether Git tracks a file."""
    arguments = ("--literal-pathspecs", "ls-files", "-z", "--", path)
    return bool(git.run(arguments, timeout=_SECONDS))


def _partly_ignored(ignored: str, other: str) -> Diagnostic:
    return Diagnostic(
        code=Code.PARTLY_IGNORED,
        message=f"Git ignores {ignored} and not {other}",
        location=Location(path=other, line=0),
        help="commit all generated files or ignore all of them: none works without the others",
        severity=Severity.WARNING,
    )


def _tracked_state(path: str) -> Diagnostic:
    return Diagnostic(
        code=Code.TRACKED_STATE,
        message=f"Git tracks {path}, so it may come from another machine and is not used",
        location=Location(path=path, line=0),
        help=f"run `git rm --cached {path}` and commit",
        severity=Severity.WARNING,
    )
