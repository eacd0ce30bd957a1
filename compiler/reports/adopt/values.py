"""Write the values of other matrices as values of an axis."""

import re
from collections.abc import Sequence
from typing import Any

from compiler.matrix.axes import MAX_VALUE


_LABEL = re.compile(r"[\w .+:/@~^=-]+\Z")
"""The values that may be written as values of an axis."""
_WORDS = frozenset({"true", "false", "null", "none", "~"})


def axis_values(axis: str, values: Sequence[Any], source: str = "") -> list[str]:
    """Return values of JSON as values of an axis, each different.

    A text stays as it is, `true` and `false` too. Of mappings, a field that differs is the value;
    what cannot be written is numbered.

    Args:
        axis: the name of the axis.
        values: its values.
        source: the text in which they are written, for the order of the fields of mappings.

    >>> axis_values("v", ["3.10", ""]), axis_values("v", [{"os": "a"}, {"os": "b"}])
    (['3.10', 'default'], ['a', 'b'])
    """
    if values and all(isinstance(value, dict) for value in values):
        for key in sorted(values[0], key=source.find):
            column = [value.get(key, "") for value in values]
            if len(set(map(str, column))) == len(column) and all(map(_is_value, column)):
                return [str(value) for value in column]
    texts = ["default" if value == "" else _text(value) for value in values]
    if len(set(texts)) == len(texts) and all(map(_is_value, texts)):
        return texts
    return [f"{axis}{n}" for n in range(1, len(values) + 1)]


def value_details(value: Any) -> dict[str, str]:
    """Return the fields of a mapping that are texts, numbers, true or false."""
    fields = value.items() if isinstance(value, dict) else ()
    return {key: _text(value) for key, value in fields if isinstance(value, str | bool)}


def _text(value: Any) -> str:
    """Return a value as text; empty if it is a list, a mapping or null."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else ""


def _is_value(value: Any) -> bool:
    """Return whether an axis can have a value: `true` and `false` are written without quotes."""
    if not isinstance(value, str) or not _LABEL.match(value) or len(value) > MAX_VALUE:
        return False
    return value in {"true", "false"} or value.lower() not in _WORDS
