"""One instruction in the Dockerfile of one target, and Dockerfiles in which it is changed."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from compiler.external.references import context_name, lookup_name
from compiler.render.dockerfile import Instruction, ParsedDockerfile, Stage
from compiler.reports.layers.safe_changes import may_link, may_precede
from compiler.targets.target import Target


_KNOWS_LINK = re.compile(r":(?:1|latest|labs|1\.(?:[4-9]|[1-9]\d)\S*)\Z")
"""Frontends that know `COPY --link`."""


class Use(NamedTuple):
    """One instruction in the Dockerfile of one target."""

    target: Target
    parsed: ParsedDockerfile
    stage: int
    number: int

    @property
    def instructions(self) -> tuple[Instruction, ...]:
        """The instructions of its stage."""
        return self.parsed.stages[self.stage].instructions

    @property
    def step(self) -> Instruction:
        """The instruction."""
        return self.instructions[self.number]


def with_instructions(
    parsed: ParsedDockerfile, number: int, steps: Sequence[Instruction]
) -> ParsedDockerfile:
    """Return a Dockerfile with other instructions of one stage."""
    stages = list(parsed.stages)
    stages[number] = stages[number]._replace(instructions=tuple(steps))
    return parsed._replace(stages=tuple(stages))


def _is_on_image(use: Use) -> bool:
    """Return whether the stage of an instruction begins with an external image."""
    stages: Sequence[Stage] = use.parsed.stages
    base = stages[use.stage].base.text
    contexts: Mapping[str, str] = use.target.fields.get("contexts", {})  # type: ignore[assignment]
    named = {context_name(name) for name in contexts}
    return base.lower() not in {stage.name for stage in stages} and lookup_name(base) not in named


def can_link(use: Use) -> bool:
    """Return whether a `COPY` certainly has the same result with `--link`."""
    frontend = use.parsed.frontend
    knows_link = not frontend or _KNOWS_LINK.search(frontend) is not None
    return knows_link and _is_on_image(use) and may_link(use.step, use.instructions[: use.number])


def can_precede(use: Use) -> bool:
    """Return whether a `COPY` of the last stage can be its first instruction."""
    is_last = use.stage == len(use.parsed.stages) - 1 and not use.target.fields.get("target")
    reads_stage = any(flag.startswith("--from=") for flag in use.step.flags)
    return (
        is_last
        and not reads_stage
        and _is_on_image(use)
        and may_precede(use.step, use.instructions[: use.number])
    )


def with_first(moved: Mapping[str, Use], name: str, parsed: ParsedDockerfile) -> ParsedDockerfile:
    """Return a Dockerfile with a `COPY` as the first instruction, as in a parent."""
    if name not in moved:
        return parsed
    use = moved[name]
    steps = [use.step, *use.instructions[: use.number], *use.instructions[use.number + 1 :]]
    return with_instructions(parsed, use.stage, steps)
