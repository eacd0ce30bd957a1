"""Run a program with limits of its time and its output, and stop it when its result is not needed.

The program runs without a shell and in a session of its own: it cannot ask for a password at the
terminal, and Ctrl-C reaches only this process, which then kills it.
"""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from compiler.external.process_groups import signal_group
from compiler.external.registry.parallel import is_abandoned


_TICK = 0.1
"""Maximum number of seconds until it is noticed that a result is no longer needed."""
_CHUNK = 2**16


class Completed(NamedTuple):
    """A program that has ended."""

    code: int
    """The exit code; negative for a signal."""
    stdout: bytes
    stderr: bytes


class LimitError(Exception):
    """A program was stopped: it ran for too long or wrote too much. The message says which."""


def run_limited(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    cwd: str,
    timeout: float,
    max_output: int,
    content: bytes = b"",
) -> Completed:
    """Run a program and return its output.

    Args:
        command: the program and its arguments.
        environment: all variables of the program.
        cwd: the folder in which it runs.
        timeout: the maximum duration in seconds.
        max_output: the maximum number of bytes of stdout, and of stderr.
        content: what the program reads from stdin, at most 4 KiB.

    Raises:
        OSError: it cannot be started.
        LimitError: it was stopped at a limit, or because its result is no longer needed.
    """
    process = subprocess.Popen(  # noqa: S603 - without a shell
        list(command),
        cwd=cwd,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with process:
        try:
            _send(process, content)
            output = _read(process, time.monotonic() + timeout, timeout, max_output)
        finally:
            signal_group(process.pid, signal.SIGKILL)
    return Completed(process.returncode, *output)


def _send(process: "subprocess.Popen[bytes]", content: bytes) -> None:
    """Write to the program's stdin and close it; a pipe takes this much without a reader."""
    assert process.stdin is not None  # noqa: S101 - for mypy
    with suppress(BrokenPipeError), process.stdin as stdin:
        stdin.write(content)


def _read(
    process: "subprocess.Popen[bytes]", deadline: float, timeout: float, limit: int
) -> tuple[bytes, bytes]:
    """Return stdout and stderr when the program has ended."""
    assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018 - for mypy
    texts = {process.stdout: bytearray(), process.stderr: bytearray()}
    with selectors.DefaultSelector() as selector:
        for stream in texts:
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map() or process.poll() is None:
            if is_abandoned():
                raise LimitError("it was cancelled")
            if time.monotonic() > deadline:
                raise LimitError(f"it did not end within {timeout:.0f} s")
            if not selector.get_map():
                time.sleep(_TICK / 10)
            for key, _ in selector.select(_TICK):
                chunk = os.read(key.fd, _CHUNK)
                text = texts[key.fileobj]  # type: ignore[index]
                text += chunk
                if not chunk:
                    selector.unregister(key.fileobj)
                elif len(text) > limit:
                    raise LimitError(f"it wrote more than {limit:,} bytes")
    return bytes(texts[process.stdout]), bytes(texts[process.stderr])
