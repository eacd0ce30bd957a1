"""Run a command, and run it again whenever a file below /app changes.

The entry point of the live-reload images, written to be process 1 of the container.

* A change ends the command and all that it started, with SIGTERM, and after RELOAD_GRACE seconds
  with SIGKILL; then the command is started again. The container goes on.
* A command that fails waits for the next change. One that succeeds is done, and the container too.
* Signals are passed on, and orphans are reaped, so `docker stop` takes as long as the command does.

RELOAD_PATH watches another folder. Where file events do not reach the container (some network
mounts), set WATCHFILES_FORCE_POLLING=1.
"""

# ruff: noqa: INP001  (a program, not a package)

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time

from watchfiles import watch


ROOT = os.environ.get("RELOAD_PATH", "/app")
GRACE = float(os.environ.get("RELOAD_GRACE", "5"))

CHANGED = signal.SIGRTMIN  # From the watching thread to the main one.
STOPS = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}
FORWARDED = STOPS | {signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2}
AWAITED = FORWARDED | {signal.SIGCHLD, CHANGED}


def say(message: str) -> None:
    """Tell whoever reads the container's log."""
    sys.stderr.write(f"reload: {message}\n")
    sys.stderr.flush()


def watch_files(ending: threading.Event) -> None:
    """Send CHANGED for every batch of changes, and SIGTERM once there is no more watching."""
    try:
        for changes in watch(ROOT, stop_event=ending):
            paths = sorted({os.path.relpath(path, ROOT) for _, path in changes})
            say(f"{', '.join(paths[:3])}{' and more' if paths[3:] else ''} changed")
            os.kill(os.getpid(), CHANGED)
    except (OSError, RuntimeError) as error:  # Watchfiles' own are RuntimeErrors.
        say(f"cannot watch {ROOT}: {error}")
    finally:
        os.kill(os.getpid(), signal.SIGTERM)


def start(command: list[str]) -> int | None:
    """Start the command in a session of its own; its process id, or None if it cannot be run."""
    try:
        return os.posix_spawnp(
            command[0],
            command,
            os.environ,
            setsid=True,
            setsigmask=(),
            setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),  # Python ignores them.
        )
    except OSError as error:
        say(f"cannot run {command[0]}: {error.strerror}; waiting for a change below {ROOT}")
        return None


def reap(pid: int | None) -> int | None:
    """Collect every process that has ended; the exit code of `pid` if it is among them."""
    code = None
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == pid:
                code = os.waitstatus_to_exitcode(ended[1])
    return code


def receive(deadline: float | None) -> int | None:
    """Wait for the next signal, or None at the deadline."""
    if deadline is None:
        return signal.sigwait(AWAITED)
    received = signal.sigtimedwait(AWAITED, max(0.0, deadline - time.monotonic()))
    return received.si_signo if received else None


class Supervisor:
    """The command, and what is to become of it."""

    def __init__(self, command: list[str]) -> None:
        self.command = command
        self.pid = start(command)  # None while it waits for a change.
        self.restarting = False
        self.stopping = False
        self.deadline: float | None = None  # When it is killed that was told to make way.

    def run(self) -> int:
        """Act on one signal after the other; the exit code of the container."""
        while True:
            received = receive(self.deadline)
            if received is None:
                self.deadline = None
                self.send(signal.SIGKILL)
            elif received == CHANGED:
                self.change()
            elif received != signal.SIGCHLD:
                self.stopping = self.stopping or received in STOPS
                self.send(received)
                if self.stopping and self.pid is None:
                    return 128 + received
            elif (code := reap(self.pid)) is not None and self.end(code):
                return code if code >= 0 else 128 - code

    def send(self, signum: int) -> None:
        """Send a signal to the command and all that it started, as far as they still are."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signum)

    def change(self) -> None:
        """Have the command make way for a new start, at once if there is none."""
        if self.pid is None:
            self.pid = start(self.command)
        elif not (self.restarting or self.stopping):
            self.restarting = True
            self.deadline = time.monotonic() + GRACE
            self.send(signal.SIGTERM)

    def end(self, code: int) -> bool:
        """The command has ended: start it again, wait for a change, or be done (True)."""
        self.send(signal.SIGKILL)  # What it left behind may hold its port.
        if self.stopping or (code == 0 and not self.restarting):
            return True
        if self.restarting:
            self.pid = start(self.command)
        else:
            self.pid = None
            say(f"{self.command[0]} failed with {code}; waiting for a change below {ROOT}")
        self.restarting = False
        self.deadline = None
        return False


def main(command: list[str]) -> int:
    """Watch in one thread, supervise in this one."""
    if not command:
        say("which command? docker run IMAGE COMMAND [ARGUMENT...]")
        return 2
    # Blocked in every thread, signals arrive where they are awaited, one after the other.
    signal.pthread_sigmask(signal.SIG_BLOCK, AWAITED)
    ending = threading.Event()
    watcher = threading.Thread(target=watch_files, args=(ending,))
    watcher.start()
    try:
        return Supervisor(command).run()
    finally:
        ending.set()
        watcher.join()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
