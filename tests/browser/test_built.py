"""What is built of the front end is what its sources and the locked libraries give."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest


FRONT = Path(__file__).parents[2] / "compiler/reports/page/front"
IGNORED = shutil.ignore_patterns("node_modules", "built")


@pytest.mark.slow
def test_a_build_gives_the_same_files(tmp_path: Path) -> None:
    """Libraries have the content that the lock file names, and nothing else is built in."""
    npm = shutil.which("npm")
    if npm is None:
        _miss("this machine has no Node.js")
    copy = tmp_path / "front"
    shutil.copytree(FRONT, copy, ignore=IGNORED)
    (copy / "built").mkdir()
    install = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(install, cwd=copy, capture_output=True, text=True, check=False)
    if done.returncode:
        _miss(f"npm cannot install the libraries: {done.stderr[-500:]}")
    subprocess.run(["node", "build.mjs"], cwd=copy, check=True)

    names = sorted(path.name for path in (FRONT / "built").iterdir())
    assert sorted(path.name for path in (copy / "built").iterdir()) == names
    for name in names:
        assert (copy / "built" / name).read_bytes() == (FRONT / "built" / name).read_bytes()


def _miss(reason: str) -> NoReturn:
    """Skip the test, or fail it in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
