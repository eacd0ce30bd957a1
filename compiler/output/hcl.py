"""HCL literals as bake reads them."""

from collections.abc import Mapping
from json.encoder import encode_basestring
from typing import Any

from compiler.matrix.bake_strings import BakeString


class Expression(str):
    """HCL that is written as it is: the name of a local, or a call."""

    __slots__ = ()


class Block(dict[str, Any]):
    """The attributes of a block, by name."""

    __slots__ = ()


def literal(value: Any, indent: int = 0) -> str:
    r"""Return a value as HCL.

    Args:
        value: text (its `${` and `%{` become literal), `BakeString` text (its `${NAME}` stays),
            an `Expression`, a flag, a number, a sequence, or a mapping.
        indent: columns by which the lines after the first are indented; for mappings.

    >>> print(literal('a "b" ${c}'))
    "a \"b\" $${c}"
    >>> print(literal([BakeString("${REGISTRY}/x"), True]))
    ["${REGISTRY}/x", true]
    """
    kind = type(value)
    if kind is BakeString:
        return _quoted(value)
    if kind is str:
        if "{" in value:
            value = value.replace("${", "$${").replace("%{", "%%{")
        return _quoted(value)
    if kind is Expression:
        return value  # type: ignore[no-any-return]
    if kind is tuple or kind is list:
        return f"[{', '.join([literal(item, indent) for item in value])}]"
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    if isinstance(value, Mapping):
        if not value:
            return "{}"
        inner = " " * (indent + 2)
        lines = [
            f"{inner}{literal(key)} = {literal(item, indent + 2)}\n" for key, item in value.items()
        ]
        return "{\n" + "".join(lines) + " " * indent + "}"
    raise TypeError(f"{kind.__name__} cannot be written as HCL")


class Literals:
    """Writes values like `literal`, and blocks; the same mapping is formatted once."""

    def __init__(self) -> None:
        # Values are kept alive, so that no other object gets the same identity.
        self._known: dict[int, tuple[object, str]] = {}

    def __call__(self, value: Any) -> str:
        """Write a value, or the braces of a block with its attributes, a line each."""
        if type(value) is not Block:
            return literal(value)
        lines = [
            f"  {name} = {self._mapping(item) if type(item) is dict else literal(item, 2)}\n"
            for name, item in value.items()
        ]
        return f"{{\n{''.join(lines)}}}"

    def _mapping(self, value: Mapping[str, Any]) -> str:
        literal_of = self._known.get(id(value))
        if literal_of is None:
            literal_of = self._known[id(value)] = (value, literal(value, 2))
        return literal_of[1]


def _quoted(text: str) -> str:
    quoted = encode_basestring(text)
    if "\\" in quoted and ("\\b" in quoted or "\\f" in quoted):
        # HCL lacks these two escapes of JSON; a literal backslash is doubled.
        parts = quoted.split("\\\\")
        parts = [part.replace("\\b", "\\u0008").replace("\\f", "\\u000c") for part in parts]
        return "\\\\".join(parts)
    return quoted
