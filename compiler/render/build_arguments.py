"""Decide which build arguments can change an image, and which a Dockerfile can declare."""

from collections.abc import Callable, Collection, Iterable, Mapping

from compiler.external.references import context_name, lookup_name
from compiler.render.canonical import EPOCH, FRONTEND, declared_arguments
from compiler.render.dockerfile import DockerfileError, ParsedDockerfile, read
from compiler.render.frontends import may_be_foreign
from compiler.render.onbuild_heredocs import trigger
from compiler.render.stages import automatic_arguments


_SILENT = frozenset({"BUILDKIT_INLINE_CACHE", "BUILDKIT_BUILD_NAME", "BUILDKIT_DOCKERFILE_CHECK"})
"""Arguments for BuildKit that do not change an image."""
_PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"})
"""Arguments that every `RUN` sees, in upper or lower case, and that no cache key contains."""
AUTOMATIC = frozenset(automatic_arguments("", ""))
"""Arguments that BuildKit defines before the first `FROM`, such as TARGETPLATFORM."""


def can_change_image(
    argument: str,
    declared: Collection[str] | None,
    elsewhere: Collection[str],
    *,
    is_base_known: bool,
) -> bool:
    """Return whether a build argument can change the image; BuildKit ignores others.

    `ONBUILD ARG` of an unknown base image can read any argument. An argument that other stages or
    Dockerfiles of the project declare is regarded as theirs. Otherwise each release would build
    all images again if a version is passed to all of them, and only some declare it.

    Args:
        argument: its name.
        declared: the arguments that the Dockerfile reads; None if that is not known.
        elsewhere: the arguments that other stages or Dockerfiles declare.
        is_base_known: whether this matrix has the Dockerfiles of all of its base images.
    """
    if declared is None or argument in declared or argument == EPOCH:
        return True
    if is_interpreted(argument):
        return argument.startswith(FRONTEND) and argument not in _SILENT
    return not is_base_known and argument not in elsewhere


def is_interpreted(argument: str) -> bool:
    """Return whether BuildKit itself reads an argument, or passes it to commands as a proxy."""
    return argument.startswith(FRONTEND) or argument.upper() in _PROXIES


def is_predefined(argument: str) -> bool:
    """Return whether BuildKit uses a build argument without an `ARG`."""
    return argument == EPOCH or argument in AUTOMATIC or is_interpreted(argument)


def automatic_in(texts: Iterable[str]) -> frozenset[str]:
    """Return the automatic arguments that instructions before the first stage may use."""
    joined = "\n".join(texts)
    return frozenset(name for name in AUTOMATIC if name in joined)


def written_arguments(parsed: ParsedDockerfile) -> frozenset[str]:
    """Return all arguments that a Dockerfile declares in any stage."""
    names = {argument.name for argument in parsed.arguments}
    names.update(name for step in parsed.instructions for name in declared_arguments(step))
    return frozenset(names)


def triggered_arguments(text: str, args: Mapping[str, str]) -> frozenset[str] | None:
    """Return the arguments that `ONBUILD ARG` declares in images that begin with this one.

    Args:
        text: the Dockerfile of this image.
        args: its build arguments.

    Returns:
        The names; None if they are not known, for instance because another frontend reads the text.
    """
    if may_be_foreign(text, args):
        return None
    if "onbuild" not in text.lower():
        return frozenset()
    try:
        steps = read(text).instructions
        lines = [trigger(step.text) for step in steps if step.keyword == "ONBUILD"]
        parsed = [read(line) for line in lines]
    except DockerfileError:
        return None
    names = (
        name
        for dockerfile in parsed
        for step in dockerfile.instructions
        for name in declared_arguments(step)
    )
    return frozenset(names)


def has_unknown_base(
    parsed: ParsedDockerfile,
    restore: Callable[[str], str],
    contexts: Iterable[str],
    linked: Collection[str],
) -> bool:
    """Return whether a stage begins with an image outside the matrix.

    BuildKit runs the `ONBUILD ARG` instructions of that image in the stage.

    Args:
        parsed: a Dockerfile, perhaps with marks.
        restore: replaces the marks in a text.
        contexts: the named contexts, which replace stages and images.
        linked: those that are targets of the matrix.
    """
    outside = {context_name(name) for name in contexts if name not in linked}
    known: set[str] = set()
    """The stages so far that no image outside the matrix replaces, in lower case."""
    for stage in parsed.stages:
        base, name = restore(stage.base.text), restore(stage.name).lower()
        if name and lookup_name(name) in outside:
            known.discard(name)
            continue
        if base != "scratch" and base.lower() not in known and lookup_name(base) not in linked:
            return True
        known.add(name)
    return False
