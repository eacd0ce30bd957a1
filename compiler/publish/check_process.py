"""Run the command of one check of one image, and stop it with all its child processes."""

import codecs
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from compiler.bake.process import GRACE
from compiler.external.process_groups import signal_group
from compiler.matrix.matrix import Check
from compiler.matrix.names import is_secret_variable
from compiler.publish.items import ReleaseItem
from compiler.publish.staged_image import KnownImage
from compiler.reports.text import printable
from compiler.targets.target import Target


MAX_LOG = 16 * 2**20
"""Maximum number of characters of output that are kept of one run."""
_MAX_TAIL = 2000
"""Characters at the end of the output, of which the last line is part of messages."""
_MAX_LINE = 300
"""Maximum number of characters of that line."""
_CHUNK = 65536

Events: TypeAlias = "queue.SimpleQueue[tuple[CheckProcess, bytes]]"
"""Output with its process; empty when the process has ended."""


class CheckProcess:
    """A running command of a check."""

    def __init__(
        self,
        check: Check,
        target: str,
        environment: Mapping[str, str],
        folder: Path,
        events: Events,
    ) -> None:
        """Start the command with `sh -c`, in a process group of its own.

        Args:
            check: the check.
            target: the name of the target whose image is checked.
            environment: all variables of the command.
            folder: the folder in which it runs.
            events: receives its output, then an empty text.
        """
        self.check, self.target = check, target
        self.start = time.monotonic()
        self.timed_out = False
        self._tail = ""
        self._deadline = self.start + check.timeout
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._length = 0
        self._process = subprocess.Popen(  # noqa: S603 - a command of the user's own matrix
            ["/bin/sh", "-c", check.command],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(events,), daemon=True)
        self._reader.start()
        threading.Thread(target=self._wait, args=(events,), daemon=True).start()

    def _read(self, events: Events) -> None:
        assert self._process.stdout is not None  # noqa: S101 - for mypy
        while chunk := os.read(self._process.stdout.fileno(), _CHUNK):
            events.put((self, chunk))

    def _wait(self, events: Events) -> None:
        """Wait until the command ends; then end processes that it has left in the background."""
        self._process.wait()
        self.send_signal(signal.SIGKILL)
        self._reader.join(GRACE)
        if not self._reader.is_alive() and self._process.stdout is not None:
            self._process.stdout.close()
        events.put((self, b""))

    @property
    def code(self) -> int:
        """Return the exit code; negative for a signal. Valid after the process has ended."""
        return int(self._process.returncode)

    def text(self, chunk: bytes) -> str:
        """Return output for the log; everything above the limit is left out."""
        text = self._decoder.decode(chunk)
        self._tail = f"{self._tail}{text}"[-_MAX_TAIL:]
        before, self._length = self._length, self._length + len(text)
        if self._length <= MAX_LOG:
            return text
        end = "\n(the rest of the output is left out)\n" if before <= MAX_LOG else ""
        return text[: max(0, MAX_LOG - before)] + end

    def stop_if_late(self) -> None:
        """Stop the command if it runs for longer than its timeout: with SIGTERM, then SIGKILL."""
        now = time.monotonic()
        if now >= self._deadline:
            self.send_signal(signal.SIGKILL if self.timed_out else signal.SIGTERM)
            self.timed_out = True
            self._deadline = now + GRACE

    def send_signal(self, number: int) -> bool:
        """Send a signal to all processes of the group; return whether any process exists."""
        return signal_group(self._process.pid, number)

    def failure(self) -> str:
        """Return why the check failed."""
        if self.timed_out:
            return f"it did not end within {self.check.timeout} s"
        end = f"killed by signal {-self.code}" if self.code < 0 else f"exit code {self.code}"
        lines = [line.strip() for line in self._tail.splitlines() if line.strip()]
        return f"{end}: {printable(lines[-1][-_MAX_LINE:])}" if lines else end


def check_environment(
    inherited: Mapping[str, str],
    item: ReleaseItem,
    image: KnownImage,
    target: Target,
    version: str,
) -> dict[str, str]:
    """Return the variables of a check's command.

    Variables with credentials of registries, of signing and of the CI job are left out.

    Args:
        inherited: the variables of this process.
        item: the image as part of the release.
        image: the staged image.
        target: its target.
        version: the version of the release.
    """
    environment = {
        name: value
        for name, value in inherited.items()
        if not is_secret_variable(name) and not name.startswith("AXIS_")
    }
    axes = {
        f"AXIS_{axis.upper()}": value.text
        for axis, value in zip(target.axes, target.values, strict=True)
    }
    return {
        **environment,
        **axes,
        "IMAGE": f"{item.repository}@{image.digest}",
        "TARGET": item.target,
        "PLATFORMS": ",".join(image.platforms),
        "VERSION": version,
        "FINGERPRINT": f"sha256:{item.fingerprint}",
    }
