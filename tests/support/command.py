"""Our command, run as a user runs it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


COMMAND = (sys.executable, "-m", "compiler")


def run(
    folder: Path, *words: str, env: Mapping[str, str] | None = None, code: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run it in a folder, and expect an exit code and no traceback.

    Args:
        folder: of the project.
        words: the command line.
        env: the whole environment; that of the tests if it is not given.
        code: the exit code.
    """
    done = subprocess.run(
        [*COMMAND, *words], cwd=folder, env=env, check=False, capture_output=True, text=True
    )
    assert done.returncode == code, f"{done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr
    return done
