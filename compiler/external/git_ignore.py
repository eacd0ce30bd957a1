"""Check that Git ignores all generated files or none, and does not track saved state."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from compiler.codes import Code
from compiler.errors import Diagnostic, Location, Severity


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
    paths = [*outputs, *([state] if state else [])]
    ignored = _ignored(root, paths) if _is_in_repository(root) else None
    if ignored is None:
        return ()
    warnings = []
    if state and state not in ignored and _is_tracked(root, state):
        warnings.append(_tracked_state(f"{shown}{state}"))
    hidden = [path for path in outputs if path in ignored]
    visible = [path for path in outputs if path not in ignored]
    if hidden and visible:
        warnings.append(_partly_ignored(f"{shown}{hidden[0]}", f"{shown}{visible[0]}"))
    return tuple(warnings)


def _is_in_repository(root: Path) -> bool:
    folder = os.path.realpath(root)
    while not os.path.exists(os.path.join(folder, ".git")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return False
        folder = parent
    return True


def _ignored(root: Path, paths: Sequence[str]) -> frozenset[str] | None:
    """Return the files that Git ignores; None if Git cannot be run."""
    completed = _run_git(root, "check-ignore", "-z", "--stdin", stdin="\0".join(paths))
    return None if completed is None else frozenset(completed.stdout.split("\0"))


def _is_tracked(root: Path, path: str) -> bool:
    """Return whether Git tracks a file."""
    completed = _run_git(root, "ls-files", "-z", "--", path)
    return completed is not None and bool(completed.stdout)


def _run_git(
    root: Path, *arguments: str, stdin: str = ""
) -> "subprocess.CompletedProcess[str] | None":
    """Run Git in a folder; return None if it cannot be run."""
    try:
        return subprocess.run(  # noqa: S603 - fixed arguments and paths of our own files
            ["git", *arguments],  # noqa: S607 - the user's own
            cwd=root,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None


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
