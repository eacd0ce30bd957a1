"""Bake processes: started, read, and stopped with all that they started."""

import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Self

from compiler.bake.rawjson import Watch
from compiler.bake.results import BakeOptions
from compiler.constants import BAKE_FILE
from compiler.external import buildx


GRACE = 10.0
"""Seconds that a process has to end when it is asked to."""

_QUICK = {"BUILDX_METADATA_PROVENANCE": "disabled"}
"""Nobody reads the provenance in the metadata file, and each target would wait for it."""


class Bake:
    """One `docker buildx bake` of some targets; lines go to a queue as it says them."""

    def __init__(
        self,
        part: Sequence[str],
        words: Sequence[str],
        options: BakeOptions,
        metadata: Path,
        said: "queue.SimpleQueue[tuple[Bake, bytes]]",
    ) -> None:
        """Start it; an empty line in the queue says that it has ended."""
        self.part = tuple(part)
        self.watch = Watch()
        self._metadata = metadata
        metadata.unlink(missing_ok=True)
        narrowed = {"ONLY_PLATFORM": ",".join(options.platforms)} if options.platforms else {}
        options_ = [f"--file={BAKE_FILE}", "--progress=rawjson", f"--metadata-file={metadata}"]
        # A session of its own: Ctrl-C of the terminal comes to us alone, and we end all of it.
        self._process = subprocess.Popen(  # noqa: S603 - no shell reads the words
            buildx.command(*["bake", *options_, *words, *part]),
            cwd=options.folder,
            env={**_QUICK, **os.environ, **narrowed, **options.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        threading.Thread(target=self._read, args=(said,), daemon=True).start()

    def _read(self, said: "queue.SimpleQueue[tuple[Bake, bytes]]") -> None:
        assert self._process.stdout is not None  # noqa: S101 - for the types
        for line in self._process.stdout:
            said.put((self, line))
        self._process.wait()
        said.put((self, b""))

    @property
    def succeeded(self) -> bool:
        """Tell, when it has ended, whether all of its targets are built."""
        return self._process.returncode == 0

    def metadata(self) -> Mapping[str, Mapping[str, Any]]:
        """Return what it wrote about its targets."""
        try:
            found = json.loads(self._metadata.read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def ask(self, number: int) -> bool:
        """Send a signal to all of its processes; tell whether there are any."""
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):  # a Mac denies where only zombies are left
            return False
        return True


def stop(bakes: Sequence[Bake], interrupts: "Interrupts") -> None:
    """End bake processes and wait until nothing of them is left; another Ctrl-C kills them."""
    left, asked = list(bakes), interrupts.count
    number, end = signal.SIGTERM, time.monotonic() + GRACE
    while left := [bake for bake in left if bake.ask(number)]:
        while left and time.monotonic() < end and interrupts.count == asked:
            time.sleep(0.05)
            left = [bake for bake in left if bake.ask(0)]
        number, end = signal.SIGKILL, time.monotonic() + GRACE


class Interrupts:
    """Counts Ctrl-C, SIGTERM and SIGHUP instead of breaking off anywhere, as a context.

    What is ignored stays ignored, as under nohup. Outside of the main thread it counts nothing.
    One that nobody heeded before the end of the context is raised there.
    """

    def __init__(self) -> None:
        self.count = 0
        self._former: dict[signal.Signals, Any] = {}

    def check(self) -> None:
        """Raise KeyboardInterrupt if there was one."""
        if self.count:
            raise KeyboardInterrupt

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._former[number] = signal.signal(number, self._noted)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)
        if kind is None:
            self.check()

    def _noted(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.count += 1
