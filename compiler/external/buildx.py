"""`docker buildx`: runs the user's own docker and explains why it cannot be run.

No shell reads the words. Output is bytes, as the program wrote it.
"""

import re
import subprocess
from collections.abc import Sequence
from os import PathLike
from typing import TypeAlias


Completed: TypeAlias = subprocess.CompletedProcess[bytes]
"""A finished run: exit code, stdout and stderr."""

MAX_REASON = 300
"""Characters of buildx's own words that an error quotes."""

_VERSION = re.compile(r"\bv?(\d+)\.(\d+)\.\d+")


class BuildxError(Exception):
    """`docker buildx` cannot be run: the reason, and the remedy."""

    def __init__(self, message: str, help_: str = "install Docker with its buildx plugin") -> None:
        super().__init__(message)
        self.message, self.help = message, help_


def command(*words: str) -> list[str]:
    """Return the command line that runs buildx with these words."""
    return ["docker", "buildx", *words]


def run(
    words: Sequence[str], *, cwd: str | PathLike[str] | None = None, timeout: float | None = None
) -> Completed:
    """Run buildx to its end, without input, and keep what it writes.

    Args:
        words: what follows `docker buildx`.
        cwd: the folder in which it runs; by default this process's.
        timeout: seconds after which it is ended; by default it may take any time.

    Raises:
        BuildxError: docker cannot be started, or does not end in time. A non-zero exit code is
            the caller's to judge.
    """
    try:
        return subprocess.run(  # noqa: S603 - no shell reads the words
            command(*words),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        raise BuildxError(
            f"no answer in {timeout:g} seconds", "check whether the registry can be reached"
        ) from None
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        reason = "docker is not installed" if missing else (error.strerror or str(error)).lower()
        raise BuildxError(reason) from None


def version() -> tuple[int, int] | None:
    """Return the major and minor version of buildx; None if it does not state one.

    Raises:
        BuildxError: docker cannot be started or has no buildx plugin.
    """
    done = run(["version"])
    if done.returncode:
        raise BuildxError("docker has no buildx plugin", "install Docker's buildx plugin")
    stated = _VERSION.search(done.stdout.decode(errors="replace"))
    return (int(stated[1]), int(stated[2])) if stated else None


def reason(stderr: bytes, *, limit: int = MAX_REASON) -> str:
    """Return why buildx failed, in its own words, on one line of at most `limit` characters."""
    text = " ".join(stderr.decode(errors="replace").split()).removeprefix("ERROR: ")
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
