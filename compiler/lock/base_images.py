"""Which external images a Dockerfile needs, as BuildKit finds them.

Takes a Dockerfile's text and what it is built with; returns each image that is neither a stage, a
named context, `scratch`, nor pinned by a digest already. Pure.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from e2b_dockerfile_utils import ShellLex

from compiler.external.references import canonical_platform, canonical_tag, familiar
from compiler.render.dockerfile import UNKNOWN, Argument, ParsedDockerfile, Stage, Word, read


OPEN = "\ue000"
"""Behind a value that is decided when baking; no image's name holds it."""
MACHINE = "\ue001"
"""Stands for what only the machine that builds decides."""
HERE = "\ue002"
"""Stands for the platform that is built for."""
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
    """Named contexts, each as `familiar` says it if it could be an image."""
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


def context_name(name: str) -> str:
    """Return a named context's name as it is looked up."""
    plain = name.partition("::")[0]
    return familiar(plain) or plain


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
        walk = _Walk(parsed, build, build.args, platform)
        here = (platform,) if several else platforms
        for word, image, needs in walk.images():
            wanted = here if needs == HERE else (needs,)
            found.setdefault(word, []).extend((image, one) for one in wanted)
        faults.update(walk.faults)
    opened: dict[Word, str] = {}
    if build.open_args != build.args:
        walk = _Walk(parsed, build, build.open_args, platforms[0])
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


class _Walk:
    """One Dockerfile on one platform: what each word resolves to, and what is reached."""

    def __init__(
        self, parsed: ParsedDockerfile, build: Build, args: Mapping[str, str], platform: str
    ) -> None:
        self.parsed, self.build = parsed, build
        self.faults: dict[Word, str] = {}
        self.env = {name: args.get(name, v) for name, v in _automatic(platform, build).items()}
        for argument in parsed.arguments:
            self._declare(argument, args)

    def _declare(self, argument: Argument, args: Mapping[str, str]) -> None:
        if argument.name in args:
            self.env[argument.name] = args[argument.name]
        elif argument.default is not None:
            try:
                self.env[argument.name] = self._expand(argument.default)
            except ValueError:
                self.env[argument.name] = ""

    def _expand(self, word: str) -> str:
        if not any(mark in word for mark in ("$", '"', "'", self.parsed.escape)):
            return word
        lexer = ShellLex(self.parsed.escape, env=self.env, skip_unset_env=False)
        return lexer.process_word(word)

    def images(self) -> Iterator[tuple[Word, str, str]]:
        """Give each word that names an external image, what it says, the platform it needs."""
        stages = self.parsed.stages
        links: list[set[int]] = []
        named: list[list[tuple[Word, str, str]]] = []
        for n, stage in enumerate(stages):
            links.append(set())
            named.append([])
            if stage.name and context_name(stage.name) in self.build.contexts:
                continue  # the context stands in its place
            for word, image, platform in self._sources(stage):
                before = stages[:n] if word is stage.base else stages
                inside = self._stages(image, before, numbered=word is not stage.base)
                links[n].update(inside)
                if not inside and self._external(image):
                    named[n].append((word, image, platform))
        reached = self._reached(links)
        for n, uses in enumerate(named):
            for word, image, platform in uses:
                yield word, image, platform if n in reached and not word.inherited else ""

    def _sources(self, stage: Stage) -> Iterator[tuple[Word, str, str]]:
        platform = HERE
        try:
            if stage.platform:
                wanted = self._expand(stage.platform)
                platform = MACHINE if MACHINE in wanted else canonical_platform(wanted) or ""
            image = self._expand(stage.base.text)
        except ValueError as error:
            self.faults[stage.base] = str(error).partition(": ")[2] or str(error)
            image = stage.base.text
        yield stage.base, image, platform
        for word in stage.sources:
            yield word, word.text, HERE

    def _stages(self, name: str, stages: tuple[Stage, ...], *, numbered: bool) -> set[int]:
        """Return the stages that a name means; none where it is an image."""
        lower = name.lower()
        if numbered and lower.isascii() and lower.isdigit():
            return {int(lower)} if int(lower) < len(stages) else set()
        if MACHINE in lower:
            shape = re.compile(".*".join(map(re.escape, lower.split(MACHINE))))
            return {
                n for n, stage in enumerate(stages) if stage.name and shape.fullmatch(stage.name)
            }
        found = [n for n, stage in enumerate(stages) if stage.name and stage.name == lower]
        return set(found[-1:])

    def _external(self, image: str) -> bool:
        if image == "scratch" or (image.isascii() and image.isdigit()):
            return False
        return not self.build.contexts or context_name(image) not in self.build.contexts

    def _reached(self, links: list[set[int]]) -> set[int]:
        stages = self.parsed.stages
        if not stages:
            return set()
        wanted = self._stages(self.build.stage, stages, numbered=True) if self.build.stage else None
        left = [*(wanted or {len(stages) - 1})]
        reached: set[int] = set()
        while left:
            n = left.pop()
            if n not in reached:
                reached.add(n)
                left += links[n]
        return reached


def _automatic(platform: str, build: Build) -> dict[str, str]:
    """Return the arguments that BuildKit gives every Dockerfile."""
    found = {f"BUILD{name}": MACHINE for name in ("PLATFORM", "OS", "ARCH", "VARIANT")}
    parts = [*platform.split("/"), "", ""] if platform else [MACHINE] * 3
    os, arch, variant = parts[:3]
    if (arch, variant) in {("arm64", "v8"), ("amd64", "v1")}:
        variant = ""
    if (arch, variant) == ("arm", ""):
        variant = "v7"
    whole = "/".join(part for part in (os, arch, variant) if part) if platform else MACHINE
    found |= {"TARGETPLATFORM": whole, "TARGETOS": os, "TARGETARCH": arch, "TARGETVARIANT": variant}
    return {**found, "TARGETSTAGE": build.stage or "default"}
