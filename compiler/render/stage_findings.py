"""Find what BuildKit rejects in the instructions of a Dockerfile, stage by stage.

Some of it matters only in stages that are built for a target, and some depends on printed words.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from compiler.render.dockerfile import Instruction, ParsedDockerfile
from compiler.render.dockerfile_rules import Finding
from compiler.render.instruction_checks import Checked, depends_on_marks, problems
from compiler.render.shapes import Printed, marks_in, selection
from compiler.render.stage_folders import working_folders
from compiler.render.variables import KnownValues


class StageFinding(NamedTuple):
    """A finding in an instruction of a stage."""

    finding: Finding
    stage: int
    """The number of the stage; -1 before the first."""
    is_late: bool
    """Whether it only matters if the stage is built."""
    argument: str
    """The `ARG` that does not matter if the target overrides it."""
    below: frozenset[int] = frozenset()
    """The numbers of the stages below it that must not be replaced by a named context."""


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
        yield from self._findings(restored(self.checked.instruction, printed), KnownValues())

    def findings_of_values(
        self, instruction: Instruction, known: KnownValues
    ) -> Iterator[StageFinding]:
        """Yield what BuildKit rejects only because of the values of variables.

        Args:
            instruction: the instruction, with the words of a variant.
            known: the variables whose values are known.
        """
        if not any(self._findings(instruction, KnownValues())):
            for finding in self._findings(instruction, known):
                yield finding._replace(below=finding.below | known.stages)

    def _findings(self, instruction: Instruction, known: KnownValues) -> Iterator[StageFinding]:
        checked = self.checked._replace(instruction=instruction, values=known.values)
        for problem in problems(checked):
            finding = Finding(problem.code, problem.reason, problem.help, instruction.line)
            below = self.checked.folder.stages if problem.depends_on_folder else frozenset()
            yield StageFinding(finding, self.stage, problem.is_late, problem.argument, below)


def restored(instruction: Instruction, printed: Printed) -> Instruction:
    """Return an instruction with the words of a variant."""
    if instruction.text.isascii():  # it has no marks
        return instruction
    return instruction._replace(
        text=printed.restore(instruction.text),
        flags=tuple(map(printed.restore, instruction.flags)),
        arguments=tuple(map(printed.restore, instruction.arguments)),
    )


def stage_instructions(parsed: ParsedDockerfile) -> Iterator[StageInstruction]:
    """Yield the instructions of a Dockerfile with their stages."""
    stage = -1
    names_frontend = bool(parsed.frontend)
    for instruction, folder in zip(parsed.instructions, working_folders(parsed), strict=True):
        stage += instruction.keyword == "FROM"
        yield StageInstruction(stage, Checked(instruction, parsed.escape, names_frontend, folder))


class UnsettledFindings:
    """What BuildKit rejects in instructions whose printed words decide, each combination once."""

    def __init__(self, instructions: Iterable[StageInstruction] = ()) -> None:
        """Take the instructions of one shape."""
        self._each = [
            (instruction, selection(marks_in(_texts(instruction)))) for instruction in instructions
        ]
        self._words = selection(
            marks_in(text for instruction, _ in self._each for text in _texts(instruction))
        )
        self._by_words: dict[tuple[str, ...], tuple[StageFinding, ...]] = {}
        self._by_instruction: dict[tuple[object, ...], tuple[StageFinding, ...]] = {}
        """The same for single instructions: their number and words."""

    def of(self, printed: Printed) -> tuple[StageFinding, ...]:
        """Return the findings with the words of a variant."""
        words = self._words(printed.words)
        findings = self._by_words.get(words)
        if findings is None:
            findings = self._by_words[words] = tuple(self._findings(printed))
        return findings

    def _findings(self, printed: Printed) -> Iterator[StageFinding]:
        for number, (instruction, select) in enumerate(self._each):
            key = (number, select(printed.words))
            if key not in self._by_instruction:
                self._by_instruction[key] = tuple(instruction.findings(printed))
            yield from self._by_instruction[key]


def _texts(each: StageInstruction) -> tuple[str, ...]:
    """Return the texts that a check of an instruction reads."""
    return (*each.checked.instruction.flags, *each.checked.instruction.arguments)
