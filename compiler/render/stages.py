"""Walk the stages of a Dockerfile: which are built, and which external images they name.

Two walks differ in what they do with variables. `ImageWalk` resolves them for one platform, as
BuildKit does, and is exact. `possible_stages` needs no arguments, and includes too many stages
rather than too few.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from compiler.external.platforms import canonical_platform
from compiler.external.references import lookup_name
from compiler.render.dockerfile import Argument, ParsedDockerfile, Stage, Word
from compiler.render.instruction_reads import sources
from compiler.render.word_syntax import expand_word
from compiler.source.globs import has_in_order
from compiler.targets.graph import closure


MACHINE = "\ue001"
"""Placeholder for a value that only the building machine decides."""
HERE = "\ue002"
"""Placeholder for the platform that is built for."""


class NamedImage(NamedTuple):
    """An external image that a Dockerfile names."""

    word: Word
    image: str
    """What the name resolves to."""
    platform: str
    """The platform that it must have: `HERE`, a platform, or empty if no built stage needs it."""


class ImageWalk:
    """Resolves the image names of one Dockerfile for one platform."""

    def __init__(
        self,
        parsed: ParsedDockerfile,
        args: Mapping[str, str],
        platform: str,
        *,
        contexts: frozenset[str] = frozenset(),
        stage: str = "",
    ) -> None:
        """Take the Dockerfile and what it is built with.

        Args:
            parsed: the Dockerfile.
            args: build arguments.
            platform: the platform that is built for; empty if the building machine decides.
            contexts: named contexts, as `context_name` returns them.
            stage: the stage that is built, by name or number; empty for the last.
        """
        self._parsed, self._contexts, self._stage = parsed, contexts, stage
        self.errors: dict[Word, str] = {}
        """Names that cannot be resolved, and the reason."""
        automatic = automatic_arguments(platform, stage)
        self._values = {name: args.get(name, value) for name, value in automatic.items()}
        for argument in parsed.arguments:
            self._declare(argument, args)

    def _declare(self, argument: Argument, args: Mapping[str, str]) -> None:
        if argument.name in args:
            self._values[argument.name] = args[argument.name]
        elif argument.default is not None:
            try:
                self._values[argument.name] = self._expand(argument.default)
            except ValueError:
                self._values[argument.name] = ""

    def _expand(self, word: str) -> str:
        return expand_word(word, self._values, self._parsed.escape)

    def images(self) -> Iterator[NamedImage]:
        """Yield each external image that the Dockerfile names, in its order."""
        stages = self._parsed.stages
        links: list[set[int]] = []
        named: list[list[NamedImage]] = []
        for n, stage in enumerate(stages):
            links.append(set())
            named.append([])
            if stage.name and lookup_name(stage.name) in self._contexts:
                continue  # BuildKit uses the context instead of the stage
            for use in self._uses(stage):
                is_base = use.word is stage.base
                inner = self._stages(use.image, stages[:n] if is_base else stages, by_name=is_base)
                links[n].update(inner)
                if not inner and self._is_external(use.image):
                    named[n].append(use)
        built = self._built(links)
        for n, uses in enumerate(named):
            for use in uses:
                needed = n in built and not use.word.inherited
                yield use if needed else use._replace(platform="")

    def _uses(self, stage: Stage) -> Iterator[NamedImage]:
        """Yield everything that a stage names, stages and contexts included."""
        platform = HERE
        try:
            if stage.platform:
                wanted = self._expand(stage.platform)
                platform = MACHINE if MACHINE in wanted else canonical_platform(wanted) or ""
            image = self._expand(stage.base.text)
        except ValueError as error:
            self.errors[stage.base] = str(error).partition(": ")[2] or str(error)
            image = stage.base.text
        yield NamedImage(stage.base, image, platform)
        for instruction in stage.instructions:
            for word in instruction.images:
                yield NamedImage(word, word.text, HERE)

    @staticmethod
    def _stages(name: str, stages: tuple[Stage, ...], *, by_name: bool) -> set[int]:
        """Return the stages that a name refers to; none if it is an image."""
        lower = name.lower()
        if not by_name and lower.isascii() and lower.isdigit():
            return {int(lower)} if int(lower) < len(stages) else set()
        if MACHINE in lower:
            pieces = lower.split(MACHINE)
            return {
                n
                for n, stage in enumerate(stages)
                if stage.name and has_in_order(stage.name, pieces)
            }
        same = [n for n, stage in enumerate(stages) if stage.name and stage.name == lower]
        return set(same[-1:])

    def _is_external(self, image: str) -> bool:
        if image == "scratch" or (image.isascii() and image.isdigit()):
            return False
        return not self._contexts or lookup_name(image) not in self._contexts

    def _built(self, links: list[set[int]]) -> frozenset[int]:
        stages = self._parsed.stages
        if not stages:
            return frozenset()
        wanted = self._stages(self._stage, stages, by_name=False) if self._stage else set()
        return closure(wanted or {len(stages) - 1}, dict(enumerate(links)))


@lru_cache(maxsize=256)
def automatic_arguments(platform: str, stage: str, *, builder: str = "") -> Mapping[str, str]:
    """Return the arguments that BuildKit defines in every Dockerfile.

    Args:
        platform: the platform that is built for; empty if it is unknown.
        stage: the stage that is built; empty for the last.
        builder: the platform of the builder; empty if it is unknown.
    """
    return {
        **_platform_arguments("BUILD", builder),
        **_platform_arguments("TARGET", platform),
        "TARGETSTAGE": stage or "default",
    }


def _platform_arguments(prefix: str, platform: str) -> dict[str, str]:
    os, arch, variant = ([*platform.split("/"), "", ""] if platform else [MACHINE] * 3)[:3]
    if (arch, variant) in {("arm64", "v8"), ("amd64", "v1")}:
        variant = ""
    if (arch, variant) == ("arm", ""):
        variant = "v7"
    return {
        f"{prefix}PLATFORM": "/".join(filter(None, (os, arch, variant))) if platform else MACHINE,
        f"{prefix}OS": os,
        f"{prefix}ARCH": arch,
        f"{prefix}VARIANT": variant,
    }


def stage_numbers(stages: Sequence[Stage]) -> dict[str, int]:
    """Return what each stage is called, by name and by number."""
    numbers = {str(n): n for n in range(len(stages))}
    return numbers | {stage.name: n for n, stage in enumerate(stages) if stage.name}


def possible_stages(stages: Sequence[Stage], target: str, escape: str) -> list[Stage]:
    """Return the stages that `possible_numbers` returns."""
    return [stages[n] for n in possible_numbers(stages, target, escape)]


def possible_numbers(stages: Sequence[Stage], target: str, escape: str) -> list[int]:
    """Return the stages that may be built for one of them, by number, in order; all if uncertain.

    Args:
        stages: the stages of one Dockerfile.
        target: the name or number of the stage that is built; empty for the last.
        escape: the Dockerfile's escape character.
    """
    numbers = stage_numbers(stages)
    start = numbers.get(target.lower()) if target else len(stages) - 1
    pending = list(range(len(stages))) if start is None else [start]
    reached: set[int] = set()
    while pending:
        n = pending.pop()
        if n in reached:
            continue
        reached.add(n)
        names = [stages[n].base.text]
        names += [s.name for step in stages[n].instructions for s in sources(step, escape)]
        for name in names:
            if "$" in name:
                return list(range(len(stages)))
            # Two stages may have the same name.
            pending += [m for m, other in enumerate(stages) if other.name == name.lower()]
            if name in numbers:
                pending.append(numbers[name])
    return sorted(reached)
