"""Find what BuildKit rejects in the instructions of a Dockerfile, stage by stage.

Some of it matters only in stages that are built for a target, and some depends on printed words.
"""

from collections.abc import Iterator
from typing import NamedTuple

from compiler.render.dockerfile import ParsedDockerfile
from compiler.render.dockerfile_rules import Finding, syntax
from compiler.render.instruction_checks import Checked, depends_on_marks, problems
from compiler.render.shapes import Printed, is_marked


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

    def words(self) -> Iterator[str]:
        """Yield the words of the instruction that contain marks."""
        instruction = self.checked.instruction
        yield from filter(is_marked, (*instruction.flags, *instruction.arguments))

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
