"""Find what BuildKit rejects in a Dockerfile because of the values of variables."""

from collections.abc import Iterable, Mapping, Sequence

from compiler.render.base_rules import known_arguments
from compiler.render.dockerfile import Argument, Instruction
from compiler.render.shapes import Printed, marks_in, selection
from compiler.render.stage_findings import StageFinding, StageInstruction, restored
from compiler.render.step_words import used_names
from compiler.render.variables import KnownValues, VariableWalk


_DECIDING = frozenset({"ARG", "ENV", "FROM", "ONBUILD"})
"""Instructions that decide the values of variables."""


class ValueFindings:
    """What BuildKit rejects in the Dockerfiles of one shape, each combination of values once."""

    def __init__(
        self,
        instructions: Iterable[tuple[StageInstruction, bool]],
        arguments: Sequence[Argument],
        escape: str,
    ) -> None:
        """Take what is checked.

        Args:
            instructions: the instructions, each with whether values of variables may decide what is
                wrong with it.
            arguments: the `ARG` before the first `FROM`.
            escape: the Dockerfile's escape character.
        """
        self._each = [
            (each, is_checked)
            for each, is_checked in instructions
            if is_checked or each.checked.instruction.keyword in _DECIDING
        ]
        self._arguments, self._escape = arguments, escape
        self._words = selection(marks_in(self._texts()))
        self._by_values: dict[tuple[object, ...], tuple[StageFinding, ...]] = {}
        self._by_step: dict[tuple[object, ...], tuple[StageFinding, ...]] = {}

    def _texts(self) -> list[str]:
        texts = [f"{argument.name} {argument.default}" for argument in self._arguments]
        for each, _ in self._each:
            instruction = each.checked.instruction
            texts += [instruction.text, *instruction.flags, *instruction.arguments]
        return texts

    def of(self, printed: Printed, args: Mapping[str, str | None]) -> tuple[StageFinding, ...]:
        """Return the findings of a variant.

        Args:
            printed: the words that the marks replace.
            args: the build arguments of the target; None for values that are not known.
        """
        key = (self._words(printed.words), *args.items())
        if key not in self._by_values:
            first = known_arguments(self._arguments, args, self._escape, printed)
            steps = [restored(each.checked.instruction, printed) for each, _ in self._each]
            known = VariableWalk(args, first, self._escape).known(steps)
            self._by_values[key] = tuple(
                finding
                for number, (step, variables) in enumerate(zip(steps, known, strict=True))
                if self._each[number][1]
                for finding in self._findings(number, step, variables)
            )
        return self._by_values[key]

    def _findings(
        self, number: int, step: Instruction, known: KnownValues
    ) -> tuple[StageFinding, ...]:
        """Return the findings in an instruction, once for the values of its own variables."""
        values = known.values
        used = tuple((name, values[name]) for name in used_names(step.text) if name in values)
        key = (number, step.text, used, known.stages)
        if key not in self._by_step:
            each = self._each[number][0]
            own = known._replace(values=dict(used))
            self._by_step[key] = tuple(each.findings_of_values(step, own)) if used else ()
        return self._by_step[key]
