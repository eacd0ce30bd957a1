"""Whether git ignores some of the generated files only: they belong together."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from compiler.codes import Code
from compiler.errors import Diagnostic, Location, Severity


def partly_ignored(root: Path, paths: Sequence[str], shown: str) -> Diagnostic | None:
    """Return the warning that git ignores some of these files and not others.

    Says nothing where there is no git, or no repository. A tracked file counts as not ignored.
    """
    folder = os.path.realpath(root)
    while not os.path.exists(os.path.join(folder, ".git")):
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above
    try:
        done = subprocess.run(
            ["git", "check-ignore", "-z", "--stdin"],  # noqa: S607 - the user's own
            cwd=root,
            input="\0".join(paths),
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    ignored = set(done.stdout.split("\0")).intersection(paths)
    if not ignored or len(ignored) == len(paths):
        return None
    one = next(path for path in paths if path in ignored)
    other = next(path for path in paths if path not in ignored)
    return Diagnostic(
        code=Code.PARTLY_IGNORED,
        message=f"git ignores {shown}{one} and not {shown}{other}",
        location=Location(path=f"{shown}{other}", line=0),
        help="commit all generated files or ignore all of them: they are made for one another",
        severity=Severity.WARNING,
    )
