"""Determine which build arguments can change an image."""

from collections.abc import Iterable

from compiler.render.canonical import EPOCH, FRONTEND
from compiler.render.context_reads import Reads


_SILENT = frozenset({"BUILDKIT_INLINE_CACHE", "BUILDKIT_BUILD_NAME", "BUILDKIT_DOCKERFILE_CHECK"})
"""Arguments for BuildKit that do not change an image."""
_PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"})
"""Arguments that BuildKit passes to commands, in any case, and leaves out of its cache keys."""


def counted_arguments(
    arguments: Iterable[str], read: Reads, *, is_base_known: bool
) -> frozenset[str]:
    """Return the build arguments that can change an image; BuildKit ignores others.

    `ONBUILD ARG` of an unknown base image can read any argument. An argument that only other
    stages declare is regarded as theirs: a target of a Dockerfile with many stages would change
    with the arguments of all of them.

    Args:
        arguments: the arguments of a target.
        read: what its Dockerfile reads.
        is_base_known: whether this matrix has the Dockerfiles of all of its base images.
    """
    return frozenset(
        name
        for name in arguments
        if _is_read(name, read)
        or not (is_base_known or name in read.other_args or _is_interpreted(name))
    )


def _is_read(argument: str, read: Reads) -> bool:
    if read.args is None or argument in read.args:
        return True
    return argument == EPOCH or (argument.startswith(FRONTEND) and argument not in _SILENT)


def _is_interpreted(argument: str) -> bool:
    """Return whether BuildKit itself reads an argument that no instruction declares."""
    return argument.startswith(FRONTEND) or argument.upper() in _PROXIES
