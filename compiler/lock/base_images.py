"""Find the external images of a Dockerfile, as BuildKit resolves them.

An external image is neither a stage, a named context nor `scratch`. Images that are already pinned
to a digest are left out.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from compiler.external.references import canonical_tag
from compiler.lock import faults
from compiler.lock.faults import Fault
from compiler.render.dockerfile import ParsedDockerfile, Word, read
from compiler.render.dockerfile_words import UNKNOWN
from compiler.render.frontends import SYNTAX, frontend_argument
from compiler.render.stages import HERE, MACHINE, ImageWalk


OPEN = "\ue000"
"""Marks the end of a value that is only known when baking; never part of an image name."""
IMAGE = "docker-image://"
"""Begins the value of a named context that is an image."""

_PINNED = re.compile(r"\A[^@]+@(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})\Z")
_WHOLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?-[^}]*)?\})\Z", re.ASCII)
"""A name that consists of a single build argument."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """The options that a Dockerfile is built with."""

    args: Mapping[str, str] = field(default_factory=dict)
    open_args: Mapping[str, str] = field(default_factory=dict)
    """The same, with `OPEN` after each value of a bake variable."""
    contexts: frozenset[str] = frozenset()
    """Named contexts, as `context_name` returns them."""
    stage: str = ""
    platforms: tuple[str, ...] = ()


class Base(NamedTuple):
    """An external image, and where the Dockerfile names it."""

    image: str
    """The resolved name, for instance `python:3.11`; it may be invalid if `fault` is set."""
    word: Word
    argument: str = ""
    """The ARG that the name consists of, or empty."""
    default_end: int = UNKNOWN
    """Where the default of that ARG ends; `UNKNOWN` if `args` sets it."""
    platforms: tuple[str, ...] = ()
    """The platforms that it must have: those of the stages that need it."""
    fault: Fault | None = None
    """Why it cannot be locked."""
    opened: bool = False
    """Whether its name contains a bake variable."""
    frontend: bool = False
    """Whether it is the frontend, not an image of a stage."""


def find(text: str, build: Build) -> tuple[Base, ...]:
    """Return the external images of a Dockerfile, in its order.

    Raises:
        DockerfileError: the text is not a valid Dockerfile.
    """
    parsed = read(text, frontend_argument(build.args))
    platforms = build.platforms or ("",)
    uses_by_word: dict[Word, list[tuple[str, str]]] = {}
    broken: dict[Word, Fault] = {}
    several = "$" in text  # otherwise the result is the same for all platforms
    for platform in platforms if several else platforms[:1]:
        walk = _walk(parsed, build, build.args, platform)
        here = (platform,) if several else platforms
        for word, image, needs in walk.images():
            wanted = here if needs == HERE else (needs,)
            uses_by_word.setdefault(word, []).extend((image, name) for name in wanted)
        broken.update((word, faults.expansion(error)) for word, error in walk.errors.items())
    opened: dict[Word, str] = {}
    if build.open_args != build.args:
        walk = _walk(parsed, build, build.open_args, platforms[0])
        opened = {word: image for word, image, _ in walk.images()}
    bases = [*_frontends(parsed, build)]
    for word, uses in uses_by_word.items():
        images = [*dict.fromkeys(image for image, _ in uses)]
        needed = tuple(dict.fromkeys(p for _, p in uses if p and MACHINE not in p))
        fault = broken.get(word) or _fault(images, opened.get(word, ""))
        if "@" in images[0] and not fault:
            continue
        match = _WHOLE.match(word.text)
        name = (match[1] or match[2]) if match else ""
        end = UNKNOWN
        if name not in build.args:
            ends = [a.end for a in parsed.arguments if a.name == name and a.default is not None]
            end = ends[-1] if ends else UNKNOWN
            name = name if end != UNKNOWN else ""
        image, is_opened = images[0].replace(MACHINE, "?"), OPEN in opened.get(word, "")
        bases.append(Base(image, word, name, end, needed, fault, is_opened))
    return tuple(sorted(bases, key=lambda base: base.word.line))


def _walk(
    parsed: ParsedDockerfile, build: Build, args: Mapping[str, str], platform: str
) -> ImageWalk:
    return ImageWalk(parsed, args, platform, contexts=build.contexts, stage=build.stage)


def _frontends(parsed: ParsedDockerfile, build: Build) -> Iterator[Base]:
    """Yield the frontend of `# syntax=`, and the one of `args` that replaces it."""
    if parsed.syntax is not None and "@" not in parsed.syntax.text:
        fault = _invalid_name(parsed.syntax.text)
        yield Base(parsed.syntax.text, parsed.syntax, fault=fault, frontend=True)
    other = frontend_argument(build.args)
    if other and "@" not in other:
        opened = frontend_argument(build.open_args)
        fault = _invalid_name(other) or open_fault(opened)
        word = Word(other, UNKNOWN, 0)
        yield Base(other, word, SYNTAX, fault=fault, opened=OPEN in opened, frontend=True)


def _fault(images: list[str], opened: str) -> Fault | None:
    if any(MACHINE in image for image in images):
        return faults.MACHINE
    if len(images) > 1:
        return faults.platform(images)
    if "$" in images[0]:
        return faults.FLAG_VARIABLE
    if "@" in images[0]:
        return None if _PINNED.search(images[0]) else faults.DIGEST
    return _invalid_name(images[0]) or open_fault(opened)


def _invalid_name(image: str) -> Fault | None:
    return None if canonical_tag(image) else faults.NAME


def open_fault(image: str) -> Fault | None:
    """Return why a name with marks `OPEN` cannot be locked; None if its tag is fixed."""
    _, colon, tag = image.rpartition("/")[2].partition(":")
    if colon and OPEN in tag:
        return faults.TAG
    return None
