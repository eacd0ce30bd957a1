"""Determine which build arguments of a target count in its fingerprint."""

from collections.abc import Collection, Iterable

from compiler.render.build_arguments import can_change_image, is_interpreted
from compiler.render.context_reads import Reads


def counted_arguments(
    arguments: Iterable[str], read: Reads, elsewhere: Collection[str], *, is_base_known: bool
) -> frozenset[str]:
    """Return the build arguments that can change an image; BuildKit ignores others.

    `ONBUILD ARG` of an unknown base image can read any argument. An argument that other stages or
    Dockerfiles of the project declare is regarded as theirs. Otherwise each release would build
    all images again if a version is passed to all of them, and only some declare it.

    Args:
        arguments: the arguments of a target.
        read: what its Dockerfile reads.
        elsewhere: the arguments that some stage of any Dockerfile declares.
        is_base_known: whether this matrix has the Dockerfiles of all of its base images.
    """
    return frozenset(
        name
        for name in arguments
        if can_change_image(name, read.args)
        or not (is_base_known or name in elsewhere or is_interpreted(name))
    )
