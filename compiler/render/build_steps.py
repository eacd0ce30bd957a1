"""Name the steps that building a Dockerfile executes; equal names are shared steps.

A name stands for the cache key that BuildKit computes. A `RUN` depends on the files below it, on
its command, environment, folder and user, and on what it mounts. A `COPY` depends on the files
below it, and on what it copies to where; variables count only where its words use them. A `COPY
--link` depends on nothing below it. Two different steps are assumed to write different files.
"""

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import sha256
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from compiler.external.references import lookup_name
from compiler.render.dockerfile import DockerfileError, ParsedDockerfile, read
from compiler.render.instruction_reads import Source


SHELL = ("/bin/sh", "-c")
EXECUTED = frozenset({"RUN", "COPY", "ADD"})
"""Instructions that BuildKit executes as steps."""


class Step(NamedTuple):
    """A step that BuildKit executes."""

    id: str
    instruction: str
    """As written, continuation lines joined."""
    line: int
    """In the file of the Dockerfile that contains it, from 1."""
    pattern: str
    """The instruction with `…` for each word that its template printed, if that is known."""


class ImageState(NamedTuple):
    """What the instructions of a stage depend on, and what following instructions inherit."""

    files: str = ""
    """Stands for the file system; empty for `scratch`."""
    base: str = ""
    """The external image at the bottom, whose configuration is unknown; empty for none."""
    environment: Mapping[str, str] = MappingProxyType({})
    """The variables of a `RUN`, those of `ARG` included, in BuildKit's order."""
    inherited: Mapping[str, str] = MappingProxyType({})
    """The variables of the image, which `ENV` sets."""
    folder: str = ""
    """The working directory; empty if the base image decides."""
    user: str = ""
    shell: tuple[str, ...] = SHELL
    triggers: tuple[str, ...] = ()
    """The instructions after `ONBUILD`."""
    steps: Mapping[str, Step] = MappingProxyType({})
    """The steps that were executed for it, by id; dependencies come first."""


KnownStates: TypeAlias = dict[tuple[object, ...], tuple[ImageState, object]]
"""What a state follows from, by identity -> the state, and the objects that must stay alive."""


class Build(NamedTuple):
    """What a Dockerfile is built with."""

    contents: Callable[[str, Source], str]
    """Returns what stands for the files that an instruction reads of a context.

    The context is the value of a named context, or empty for the build context.
    """
    header: int = 0
    """The number of lines of the file that are above the text."""
    stage: str = ""
    """The stage that is built; empty for the last."""
    platform: str = ""
    """The platform that is built for, which is also that of the builder; empty if unknown."""
    arguments: Mapping[str, str] = MappingProxyType({})
    """The build arguments, with anything that stands for their values."""
    contexts: Mapping[str, "str | ImageState"] = MappingProxyType({})
    """Named context -> its address, or the state of another target."""
    execution: str = ""
    """Stands for the other fields on which a `RUN` depends, such as `network`."""
    uncached: tuple[str, ...] | None = ()
    """The stages that are built without cache; None for all."""


def final_state(
    parsed: ParsedDockerfile, text: str, build: Build, known: KnownStates | None = None
) -> ImageState:
    """Return the state of a built image, with its steps in the order of their dependencies.

    A Dockerfile of another frontend is one step.

    Args:
        parsed: the Dockerfile.
        text: its text.
        build: what it is built with.
        known: the states that were computed for equal builds, if Dockerfiles share instructions.
    """
    from compiler.render.stage_walk import StageWalk

    if parsed.foreign or not parsed.stages:
        return opaque_state(text, build)
    return StageWalk(parsed, build, {} if known is None else known).final()


def opaque_state(text: str, build: Build) -> ImageState:
    """Return the state of an image whose Dockerfile is not understood: one step."""
    contexts = [
        (name, context.files if isinstance(context, ImageState) else context)
        for name, context in build.contexts.items()
    ]
    content = build.contents("", Source("", "", wild=False))
    name = name_of(text, content, build.stage, [*build.arguments.items()], contexts)
    first = text.strip().partition("\n")[0]
    step = Step(name, first, 1 + build.header, first)
    return ImageState(files=name, base=name, steps={name: step})


def steps(
    text: str,
    *,
    context: str = ".",
    stage: str = "",
    arguments: Mapping[str, str] = MappingProxyType({}),
    contexts: Mapping[str, str] = MappingProxyType({}),
) -> tuple[str, ...]:
    """Return the names of the steps of one Dockerfile, in the order of their dependencies.

    A context stands for its files here. Steps of other targets are not among them. A text that
    cannot be parsed is one step.

    Args:
        text: the Dockerfile.
        context: the build context.
        stage: the stage that is built; empty for the last.
        arguments: the build arguments, with anything that stands for their values.
        contexts: the named contexts.
    """

    def whole(name: str, _source: Source) -> str:
        return f"context {name or context}"

    build = Build(contents=whole, stage=stage, arguments=arguments, contexts=contexts)
    try:
        return tuple(final_state(read(text), text, build).steps)
    except DockerfileError:
        return tuple(opaque_state(text, build).steps)


@lru_cache(maxsize=4096)
def image_name(image: str) -> str:
    """Return what stands for an external image: its digest, or else its full name.

    >>> image_name("docker-image://python:3.11") == image_name("docker.io/library/python:3.11")
    True
    """
    plain = image.removeprefix("docker-image://")
    return plain.rpartition("@")[2] if "@sha256:" in plain else lookup_name(plain)


def name_of(*inputs: object) -> str:
    """Return a name that stands for some inputs."""
    return sha256(json.dumps(inputs).encode()).hexdigest()[:16]
