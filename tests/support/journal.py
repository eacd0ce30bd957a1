"""What a run has changed on the machine, written down before it is changed, so that it is undone.

A journal is a file: when a run is killed before it could undo anything, the next one does it.
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

# Those that this run started itself, by their number: it has to take note of their end.
_started: dict[int, subprocess.Popen[bytes]] = {}


class Journal:
    """The steps that undo what one run does, the last one first."""

    def __init__(self, name: str, file: Path) -> None:
        self.name = name
        self._file = file

    def undo_by(self, *command: str | Path) -> None:
        """Remember a command that undoes what is about to be done; its failure is no matter."""
        self._append({"command": [str(word) for word in command]})

    def ends(self, pid: int) -> None:
        """Remember a process to end: that one only, not a later one that got its number."""
        self._append({"pid": pid, "born": born(pid)})

    def undo(self) -> None:
        """Undo everything, and forget it."""
        lines = self._file.read_text().splitlines()[1:]
        for step in map(json.loads, reversed(lines)):
            if "pid" in step:
                end(step["pid"], step["born"])
            else:
                subprocess.run(step["command"], check=False, capture_output=True)
        self._file.unlink()

    def _append(self, step: dict[str, object]) -> None:
        with self._file.open("a") as file:
            file.write(json.dumps(step) + "\n")


@contextlib.contextmanager
def kept() -> Iterator[Journal]:
    """Open a journal for this run, and undo what it says at the end, whatever the end is.

    Journals whose run has died are undone first.
    """
    folder = cache.root() / "journals"
    with cache.locked("journals"):
        folder.mkdir(exist_ok=True)
        for file in sorted(folder.iterdir()):
            owner = json.loads(file.read_text().partition("\n")[0])
            if born(owner["pid"]) != owner["born"]:
                Journal(file.name, file).undo()
        name = next(filter(_free, (f"cmtest{number}" for number in range(1, 1000))))
        journal = Journal(name, folder / name)
        journal.ends(os.getpid())
    try:
        yield journal
    finally:
        with cache.locked("journals"):
            journal.undo()


def _free(name: str) -> bool:
    """Tell whether no run has that name, nor a network interface, which a run names after it."""
    journals = cache.root() / "journals"
    return not (journals / name).exists() and not Path("/sys/class/net", name).exists()


def born(pid: int) -> str:
    """Give when a process was started, in ticks since boot: empty if there is none (any more)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def end(pid: int, since: str) -> None:
    """End the process of that number and time of birth, by force if it takes too long."""
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
    """Give the first child of a process, waiting a moment for it to come."""
    deadline = time.monotonic() + PATIENCE
    while born(pid) and time.monotonic() < deadline:
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                if stat.read_text().rpartition(")")[2].split()[1] == str(pid):
                    return int(stat.parent.name)
        time.sleep(0.02)
    raise ChildProcessError(f"process {pid} has no child")


def start(command: Sequence[str | Path], log: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a process that outlives neither this run nor its journal, and no Ctrl-C ends before."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,
        )
    _started[process.pid] = process
    return process
