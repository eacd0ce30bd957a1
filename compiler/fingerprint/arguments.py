"""Determine which build arguments of a target count in its fingerprint."""

from collections.abc import Iterable

from compiler.render.build_arguments import can_change_image, is_interpreted
from compiler.render.context_reads import Reads


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
        if can_change_image(name, read.args)
        or not (is_base_known or name in read.other_args or is_interpreted(name))
    )
