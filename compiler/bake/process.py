"""Start bake processes, read their output, and stop them with all their child processes."""

import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Protocol, Self

from compiler.bake.bake_arguments import bake_variables
from compiler.bake.rawjson import OutputReader
from compiler.bake.results import BakeOptions, Metadata
from compiler.constants import BAKE_FILE
from compiler.external import buildx
from compiler.external.json_object import load_object
from compiler.external.process_groups import signal_group
from compiler.matrix.names import SIGNING_PREFIX
from compiler.output.source_policy import SOURCE_POLICY


GRACE = 10.0
"""Seconds that a process has to end after SIGTERM."""

_SKIP_PROVENANCE = {"BUILDX_METADATA_PROVENANCE": "disabled"}
"""Each target would wait for provenance in the metadata file, which nothing reads."""

_TRACING_PREFIX = "OTEL_"
_NO_TRACES = {f"{_TRACING_PREFIX}TRACES_SAMPLER": "always_off"}
"""An engine stores the traces of a whole bake once for each of its targets: with 80 trivial targets
that is most of its work, and continues after the build."""

_IGNORE_ENVIRONMENT = "BUILDX_BAKE_DISABLE_VARS_ENV_LOOKUP"
"""The setting of buildx 0.31 by which bake reads no variable from the environment."""

OutputQueue = queue.SimpleQueue[tuple["BakeProcess", bytes]]
"""Lines of output with their process; an empty line means that the process has ended."""


class BakeProcess:
    """A running `docker buildx bake` of one batch."""

    def __init__(
        self,
        batch: Sequence[str],
        arguments: Sequence[str],
        options: BakeOptions,
        metadata: Path,
        lines: OutputQueue,
        policy: Path | None = None,
        *,
        only: str = "",
    ) -> None:
        """Start the process.

        Args:
            batch: the targets to build.
            arguments: our arguments, in front of the targets.
            options: the folder, the variables and the platforms of the build.
            metadata: the file for bake's metadata; an existing one is deleted.
            lines: receives each line of output, then an empty one.
            policy: the file with the source policy, if there is one.
            only: the only target that is built, dependencies included; empty if there are several.
        """
        self.batch = tuple(batch)
        self.reader = OutputReader(options.trace, only)
        self._metadata = metadata
        metadata.unlink(missing_ok=True)
        variables = bake_variables(options)
        fixed = [f"--file={BAKE_FILE}", "--progress=rawjson", f"--metadata-file={metadata}"]
        if options.var_option:
            fixed += [f"--var={name}={value}" for name, value in variables.items()]
        # A session of its own: the terminal's Ctrl-C reaches only us, and we stop the whole group.
        self._process = subprocess.Popen(  # noqa: S603 - without a shell
            # The user's last argument may lack its value, which must not be a target's name.
            buildx.command("bake", *fixed, *arguments, *batch, *options.extra),
            cwd=options.folder,
            env=_environment(options, variables, policy),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        threading.Thread(target=self._read, args=(lines,), daemon=True).start()

    def _read(self, lines: OutputQueue) -> None:
        assert self._process.stdout is not None  # noqa: S101 - for mypy
        with self._process.stdout as output:
            for line in output:
                lines.put((self, line))
        self._process.wait()
        lines.put((self, b""))

    @property
    def succeeded(self) -> bool:
        """Return whether all targets are built; valid after the process has ended."""
        return self._process.returncode == 0

    def metadata(self) -> Mapping[str, Metadata]:
        """Return bake's metadata by target; empty if there is none, or of another shape."""
        try:
            entries = load_object(self._metadata.read_bytes()) or {}
        except OSError:
            return {}
        return {name: entry for name, entry in entries.items() if isinstance(entry, dict)}

    def send_signal(self, number: int) -> bool:
        """Send a signal to all processes of the group; return whether any process exists."""
        return signal_group(self._process.pid, number)


class ProcessGroup(Protocol):
    """A process with all its child processes."""

    def send_signal(self, number: int) -> bool:
        """Send a signal to all of them; return whether any process exists."""


def _environment(
    options: BakeOptions, variables: Mapping[str, str], policy: Path | None
) -> dict[str, str]:
    """Return the environment of a bake process, with all variables for bake files that read it.

    If variables cannot be passed as options, bake must not ignore those of the environment. A
    secret of a build cannot contain the key that signs images. Traces are recorded only if the
    environment has a setting of OpenTelemetry.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith(SIGNING_PREFIX)}
    is_traced = any(name.startswith(_TRACING_PREFIX) for name in own)
    environment = {**_SKIP_PROVENANCE, **({} if is_traced else _NO_TRACES), **own, **variables}
    if not options.var_option:
        environment.pop(_IGNORE_ENVIRONMENT, None)
    if policy is not None:
        environment[SOURCE_POLICY] = str(policy)
    return environment


def stop_processes(processes: Sequence[ProcessGroup], interrupts: "InterruptCounter") -> None:
    """Stop processes and wait until all have ended; another interrupt kills them at once."""
    interrupts_before = interrupts.count
    remaining = list(processes)
    number, deadline = signal.SIGTERM, time.monotonic() + GRACE
    while remaining := [process for process in remaining if process.send_signal(number)]:
        while remaining and time.monotonic() < deadline and interrupts.count == interrupts_before:
            time.sleep(0.05)
            remaining = [process for process in remaining if process.send_signal(0)]
        number, deadline = signal.SIGKILL, time.monotonic() + GRACE


class InterruptCounter:
    """A context that counts SIGINT, SIGTERM and SIGHUP instead of interrupting any line of code.

    A signal that is ignored stays ignored, as under nohup. Outside the main thread nothing is
    counted. An interrupt that was not checked is raised at the end of the context.
    """

    def __init__(self) -> None:
        self.count = 0
        self._former: dict[signal.Signals, Any] = {}

    def check(self) -> None:
        """Raise KeyboardInterrupt if a signal was received."""
        if self.count:
            raise KeyboardInterrupt

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._former[number] = signal.signal(number, self._increment)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)
        if kind is None:
            self.check()

    def _increment(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.count += 1
