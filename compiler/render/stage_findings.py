"""Find what BuildKit rejects in the instructions of a Dockerfile, stage by stage.

Some of it matters only in stages that are built for a target, and some depends on printed words.
"""

from collections.abc import Iterator
from typing import NamedTuple

from compiler.render.dockerfile import ParsedDockerfile
from compiler.render.dockerfile_rules import Finding, syntax
from compiler.render.instruction_checks import Checked, depends_on_marks, problems
from compiler.render.shapes import Printed, Selection, marks_in, selection


class StageFinding(NamedTuple):
    """A finding in an instruction of a stage."""

    finding: Finding
    stage: int
    """The number of the stage; -1 before the first."""
    is_late: bool
    """Whether it only matters if the stage is built."""
    argument: str
    """The `ARG` that does not matter if the target overrides it."""


class StageInstruction(NamedTuple):
    """An instruction and the number of its stage; -1 before the first."""

    stage: int
    checked: Checked

    @property
    def depends_on_marks(self) -> bool:
        """Whether printed words may decide what is found."""
        return depends_on_marks(self.checked.instruction)

    def findings(self, printed: Printed) -> Iterator[StageFinding]:
        """Yield what BuildKit rejects, with the words of a variant."""
        instruction = self.checked.instruction
        restored = instruction._replace(
            flags=tuple(map(printed.restore, instruction.flags)),
            arguments=tuple(map(printed.restore, instruction.arguments)),
        )
        for problem in problems(self.checked._replace(instruction=restored)):
            finding = syntax(problem.reason, instruction.line, problem.help)
            yield StageFinding(finding, self.stage, problem.is_late, problem.argument)


def stage_instructions(parsed: ParsedDockerfile) -> Iterator[StageInstruction]:
    """Yield the instructions of a Dockerfile with their stages."""
    stage = -1
    for instruction in parsed.instructions:
        stage += instruction.keyword == "FROM"
        checked = Checked(instruction, parsed.escape, parsed.syntax is not None)
        yield StageInstruction(stage, checked)


class UnsettledFindings:
    """What BuildKit rejects in instructions whose printed words decide, each combination once."""

    def __init__(self) -> None:
        self._selections: dict[int, Selection] = {}
        self._found: dict[tuple[object, ...], tuple[StageFinding, ...]] = {}

    def of(
        self, instructions: tuple[StageInstruction, ...], printed: Printed
    ) -> tuple[StageFinding, ...]:
        """Return the findings in some instructions, with the words of a variant."""
        return tuple(found for each in instructions for found in self._of_one(each, printed))

    def _of_one(self, each: StageInstruction, printed: Printed) -> tuple[StageFinding, ...]:
        instruction = each.checked.instruction
        select = self._selections.get(id(instruction))
        if select is None:
            marks = marks_in((*instruction.flags, *instruction.arguments))
            select = self._selections[id(instruction)] = selection(marks)
        key = (id(instruction), select(printed.words))
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = tuple(each.findings(printed))
        return found
