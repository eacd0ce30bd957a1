"""Determine which files of its build contexts a Dockerfile can read.

The result depends on the text alone, so equal texts give equal results on every machine. It
over-approximates: if the sources of an instruction cannot be determined from the text, the whole
context counts, and that instruction is recorded as the reason.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from compiler.external.references import context_name, lookup_name
from compiler.render.build_arguments import automatic_in
from compiler.render.canonical import canonical, declared_arguments, needed_arguments
from compiler.render.context_reach import GatheredPaths, Reach
from compiler.render.dockerfile import Argument, DockerfileError, Stage, read
from compiler.render.instruction_reads import sources
from compiler.render.onbuild_heredocs import trigger
from compiler.render.stages import possible_stages, stage_numbers


class Reads(NamedTuple):
    """What the instructions of a Dockerfile can read."""

    main: Reach
    """In the build context."""
    named: Mapping[str, Reach]
    """In images, stages and named contexts, by `lookup_name`."""
    undecided: str
    """The instruction that may read from any named context; empty if there is none."""
    args: frozenset[str] | None
    """The build arguments that it declares or uses in a `FROM`; None if it may read any."""
    triggers: tuple[str, ...]
    """The instructions after `ONBUILD` of the stage that is built, which child images run."""
    content: str = ""
    """What BuildKit reads of the Dockerfile for that stage, in canonical form."""
    bases: frozenset[str] = frozenset()
    """The images that built stages start from, by `lookup_name`; neither stages nor `scratch`."""
    other_args: frozenset[str] = frozenset()
    """The build arguments that only stages declare that are not built."""


MAX_TRIGGERED = 10_000
"""Maximum number of `ONBUILD` instructions that all stages of a Dockerfile run."""

EVERYTHING = Reads(Reach(whole="the Dockerfile"), {}, "the Dockerfile", None, ())
"""The result for a Dockerfile that cannot be parsed."""


def reads(
    text: str,
    *,
    stage: str = "",
    contexts: Iterable[str] = (),
    triggers: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    frontend: str = "",
) -> Reads:
    """Return what the instructions of a Dockerfile can read.

    Args:
        text: the Dockerfile.
        stage: the stage that is built, by name or number; empty for the last.
        contexts: names of named contexts, which replace stages of the same name.
        triggers: named context -> the `triggers` of its image.
        frontend: the frontend that the build arguments name; empty if the text decides.
    """
    inherited = {context_name(name): lines for name, lines in triggers.items()}
    try:
        parsed = read(text, frontend)
        if parsed.foreign or not parsed.stages:
            return EVERYTHING._replace(content=text)
        stages = complete_stages(
            parsed.stages, {context_name(name) for name in contexts}, inherited
        )
    except DockerfileError:
        return EVERYTHING._replace(content=text)
    needed = possible_stages(stages, stage, parsed.escape)
    bases = _bases(stages, needed)
    main, named, undecided = _collect(needed, parsed.escape)
    built = stages[stage_numbers(stages).get(stage.lower(), -1)]
    onbuild = _triggers(built)
    if not built.base.text:  # a named context, whose files are the image
        named[lookup_name(built.name)] = Reach(whole=built.text)
        onbuild = inherited.get(lookup_name(built.name), ())
    if parsed.frontend:
        named[lookup_name(parsed.frontend)] = Reach(whole=f"# syntax={parsed.frontend}")
    arguments = needed_arguments(parsed, needed)
    defaults = (argument.default or "" for argument in arguments)
    used = automatic_in((*(stage.text for stage in needed), *defaults))
    declared = _declared(arguments, needed) | used
    others = _declared(parsed.arguments, stages) - declared
    instructions = [step for stage in needed for step in stage.instructions]
    if any(word.text.isdigit() for step in instructions for word in step.images):
        needed = stages  # a number counts all stages
    content = canonical(text, arguments, needed)
    return Reads(main, named, undecided, declared, onbuild, content, bases, others)


def _declared(arguments: Iterable[Argument], stages: Iterable[Stage]) -> frozenset[str]:
    """Return the build arguments that are declared before the first `FROM`, and in stages."""
    steps = (step for stage in stages for step in stage.instructions)
    inner = (name for step in steps for name in declared_arguments(step))
    return frozenset((*(argument.name for argument in arguments), *inner))


def _bases(stages: Iterable[Stage], needed: Iterable[Stage]) -> frozenset[str]:
    """Return the images that needed stages start from; a replaced stage is an image."""
    bases: set[str] = set()
    earlier = {lookup_name("scratch")}
    built = {*map(id, needed)}
    for stage in stages:
        base = lookup_name(stage.base.text or stage.name)
        if id(stage) in built and base not in earlier:
            bases.add(base)
        if stage.name and stage.base.text:
            earlier.add(lookup_name(stage.name))
    return frozenset(bases)


def complete_stages(
    stages: Sequence[Stage], contexts: Collection[str], inherited: Mapping[str, tuple[str, ...]]
) -> list[Stage]:
    """Return the stages with the `ONBUILD` instructions of their bases, without replaced ones.

    Args:
        stages: the stages of a Dockerfile.
        contexts: named contexts, as `context_name` returns them.
        inherited: named context -> the instructions that its image triggers.

    Raises:
        DockerfileError: an instruction is invalid, or there are too many.
    """
    complete: list[Stage] = []
    count = 0
    own: dict[str, tuple[str, ...]] = {}
    for stage in stages:
        name, base = lookup_name(stage.name), lookup_name(stage.base.text)
        if stage.name and name in contexts:
            complete.append(stage._replace(base=stage.base._replace(text=""), instructions=()))
            continue
        lines = inherited.get(base) or own.get(base, ())
        if "$" in base:
            known = (*inherited.values(), *own.values())
            lines = tuple(line for possible in known for line in possible)
        count += len(lines)
        if count > MAX_TRIGGERED:
            message = f"its stages run more than {MAX_TRIGGERED:,} `ONBUILD` instructions"
            raise DockerfileError(message, stage.base.line)
        added = tuple(step for line in lines for step in read(line).instructions)
        complete.append(stage._replace(instructions=(*added, *stage.instructions)))
        if stage.name:
            own[name] = _triggers(stage)
    return complete


def _triggers(stage: Stage) -> tuple[str, ...]:
    return tuple(trigger(step.text) for step in stage.instructions if step.keyword == "ONBUILD")


def _collect(stages: Sequence[Stage], escape: str) -> tuple[Reach, dict[str, Reach], str]:
    """Return `main`, `named` and `undecided` of `Reads`."""
    main = GatheredPaths()
    named: dict[str, GatheredPaths] = {}
    undecided = ""
    for stage in stages:
        base = stage.base.text
        if base:
            named.setdefault(lookup_name(base), GatheredPaths()).whole = stage.text
        if "$" in base:
            undecided = undecided or stage.text
        for instruction in stage.instructions:
            for source in sources(instruction, escape):
                if "$" in source.name:
                    undecided = undecided or instruction.text
                    continue
                into = main
                if source.name:
                    into = named.setdefault(lookup_name(source.name), GatheredPaths())
                into.add(source, instruction.text)
    return main.reach(), {name: paths.reach() for name, paths in named.items()}, undecided
