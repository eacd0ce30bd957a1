"""Temporary folders: removed at the end, and after a run that was killed by the next one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from compiler.external.scratch import PREFIX, scratch_folder


RUN = """\
import sys, time
from pathlib import Path
from compiler.external.scratch import scratch_folder
with scratch_folder() as folder:
    Path(folder, "file").touch()
    print(folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provide the system's folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def start(top: Path) -> tuple[subprocess.Popen[str], Path]:
    """Start a run, and return it with its folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", RUN],
        env={**os.environ, "TMPDIR": str(top)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_a_folder_lasts_as_long_as_its_run(top: Path) -> None:
    """Only its user can read it; it is removed after an error, too."""
    modes: list[int] = []

    def fail() -> None:
        with scratch_folder() as folder:
            Path(folder, "file").touch()
            modes.append(os.stat(folder).st_mode & 0o777)
            raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        fail()

    assert modes == [0o700]
    assert list(top.iterdir()) == []


def test_folders_of_killed_runs_are_removed(top: Path) -> None:
    """The folder of a run that still works is kept; a killed run's is removed by the next run."""
    running, used = start(top)
    killed, abandoned = start(top)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert abandoned.is_dir()

    with scratch_folder():
        assert not abandoned.exists()
        assert used.is_dir()

    running.kill()
    running.communicate()
    with scratch_folder() as folder:
        assert list(top.iterdir()) == [Path(folder)]


@pytest.mark.parametrize("name", ["compile-matrix-mine", f"{PREFIX}shared", f"{PREFIX}link"])
def test_what_others_made_is_kept(name: str, top: Path) -> None:
    """A folder with another mode, a link, and a folder with a similar name are left alone."""
    target = top / "target"
    target.mkdir(0o700)
    if name.endswith("link"):
        (top / name).symlink_to(target)
    else:
        (top / name).mkdir(0o755)

    with scratch_folder():
        pass

    assert (top / name).exists()
    assert target.is_dir()
