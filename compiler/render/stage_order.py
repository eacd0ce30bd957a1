"""Check that a stage reads only from stages above it, as BuildKit requires.

BuildKit finds a stage by its name in the whole Dockerfile, the last one of several, and then
rejects a `COPY --from` or a mount of the same stage or of a later one.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from compiler.codes import Code
from compiler.render.dockerfile import ParsedDockerfile, Word
from compiler.render.dockerfile_rules import Finding
from compiler.render.stage_names import StageNames


NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
"""How `COPY --from` numbers a stage."""


class StageUse(NamedTuple):
    """What a `COPY --from` or a mount names."""

    stage: int
    """The stage with the instruction, from 0."""
    keyword: str
    word: Word


def stage_uses(parsed: ParsedDockerfile) -> Iterator[StageUse]:
    """Yield what the instructions of each stage name."""
    for number, stage in enumerate(parsed.stages):
        for instruction in stage.instructions:
            for word in instruction.images:
                if not word.inherited:
                    yield StageUse(number, instruction.keyword, word)


def misplaced(use: StageUse, name: str, stages: StageNames) -> Finding | None:
    """Return the error for a stage that is not above the instruction that reads from it.

    Args:
        use: the use, in the shape.
        name: what it names, with the words of this variant.
        stages: the stages.
    """
    if use.keyword == "COPY" and NUMBER.fullmatch(name):
        message = _misplaced_number(name, use.stage, stages)
    else:
        message = _misplaced_name(name, use, stages)
    if not message:
        return None
    help_ = "write the number or the name of a stage above"
    option = "--from=" if use.keyword == "COPY" else "from="
    word = f"{option}{use.word.text}"
    return Finding(Code.UNKNOWN_STAGE, message, help_, use.word.line, word)


def _misplaced_number(name: str, own: int, stages: StageNames) -> str:
    number = int(name)
    if 0 <= number < own or (number != own and number in stages.replaced):
        return ""
    above = f"the last one before it is {own - 1}" if own else "it is the first"
    return f"unknown stage {name} in --from: {above}"


def _misplaced_name(name: str, use: StageUse, stages: StageNames) -> str:
    number = stages.number(name)
    if number is not None:
        if number < use.stage or (number != use.stage and number in stages.replaced):
            return ""
        where = "it is the same stage" if number == use.stage else "it follows this one"
        return f"stage {name!r} cannot be read here: {where}"
    if use.keyword == "RUN" and name.isascii() and name.isdigit() and name not in stages.contexts:
        return f"a mount cannot name a stage by its number: BuildKit looks for an image {name!r}"
    return ""


def certain_links(parsed: ParsedDockerfile) -> Mapping[int, frozenset[int]]:
    """Return the stages that each stage surely reads from, by number.

    What a variable names is not certain, so it is left out.
    """
    stages = parsed.stages
    named = {stage.name: number for number, stage in enumerate(stages) if stage.name}
    links: dict[int, set[int]] = {number: set() for number in range(len(stages))}
    for number, stage in enumerate(stages):
        above = [n for n in range(number) if stages[n].name and stages[n].name == stage.base.text]
        links[number].update(above[-1:])
    for use in stage_uses(parsed):
        name = use.word.text
        if use.keyword == "COPY" and NUMBER.fullmatch(name):
            links[use.stage].update({int(name)} & set(range(use.stage)))
        elif name.lower() in named:
            links[use.stage].add(named[name.lower()])
    return {number: frozenset(reached) for number, reached in links.items()}
