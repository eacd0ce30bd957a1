"""Follow the values of variables through the stages of a Dockerfile, as BuildKit does.

`ARG` and `ENV` set variables. A stage begins with those of the stage below; the ones that `ENV` set
win there, because they are part of the image.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from compiler.render.dockerfile import Instruction
from compiler.render.step_words import expand, is_unknown


class Variables(NamedTuple):
    """The variables at one place of a stage."""

    environment: Mapping[str, str] = MappingProxyType({})
    """Those that an instruction can use, in BuildKit's order."""
    inherited: Mapping[str, str] = MappingProxyType({})
    """Those of the image, which `ENV` sets."""

    def below_a_stage(self) -> "Variables":
        """Return the variables that a stage begins with if it starts from this place."""
        environment = dict(self.environment)
        for key, value in self.inherited.items():
            _set(environment, key, value)
        return self._replace(environment=environment)

    def after_env(self, step: Instruction, expanded: Callable[[str], str]) -> "Variables":
        """Return the variables after an `ENV`; `expanded` uses those above it."""
        environment, inherited = dict(self.environment), dict(self.inherited)
        for key, value in zip(step.arguments[::3], step.arguments[1::3], strict=False):
            name, text = expanded(key), expanded(value)
            _set(environment, name, text)
            inherited[name] = text
        return Variables(environment, inherited)

    def after_arg(
        self,
        step: Instruction,
        arguments: Mapping[str, str | None],
        first: Mapping[str, str | None],
        expanded: Callable[[str, Mapping[str, str]], str],
    ) -> "Variables":
        """Return the variables after an `ARG`.

        Args:
            step: the instruction.
            arguments: the build arguments; None for values that are not known.
            first: the values of the `ARG` before the first `FROM`.
            expanded: returns a word with the values of variables.
        """
        environment = dict(self.environment)
        for argument in step.arguments:
            name, equals, default = argument.partition("=")
            name = name.strip("'\"")
            if name in arguments:
                value = arguments[name]
            elif equals:
                value = expanded(default, environment)
            elif name in first:
                value = first[name]
            else:
                continue
            environment.pop(name, None)
            if value is not None:
                environment[name] = value
        return self._replace(environment=environment)


def _set(environment: dict[str, str], name: str, value: str) -> None:
    """Set a variable: the last one that is set comes last."""
    environment.pop(name, None)
    environment[name] = value


class KnownVariables(NamedTuple):
    """The variables whose values are known before the build."""

    values: Mapping[str, str] = MappingProxyType({})
    stages: frozenset[int] = frozenset()
    """The numbers of the stages below, which a named context may replace."""


class VariableWalk:
    """Follows the variables of one Dockerfile whose values are known before the build.

    Those of external images are not known, nor what the triggers of a stage below may set.
    """

    def __init__(
        self,
        arguments: Mapping[str, str | None],
        first: Mapping[str, str | None],
        escape: str,
    ) -> None:
        """Take what decides the values; None stands for a value that is not known.

        Args:
            arguments: the build arguments.
            first: the `ARG` before the first `FROM`.
            escape: the Dockerfile's escape character.
        """
        self._arguments, self._first, self._escape = arguments, first, escape
        self._names = {name: value for name, value in first.items() if value is not None}
        self._ended: dict[str, tuple[Variables, frozenset[int]]] = {}
        """Stage that has ended -> its variables, and the stages below those above it."""

    def known(self, steps: Iterable[Instruction]) -> Iterator[KnownVariables]:
        """Yield what each instruction can use; words that a template printed are restored."""
        state, below, name, number, has_triggers = Variables(), frozenset[int](), "", -1, False
        for step in steps:
            if step.keyword == "FROM":
                if name:
                    above = (Variables(), frozenset[int]())
                    self._ended[name] = above if has_triggers else (state, below | {number})
                number += 1
                state, below, name = self._begin(step)
                has_triggers = False
            yield KnownVariables(state.environment, below)
            has_triggers |= step.keyword == "ONBUILD"
            state = self._after(step, state) if number >= 0 else state

    def _begin(self, step: Instruction) -> tuple[Variables, frozenset[int], str]:
        """Return what a stage begins with, the stages below, and its name."""
        base, *rest = step.arguments or ("",)
        key = self._expanded(base, self._names).lower()
        state, below = self._ended.get(key, (Variables(), frozenset[int]()))
        return state.below_a_stage(), below, rest[-1].lower() if rest else ""

    def _expanded(self, word: str, values: Mapping[str, str]) -> str:
        return expand(word, values, "?", self._escape)

    def _after(self, step: Instruction, state: Variables) -> Variables:
        match step.keyword:
            case "ENV":
                after = state.after_env(step, lambda word: self._expanded(word, state.environment))
            case "ARG":
                after = state.after_arg(step, self._arguments, self._first, self._expanded)
            case _:
                return state
        return Variables(*map(_known, after))


def _known(values: Mapping[str, str]) -> Mapping[str, str]:
    if any(map(is_unknown, values)):
        return {}  # a name that is not known may be any
    return {name: value for name, value in values.items() if not is_unknown(value)}
