"""The entry point of the live-reload images, run for real: templates/control/reload.py."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


RELOAD = Path(__file__).parents[3] / "templates" / "control" / "reload.py"
SECONDS = 300  # More than anything here takes on a busy machine.

# Prints what app.py prints, and continues; prints its own id, which distinguishes starts.
SERVE = """
import os, pathlib, time
print(pathlib.Path('app.py').read_text(), os.getpid(), flush=True)
time.sleep(999)
"""
# As process 1 does, and unlike any other, this one inherits the orphans of those it started.
ADOPT = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(36, 1)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what runs in containers")


class Reload:
    """A running entry point, its watched folder and its output."""

    def __init__(self, folder: Path, log: Path, *command: str, **environment: str) -> None:
        self.log = log
        self.folder = environment.get("RELOAD_PATH", str(folder))
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", ADOPT, "-I", str(RELOAD), *command],
                cwd=folder,
                env=os.environ | {"RELOAD_PATH": str(folder)} | environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def watches(self) -> bool:
        """Whether the kernel already notifies it of changes, or it has ended."""
        if self.process.poll() is not None:
            return True
        with contextlib.suppress(OSError):  # What ends meanwhile.
            files = Path(f"/proc/{self.process.pid}/fdinfo").iterdir()
            return any("inotify wd:" in file.read_text() for file in files)
        return False

    def lines(self, beginning: str = "") -> list[str]:
        """The output so far, of the command and of the entry point."""
        return [line for line in self.log.read_text().splitlines() if line.startswith(beginning)]

    def says(self, beginning: str, times: int = 1) -> list[str]:
        """Wait until so many lines begin like this; their other words."""
        until(lambda: len(self.lines(beginning)) >= times, self.log.read_text)
        return self.lines(beginning)[-1].removeprefix(beginning).split()

    def ends(self) -> int:
        """Wait for the exit code."""
        return self.process.wait(SECONDS)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A folder with an app.py in it, watched as /app is."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "app.py").write_text("one")
    return tmp_path / "app"


@pytest.fixture
def reload(app: Path) -> Iterator[Callable[..., Reload]]:
    """Start the entry point in the folder; it is ended with the test."""
    running: list[Reload] = []

    def start(*command: str, **environment: str) -> Reload:
        run = Reload(app, app.parent / "log", *command, **environment)
        running.append(run)
        if Path(run.folder).is_dir() and "WATCHFILES_FORCE_POLLING" not in environment:
            until(run.watches, run.log.read_text)
        return run

    yield start

    for each in running:
        while each.process.poll() is None:
            for pid in children(each.process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(int(pid), signal.SIGKILL)
            each.process.terminate()
            time.sleep(0.02)


def until(holds: Callable[[], bool], why: Callable[[], str] = lambda: "") -> None:
    """Wait for something to become true."""
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end, f"waited in vain\n{why()}"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether a process is there, and not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # It may end while it is looked at.
        return False


def children(pid: int) -> list[str]:
    """The process ids of a process's children, zombies included."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def put(file: Path, text: str) -> None:
    """Write a file in one step, so that nobody finds it empty before it is written."""
    draft = file.parents[1] / "draft"
    draft.write_text(text)
    draft.chmod(0o755)
    draft.rename(file)


def pace() -> float:
    """How many seconds a small program takes now; on a busy machine everything takes longer."""
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", "import watchfiles"], check=True)
    return time.monotonic() - start


def test_a_change_restarts_the_command(app: Path, reload: Callable[..., Reload]) -> None:
    """A file that is changed, added, replaced or removed is one new start, of the command alone."""
    run = reload(sys.executable, "-c", SERVE)
    (first,) = run.says("one ")

    (app / "app.py").write_text("two")
    (second,) = run.says("two ")
    (app / "pkg").mkdir()
    (app / "pkg" / "new.py").write_text("")
    run.says("two ", times=2)
    (app / "draft").write_text("three")
    run.says("two ", times=3)
    (app / "draft").rename(app / "app.py")
    run.says("three ")
    (app / "pkg" / "new.py").unlink()
    run.says("three ", times=2)

    assert first != second
    assert not alive(int(first))
    assert not alive(int(second))
    until(lambda: len(children(run.process.pid)) == 1)
    assert run.process.poll() is None


def test_what_python_writes_itself_is_no_change(app: Path, reload: Callable[..., Reload]) -> None:
    """Byte code of the command's own modules does not restart it in a loop."""
    run = reload(sys.executable, "-c", SERVE)
    run.says("one ")

    (app / "__pycache__").mkdir()
    (app / "__pycache__" / "app.cpython-313.pyc").write_bytes(b"")
    (app / "app.pyc").write_bytes(b"")
    time.sleep(0.5)
    (app / "app.py").write_text("two")
    run.says("two ")

    assert len(run.lines("one ")) == 1


@pytest.mark.parametrize(
    "broken",
    [
        "raise SystemExit(3)",
        "import os; os.kill(os.getpid(), 9)",
    ],
    ids=["an exit code", "a signal"],
)
def test_a_failing_command_waits_for_the_change_that_mends_it(
    app: Path, reload: Callable[..., Reload], broken: str
) -> None:
    """One failure is one line, not a loop and not the end of the container."""
    (app / "app.py").write_text(broken)
    run = reload(sys.executable, "app.py")
    said = run.says(f"reload: {sys.executable} failed with ")

    put(app / "app.py", "print('mended', flush=True); import time; time.sleep(999)")
    run.says("mended")

    assert said[0] in {"3;", "-9;"}
    assert len(run.lines("reload: /")) == 1


def test_a_command_that_cannot_be_run_waits_too(app: Path, reload: Callable[..., Reload]) -> None:
    """As when its file is not there yet, or not executable."""
    run = reload("./serve")
    run.says("reload: cannot run ./serve: No such file or directory; waiting for a change")

    put(app / "serve", "#!/bin/sh\necho serving\nsleep 999\n")

    run.says("serving")


def test_a_command_that_succeeds_is_done(reload: Callable[..., Reload]) -> None:
    """So `docker run IMAGE python --version` ends."""
    run = reload(sys.executable, "--version")

    assert run.ends() == 0
    assert run.lines() == [f"Python {sys.version.split()[0]}"]


def test_no_command_is_said_and_is_an_error(reload: Callable[..., Reload]) -> None:
    """There is nothing to guess."""
    run = reload()

    assert run.ends() == 2
    assert run.lines() == ["reload: which command? docker run IMAGE COMMAND [ARGUMENT...]"]


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_being_stopped_stops_the_command_at_once(
    reload: Callable[..., Reload], signum: signal.Signals
) -> None:
    """As `docker stop` and Ctrl-C do; the exit code is the one of a process that it ended."""
    run = reload("sh", "-c", "trap - INT QUIT; echo up $$; exec sleep 999", RELOAD_GRACE="999")
    (pid,) = run.says("up ")

    at_once = 2 + 10 * pace()
    asked = time.monotonic()
    run.process.send_signal(signum)

    assert run.ends() == 128 + signum
    assert time.monotonic() - asked < at_once
    assert not alive(int(pid))


def test_a_command_may_take_its_time_to_stop(reload: Callable[..., Reload], app: Path) -> None:
    """It finishes what it does, with its own exit code, and a change in between starts nothing."""
    run = reload(
        "sh", "-c", "trap 'sleep 0.5; echo bye; exit 7' TERM; echo up; while :; do sleep 0.05; done"
    )
    run.says("up")

    run.process.terminate()
    (app / "app.py").write_text("two")

    assert run.ends() == 7
    assert run.lines("up") == ["up"]
    assert run.lines("bye") == ["bye"]


def test_being_stopped_while_waiting_for_a_change(reload: Callable[..., Reload]) -> None:
    """There is no command left to pass the signal to."""
    run = reload("false")
    run.says("reload: false failed with 1; ")

    run.process.terminate()

    assert run.ends() == 128 + signal.SIGTERM


def test_other_signals_are_passed_on(reload: Callable[..., Reload]) -> None:
    """The command gets them as if it were process 1, and none is blocked or ignored."""
    # It looks at itself before it starts anything: a shell blocks all signals for that moment.
    status = 'while read -r line; do echo "$line"; done < /proc/self/status'
    run = reload(
        "sh", "-c", f"{status}; trap 'echo hup' HUP; echo up; while :; do sleep 0.05; done"
    )
    run.says("up")

    run.process.send_signal(signal.SIGHUP)
    run.says("hup")
    (ignored,) = run.says("SigIgn:")

    assert run.lines("SigBlk:") == ["SigBlk:\t0000000000000000"]
    assert int(ignored, 16) & (1 << (signal.SIGPIPE - 1)) == 0
    assert run.process.poll() is None


def test_a_command_that_will_not_stop_is_killed_with_all_it_started(
    app: Path, reload: Callable[..., Reload]
) -> None:
    """After RELOAD_GRACE seconds; its children would keep the port that the next start needs."""
    run = reload(
        "sh", "-c", "trap '' TERM; sleep 999 & echo up $$ $!; wait; sleep 999", RELOAD_GRACE="0.3"
    )
    pids = run.says("up ")

    (app / "app.py").write_text("two")
    run.says("up ", times=2)

    until(lambda: not any(alive(int(pid)) for pid in pids))


def test_orphans_are_reaped(reload: Callable[..., Reload]) -> None:
    """Orphans become children of process 1, which must reap them."""
    run = reload("sh", "-c", "(setsid sleep 999 & echo up $!); exec sleep 999")
    (orphan,) = run.says("up ")

    until(lambda: len(children(run.process.pid)) == 2)
    os.kill(int(orphan), signal.SIGTERM)
    until(lambda: len(children(run.process.pid)) == 1)


def test_a_folder_that_cannot_be_watched_ends_it(reload: Callable[..., Reload]) -> None:
    """Instead of a container that only appears to support live reload."""
    run = reload("sleep", "999", RELOAD_PATH="/nowhere")

    assert run.ends() == 128 + signal.SIGTERM
    assert run.lines("reload: cannot watch /nowhere: ")
