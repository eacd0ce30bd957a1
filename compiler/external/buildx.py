"""Run `docker buildx` and explain why it cannot be run.

Commands run without a shell. Output is bytes, as the program wrote it.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import lru_cache
from os import PathLike
from typing import TypeAlias

from compiler.external.platforms import canonical_platform


Completed: TypeAlias = subprocess.CompletedProcess[bytes]
"""A finished run: exit code, stdout and stderr."""

PROGRAM = "docker"

MAX_REASON = 300
"""Maximum number of characters of buildx's own message in an error."""

_VARIABLE_OPTION = (0, 31)
"""The first version in which `bake` has the option `--var`."""
_PLATFORMS = re.compile(r"^Platforms:[ \t]*([^\s,*]+)", re.MULTILINE)
"""Finds the first platform of each node; `*` marks a platform that the user has set."""
_INSPECT_SECONDS = 60
"""Time limit of a look at a builder, which may be a remote one."""
_VERSION = re.compile(r"\bv?(\d+)\.(\d+)\.\d+")


class BuildxError(Exception):
    """`docker buildx` cannot be run; callers turn the reason and the remedy into a diagnostic."""

    def __init__(self, message: str, help_: str = "install Docker with its buildx plugin") -> None:
        super().__init__(message)
        self.message, self.help = message, help_


def command(*arguments: str) -> list[str]:
    """Return the command line of buildx with these arguments."""
    return [PROGRAM, "buildx", *arguments]


def run(
    arguments: Sequence[str],
    *,
    cwd: str | PathLike[str] | None = None,
    timeout: float | None = None,
    environment: Mapping[str, str] | None = None,
) -> Completed:
    """Run buildx without input, wait for its end, and return its output.

    Args:
        arguments: the arguments after `docker buildx`.
        cwd: the folder in which it runs; default is the current folder.
        timeout: seconds after which it is killed; default: no limit.
        environment: the environment variables; default are those of this process.

    Raises:
        BuildxError: docker cannot be started, or does not end in time. The caller checks the
            exit code.
    """
    try:
        return subprocess.run(  # noqa: S603 - without a shell
            command(*arguments),
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        raise BuildxError(
            f"no response within {timeout:g} seconds", "check whether the registry can be reached"
        ) from None
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        reason = "docker is not installed" if missing else (error.strerror or str(error)).lower()
        raise BuildxError(reason) from None


def version() -> tuple[int, int] | None:
    """Return the major and minor version of buildx; None if its output contains no version.

    Each program is asked once.

    Raises:
        BuildxError: docker cannot be started, or has no buildx plugin.
    """
    return _version(shutil.which(PROGRAM), os.environ.get("DOCKER_CONFIG"))


@lru_cache
def _version(_program: str | None, _settings: str | None) -> tuple[int, int] | None:
    completed = run(["version"])
    if completed.returncode:
        raise BuildxError("docker has no buildx plugin", "install Docker's buildx plugin")
    match = _VERSION.search(completed.stdout.decode(errors="replace"))
    return (int(match[1]), int(match[2])) if match else None


def builder_platforms(name: str | None = None) -> frozenset[str]:
    """Return the platforms for which the nodes of a builder build if none is requested.

    Each builder is asked once.

    Args:
        name: the builder; default is the current one.

    Returns:
        The first platform of each node, canonical; none if the builder cannot be asked.
    """
    names = ("DOCKER_CONFIG", "DOCKER_HOST", "DOCKER_CONTEXT", "BUILDX_BUILDER")
    return _builder_platforms(name, shutil.which(PROGRAM), *map(os.environ.get, names))


@lru_cache
def _builder_platforms(name: str | None, *_environment: str | None) -> frozenset[str]:
    try:
        completed = run(["inspect", *([name] if name else [])], timeout=_INSPECT_SECONDS)
    except BuildxError:
        return frozenset()
    listed = _PLATFORMS.findall(completed.stdout.decode(errors="replace"))
    return frozenset(filter(None, map(canonical_platform, listed)))


def has_variable_option() -> bool:
    """Return whether `bake` has the option `--var`; false if buildx cannot be run."""
    try:
        installed = version()
    except BuildxError:
        return False
    return installed is not None and installed >= _VARIABLE_OPTION


def reason(stderr: bytes, *, limit: int = MAX_REASON) -> str:
    r"""Return buildx's error message on one line of at most `limit` characters.

    Progress in front of the last `ERROR:` is left out.

    >>> reason(b"#1 copying x\n#1 ERROR: EOF\n------\nERROR: failed to copy: EOF\n")
    'failed to copy: EOF'
    """
    text = " ".join(stderr.decode(errors="replace").rpartition("ERROR: ")[2].split())
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
