"""Run our command: as a program of its own, or much faster within this process."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from unittest import mock

from compiler.cli.main import run as run_command


COMMAND = (sys.executable, "-m", "compiler")


def run(
    folder: Path, *words: str, env: Mapping[str, str] | None = None, code: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run our command as a program; check its exit code and that it prints no traceback.

    Args:
        folder: the current folder of the program.
        words: the arguments.
        env: the whole environment; by default that of this process.
        code: the expected exit code.
    """
    done = subprocess.run(
        [*COMMAND, *words], cwd=folder, env=env, check=False, capture_output=True, text=True
    )
    return _checked(done, code)


def call(
    folder: Path,
    *words: str,
    env: Mapping[str, str] | None = None,
    code: int | None = 0,
    stdin: str = "",
    merge: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run our command within this process; check the same as `run`.

    Args:
        folder: the current folder meanwhile.
        words: the arguments.
        env: the whole environment; by default that of this process.
        code: the expected exit code; None for any.
        stdin: the text that the command can read.
        merge: whether stderr is written to stdout, as `2>&1` does.
    """
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(1 if merge else 2)]
    with (
        contextlib.chdir(folder),
        mock.patch.dict(os.environ, os.environ if env is None else env, clear=True),
        _standard_input(stdin),
        contextlib.redirect_stdout(streams[0]),
        contextlib.redirect_stderr(streams[-1]),
    ):
        try:
            status = run_command([*words])
        except SystemExit as ended:  # by click, after completion
            status = ended.code if isinstance(ended.code, int) else 0
    texts = [_text(stream) for stream in streams]
    return _checked(
        subprocess.CompletedProcess(words, status, texts[0], "" if merge else texts[1]), code
    )


@contextlib.contextmanager
def _standard_input(text: str) -> Iterator[None]:
    """Let file descriptor 0 yield this text meanwhile."""
    with tempfile.TemporaryFile() as file:
        file.write(text.encode())
        file.seek(0)
        saved = os.dup(0)
        os.dup2(file.fileno(), 0)
        try:
            yield
        finally:
            os.dup2(saved, 0)
            os.close(saved)


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()


def _checked(
    done: subprocess.CompletedProcess[str], code: int | None
) -> subprocess.CompletedProcess[str]:
    said = f"{done.stdout}{done.stderr}"
    assert code is None or done.returncode == code, said
    assert "Traceback" not in said, said
    assert "internal error" not in said, said
    return done
