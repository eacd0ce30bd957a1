"""HCL literals as bake reads them."""

import json
from collections.abc import Mapping
from typing import Any

from compiler.text import Interpolated


class Expression(str):
    """HCL that stands for itself: the name of a local, a call."""

    __slots__ = ()


def literal(value: Any, indent: int = 0) -> str:
    r"""Write a value as HCL.

    Args:
        value: text (its `${` and `%{` become literal), `Interpolated` text (its `${NAME}` stays),
            an `Expression`, a flag, a number, a sequence, or a mapping.
        indent: columns by which the lines after the first are indented; for mappings.

    >>> print(literal('a "b" ${c}'))
    "a \"b\" $${c}"
    >>> print(literal([Interpolated("${REGISTRY}/x"), True]))
    ["${REGISTRY}/x", true]
    """
    kind = type(value)
    if kind is Interpolated:
        return _quoted(value)
    if kind is Expression:
        return value  # type: ignore[no-any-return]
    if kind is str:
        if "{" in value:
            value = value.replace("${", "$${").replace("%{", "%%{")
        return _quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join([literal(item, indent) for item in value])}]"
    if isinstance(value, Mapping):
        if not value:
            return "{}"
        inner = " " * (indent + 2)
        lines = [
            f"{inner}{literal(key)} = {literal(item, indent + 2)}\n" for key, item in value.items()
        ]
        return "{\n" + "".join(lines) + " " * indent + "}"
    raise TypeError(f"{kind.__name__} has no form in HCL")


def _quoted(text: str) -> str:
    # HCL's quoted text takes JSON's escapes; what JSON leaves alone, HCL does too.
    return json.dumps(text, ensure_ascii=False)
