"""Attributes of bake targets that use variables without a value in some environments.

A derived variable is null where its expression does not match. Bake evaluates all targets, also
those that it does not build, and a text with a null variable is an error. So an attribute with such
a text falls back to an empty value, and the target inherits from a name that no target has: bake
then fails only if it builds that target, and the name shows the text.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from compiler.matrix.bake_strings import BakeString, variables_in
from compiler.matrix.matrix import Variable
from compiler.output.hcl import Expression, literal


class MissingValues:
    """Guards the attributes of targets against variables without a value."""

    def __init__(self, variables: Mapping[str, Variable]) -> None:
        self._names = frozenset(
            variable.name for variable in variables.values() if variable.can_lack_value
        )

    def guarded(self, value: Any, empty: str) -> Any:
        """Return a value that is replaced by an empty one if one of its texts has no value."""
        if not self._names:
            return value
        names = dict.fromkeys(name for text in self._texts(value) for name in self._in(text))
        if not names:
            return value
        condition = " || ".join(f"{name} == null" for name in names)
        return Expression(f"{condition} ? {empty} : {literal(value, 2)}")

    def fields(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return fields that have a value in each environment."""
        if not self._names:
            return fields
        return {
            name: value if name == "platforms" else self.guarded(value, _empty(value))
            for name, value in fields.items()
        }

    def parents(self, value: Any, only_if: str = "") -> list[str]:
        """Return expressions of no name, or of an unknown one if a variable has no value.

        There is one for each variable, and its name shows the first text that uses the variable.

        Args:
            value: the text, list or mapping.
            only_if: a condition in HCL without which the value is not used.
        """
        if not self._names:
            return []
        first: dict[str, BakeString] = {}
        for text in self._texts(value):
            for name in self._in(text):
                first.setdefault(name, text)
        used = f"{only_if} && " if only_if else ""
        return [
            f"{used}{name} == null ? [{literal(f'{text}, because {name} has no value')}] : []"
            for name, text in first.items()
        ]

    def _in(self, text: BakeString) -> list[str]:
        return [name for name in variables_in(text) if name in self._names]

    def _texts(self, value: Any) -> Iterator[BakeString]:
        """Yield the texts that name such a variable."""
        if isinstance(value, BakeString):
            if self._in(value):
                yield value
        elif isinstance(value, Mapping):
            for pair in value.items():
                yield from self._texts(pair)
        elif isinstance(value, Iterable) and not isinstance(value, str):
            for item in value:
                yield from self._texts(item)


def inherited(parents: Sequence[str], names: Sequence[str]) -> dict[str, Expression]:
    """Return the attribute with which a target inherits from others, as it is written.

    Args:
        parents: the names of targets.
        names: expressions that return further names.
    """
    if not names:
        return {"inherits": Expression(literal(parents))} if parents else {}
    return {"inherits": Expression(f"concat({', '.join([literal(parents), *names])})")}


def _empty(value: Any) -> str:
    if isinstance(value, str):
        return '""'
    return "{}" if isinstance(value, Mapping) else "[]"
