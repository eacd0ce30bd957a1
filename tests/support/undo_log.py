"""Record every change that a test run makes to the machine, so that it can be undone.

Each step is written to a file before it is taken. If a run is killed, the next run reads its file
and undoes its changes.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from support import cache


PATIENCE = 120.0

# Child processes of this run by their process id: this run must reap them.
_started: dict[int, subprocess.Popen[bytes]] = {}


class UndoLog:
    """The steps that undo the changes of one run, executed from the last to the first."""

    def __init__(self, name: str, file: Path) -> None:
        self.name = name
        self._file = file

    def undo_by(self, *command: str | Path) -> None:
        """Record a command that undoes the next change; whether it fails is ignored."""
        self._append({"command": [str(word) for word in command]})

    def ends(self, pid: int) -> None:
        """Record a process to end; a later process with the same id is left alone."""
        self._append({"pid": pid, "born": born(pid)})

    def undo(self) -> None:
        """Undo all changes and delete the file."""
        lines = self._file.read_text().splitlines()[1:]
        for step in map(json.loads, reversed(lines)):
            if "pid" in step:
                end(step["pid"], step["born"])
            else:
                # The virtual environment of a killed run may be gone.
                with contextlib.suppress(FileNotFoundError):
                    subprocess.run(step["command"], check=False, capture_output=True)
        self._file.unlink()

    def _append(self, step: dict[str, object]) -> None:
        with self._file.open("a") as file:
            file.write(json.dumps(step) + "\n")


@contextlib.contextmanager
def opened() -> Iterator[UndoLog]:
    """Open the undo log of this run; undo its steps at the end, also after an exception.

    The changes of runs that were killed are undone first.
    """
    folder = cache.root() / "journals"
    with cache.locked("journals"):
        folder.mkdir(exist_ok=True)
        for file in sorted(folder.iterdir()):
            owner = json.loads(file.read_text().partition("\n")[0])
            if born(owner["pid"]) != owner["born"]:
                UndoLog(file.name, file).undo()
        name = next(filter(_free, (f"cmtest{number}" for number in range(1, 1000))))
        log = UndoLog(name, folder / name)
        log.ends(os.getpid())
    try:
        yield log
    finally:
        with cache.locked("journals"):
            log.undo()


def _free(name: str) -> bool:
    """Check that neither a run nor a network interface, which a run names after itself, has it."""
    logs = cache.root() / "journals"
    return not (logs / name).exists() and not Path("/sys/class/net", name).exists()


def born(pid: int) -> str:
    """Return the start time of a process in ticks since boot; empty if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def end(pid: int, since: str) -> None:
    """End the process with this id and start time; kill it if SIGTERM does not end it in time."""
    for signal_ in (signal.SIGTERM, signal.SIGKILL):
        if since and born(pid) == since:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal_)
            deadline = time.monotonic() + PATIENCE
            while born(pid) == since and time.monotonic() < deadline:
                time.sleep(0.02)
    if process := _started.pop(pid, None):
        process.wait()


def child(pid: int) -> int:
    """Wait for the first child of a process and return its id."""
    deadline = time.monotonic() + PATIENCE
    while born(pid) and time.monotonic() < deadline:
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                if stat.read_text().rpartition(")")[2].split()[1] == str(pid):
                    return int(stat.parent.name)
        time.sleep(0.02)
    raise ChildProcessError(f"process {pid} has no child")


def start(command: Sequence[str | Path], log: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a process that ends with this run; Ctrl-C does not reach it before."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={"GOGC": "400", **env},
            start_new_session=True,
        )
    _started[process.pid] = process
    return process
