"""Follow the values of variables through the stages of a Dockerfile, as BuildKit does.

`ARG` and `ENV` set variables. A stage begins with those of the stage below; the ones that `ENV` set
win there, because they are part of the image.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from compiler.render.dockerfile import Instruction
from compiler.render.step_words import expand, is_unknown


_NONE: Mapping[str, str] = MappingProxyType({})


class Variables:
    """The variables of a stage, which its instructions change one after another."""

    def __init__(
        self, environment: Mapping[str, str] = _NONE, inherited: Mapping[str, str] = _NONE
    ) -> None:
        """Take the variables at a place of a stage, and copy them."""
        self.environment = dict(environment)
        """Those that an instruction can use, in BuildKit's order."""
        self.inherited = dict(inherited)
        """Those of the image, which `ENV` sets."""

    def begin_stage(self) -> None:
        """Change the variables at the end of a stage to those of a stage that starts from it."""
        for name, value in self.inherited.items():
            self._set(name, value)

    def set_env(self, step: Instruction, expanded: Callable[[str], str]) -> None:
        """Set the variables of an `ENV`; its words are expanded with those above it."""
        pairs = zip(step.arguments[::3], step.arguments[1::3], strict=False)
        for name, value in [(expanded(key), expanded(text)) for key, text in pairs]:
            self._set(name, value, is_inherited=True)

    def set_arg(
        self,
        step: Instruction,
        arguments: Mapping[str, str | None],
        first: Mapping[str, str | None],
        expanded: Callable[[str], str],
    ) -> None:
        """Set the variables of an `ARG`; each default is expanded with those before it.

        Args:
            step: the instruction.
            arguments: the build arguments; None for values that are not known.
            first: the values of the `ARG` before the first `FROM`.
            expanded: returns a word with the values of the present variables.
        """
        for argument in step.arguments:
            name, equals, default = argument.partition("=")
            name = name.strip("'\"")
            if name in arguments:
                value = arguments[name]
            elif equals:
                value = expanded(default)
            elif name in first:
                value = first[name]
            else:
                continue
            if value is None:
                self.environment.pop(name, None)
            else:
                self._set(name, value)

    def _set(self, name: str, value: str, *, is_inherited: bool = False) -> None:
        """Set a variable: the last one that is set comes last."""
        self.environment.pop(name, None)
        self.environment[name] = value
        if is_inherited:
            self.inherited[name] = value


class _KnownVariables(Variables):
    """The variables whose values are known before the build; the others are left out."""

    def _set(self, name: str, value: str, *, is_inherited: bool = False) -> None:
        if is_unknown(name):  # it may be any
            self.environment.clear()
            self.inherited.clear()
        elif is_unknown(value):
            self.environment.pop(name, None)
            if is_inherited:
                self.inherited.pop(name, None)
        else:
            super()._set(name, value, is_inherited=is_inherited)


class KnownValues(NamedTuple):
    """The variables that an instruction can use and whose values are known before the build."""

    values: Mapping[str, str] = _NONE
    """They change with the next instruction."""
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
        self._state: Variables = _KnownVariables()
        self._below = frozenset[int]()
        self._ended: dict[str, tuple[Variables, frozenset[int]]] = {}
        """Stage that has ended -> its variables, and what a stage that starts from it is above."""

    def known(self, steps: Iterable[Instruction]) -> Iterator[KnownValues]:
        """Yield what each instruction can use; words that a template printed are restored."""
        number, name, has_triggers = -1, "", False
        for step in steps:
            if step.keyword == "FROM":
                if name:
                    own = (self._state, self._below | {number})
                    self._ended[name] = (_KnownVariables(), own[1]) if has_triggers else own
                number, has_triggers = number + 1, False
                name = self._begin(step)
            yield KnownValues(self._state.environment, self._below)
            has_triggers |= step.keyword == "ONBUILD"
            if number >= 0:
                self._change(step)

    def _begin(self, step: Instruction) -> str:
        """Begin a stage, and return its name."""
        base, *rest = step.arguments or ("",)
        key = expand(base, self._names, "?", self._escape).lower()
        below, self._below = self._ended.get(key, (Variables(), frozenset[int]()))
        # An `ENV` that is not known wins over an `ARG` below: only what `ENV` sets is known here.
        self._state = _KnownVariables(below.inherited, below.inherited)
        return rest[-1].lower() if rest else ""

    def _change(self, step: Instruction) -> None:
        """Let an instruction set variables."""
        if step.keyword == "ENV":
            self._state.set_env(step, self._expanded)
        elif step.keyword == "ARG":
            self._state.set_arg(step, self._arguments, self._first, self._expanded)

    def _expanded(self, word: str) -> str:
        return expand(word, self._state.environment, "?", self._escape)
