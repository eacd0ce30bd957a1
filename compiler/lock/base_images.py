"""Which external images a Dockerfile needs, as BuildKit finds them.

Takes a Dockerfile's text and what it is built with; returns each image that is neither a stage, a
named context, `scratch`, nor pinned by a digest already. Pure.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from compiler.external.references import canonical_tag
from compiler.render.dockerfile import ParsedDockerfile, Word, read
from compiler.render.dockerfile_words import UNKNOWN
from compiler.render.stages import HERE, MACHINE, ImageWalk


OPEN = "\ue000"
"""Behind a value that is decided when baking; no image's name holds it."""
SYNTAX = "BUILDKIT_SYNTAX"
"""The argument that replaces the frontend."""

_PINNED = re.compile(r"\A[^@]+@(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})\Z")
_WHOLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?-[^}]*)?\})\Z", re.ASCII)
"""A word that is one argument and nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What a Dockerfile is built with."""

    args: Mapping[str, str] = field(default_factory=dict)
    open_args: Mapping[str, str] = field(default_factory=dict)
    """The same, with OPEN behind what a bake variable gives."""
    contexts: frozenset[str] = frozenset()
    """Named contexts, by `lookup_name`."""
    stage: str = ""
    platforms: tuple[str, ...] = ()


class Base(NamedTuple):
    """An external image and where it is named."""

    image: str
    """As it resolves, for instance `python:3.11`; may be illegal if there is a fault."""
    word: Word
    argument: str = ""
    """The ARG that gives the whole name, or nothing."""
    default_end: int = UNKNOWN
    """Where that ARG's default ends; UNKNOWN where `args` gives it."""
    platforms: tuple[str, ...] = ()
    """What it must have: those of the stages that need it."""
    fault: str = ""
    """Why it cannot be locked, or nothing."""


def find(text: str, build: Build) -> tuple[Base, ...]:
    """Return the external images of a Dockerfile, in its order.

    Raises:
        DockerfileError: it is none.
    """
    parsed = read(text)
    platforms = build.platforms or ("",)
    found: dict[Word, list[tuple[str, str]]] = {}
    faults: dict[Word, str] = {}
    several = "$" in text  # else all is the same on each
    for platform in platforms if several else platforms[:1]:
        walk = _walk(parsed, build, build.args, platform)
        here = (platform,) if several else platforms
        for word, image, needs in walk.images():
            wanted = here if needs == HERE else (needs,)
            found.setdefault(word, []).extend((image, one) for one in wanted)
        faults.update(walk.errors)
    opened: dict[Word, str] = {}
    if build.open_args != build.args:
        walk = _walk(parsed, build, build.open_args, platforms[0])
        opened = {word: image for word, image, _ in walk.images()}
    bases = [*_frontends(parsed, build)]
    for word, uses in found.items():
        images = [*dict.fromkeys(image for image, _ in uses)]
        needed = tuple(dict.fromkeys(one for _, one in uses if one and MACHINE not in one))
        fault = faults.get(word) or _fault(images, opened.get(word, ""))
        if "@" in images[0] and not fault:
            continue
        given = _WHOLE.match(word.text)
        name = (given[1] or given[2]) if given else ""
        end = UNKNOWN
        if name not in build.args:
            ends = [a.end for a in parsed.arguments if a.name == name and a.default is not None]
            end = ends[-1] if ends else UNKNOWN
            name = name if end != UNKNOWN else ""
        bases.append(Base(images[0].replace(MACHINE, "?"), word, name, end, needed, fault))
    return tuple(sorted(bases, key=lambda base: base.word.line))


def _walk(
    parsed: ParsedDockerfile, build: Build, args: Mapping[str, str], platform: str
) -> ImageWalk:
    return ImageWalk(parsed, args, platform, contexts=build.contexts, stage=build.stage)


def _frontends(parsed: ParsedDockerfile, build: Build) -> Iterator[Base]:
    """Give the frontend that is asked for, and the one that `args` puts in its place."""
    if parsed.syntax is not None and "@" not in parsed.syntax.text:
        yield Base(parsed.syntax.text, parsed.syntax, fault=_named(parsed.syntax.text))
    other = build.args.get(SYNTAX, "").partition(" ")[0]
    if other and "@" not in other:
        tainted = build.open_args.get(SYNTAX, "").partition(" ")[0]
        fault = _named(other) or open_fault(tainted)
        yield Base(other, Word(other, UNKNOWN, 0), SYNTAX, UNKNOWN, (), fault)


def _fault(images: list[str], opened: str) -> str:
    if any(MACHINE in image for image in images):
        return "the machine that builds decides which it is"
    if len(images) > 1:
        return f"it is another one on each platform: {', '.join(images)}"
    if "$" in images[0]:
        return "`--from` and `from=` take no variables"
    if "@" in images[0]:
        return "" if _PINNED.search(images[0]) else "what stands behind its `@` is no digest"
    return _named(images[0]) or open_fault(opened)


def _named(image: str) -> str:
    return "" if canonical_tag(image) else "no registry has an image of such a name"


def open_fault(image: str) -> str:
    """Say what is wrong with a name that bears OPEN where a variable gave a part of it."""
    _, colon, tag = image.rpartition("/")[2].partition(":")
    if colon and OPEN in tag:
        return "a bake variable decides its tag, when it is baked"
    return ""
