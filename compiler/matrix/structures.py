"""Structures that one expression over data supplies: axes, patterns, rules, groups and others.

They are evaluated before the document is validated, so that rules and diagnostics are those of a
structure that is written in matrix.yaml. Texts of such a structure are values: `{{` and `${` are
literal in them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from compiler.codes import Code
from compiler.errors import CompileError
from compiler.matrix.field_table import TABLE, Kind
from compiler.matrix.level import kind
from compiler.matrix.model import is_expression
from compiler.matrix.reader import Reader
from compiler.source.document import Route
from compiler.source.edits import Edit, Supply
from compiler.source.supplied import DataFile, supplied


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A value of matrix.yaml that an expression may supply, and the places inside it."""

    kinds: tuple[type, ...] = ()
    """The types that the expression may have; without any, no expression is evaluated here."""
    each: "_Place | None" = None
    """The place of each item, or of each value of a mapping without a place of its own."""
    keys: Mapping[str, "_Place"] = field(default_factory=dict)
    each_value: "_Place | None" = None
    """The place of each value of a mapping, where it differs from that of the items of a list."""


_SINGLE = _Place(kinds=(list, str, bool, type(None)))
_PATTERN = _Place(kinds=(dict,), each=_SINGLE)
_RULES = _Place(kinds=(list,), each=_PATTERN)
_ONLY = _Place(kinds=(list, dict), each=_PATTERN, each_value=_SINGLE)
_MAPPING = _Place(kinds=(dict,))
_FIELDS = {
    "set": _MAPPING,
    "from": _Place(keys={"with": _PATTERN}),
    **{row.name: _MAPPING for row in TABLE if row.kind in (Kind.MAPPING, Kind.PAIRS)},
}
_ROWS = _Place(kinds=(list,), each=_Place(kinds=(dict,), keys={"when": _PATTERN, **_FIELDS}))
_VALUE = _Place(kinds=(dict,), keys={"only": _PATTERN, **_FIELDS})
_AXIS = _Place(kinds=(list, dict), each=_VALUE)
_NAMED_PATTERNS = _Place(kinds=(dict,), each=_PATTERN)
_IMAGE = _Place(
    keys={
        "axes": _Place(kinds=(list,)),
        "only": _ONLY,
        "exclude": _RULES,
        "overrides": _ROWS,
        "rows": _ROWS,
        "aliases": _NAMED_PATTERNS,
        **_FIELDS,
    }
)
_LEVEL = {
    "set": _MAPPING,
    "exclude": _RULES,
    "overrides": _ROWS,
    "defaults": _IMAGE,
}
_DOCUMENT = _Place(
    keys={
        "axes": _Place(kinds=(dict,), each=_AXIS),
        "groups": _NAMED_PATTERNS,
        "images": _Place(each=_IMAGE),
        "include": _Place(each=_Place(keys=_LEVEL)),
        **_LEVEL,
    }
)


def supply_structures(data: Mapping[str, Any], files: Sequence[DataFile], reader: Reader) -> None:
    """Replace each expression in the place of a structure by its value.

    Args:
        data: the names that expressions see.
        files: the data files, in which unchanged values are located.
        reader: the document; an expression that fails is reported and removed.
    """
    edits: dict[Route, Edit] = {}
    failed: list[Route] = []
    for route, raw, place in _written(reader.source.data, (), _DOCUMENT):
        try:
            value = reader.expression(raw, data, route)
            _check_kind(value, place, route, reader)
        except CompileError as error:
            reader.reject(error, route)
            failed.append(route)
            continue
        words_at = 2 - len(route) if route[0] == "axes" and len(route) <= 2 else -1  # noqa: PLR2004
        expression = reader.source.node(route)
        edits[route] = Supply(supplied(value, _finder(files), expression, words_at=words_at))
    reader.valid.replace(edits, failed)
    reader.has_supplied = bool(edits)


def _finder(files: Sequence[DataFile]) -> Callable[[object], Any]:
    """Return a function that finds a value in the data files."""
    return lambda value: next(filter(None, (file.find(value) for file in files)), None)


def _written(value: Any, route: Route, place: _Place) -> Iterator[tuple[Route, str, _Place]]:
    """Yield the expressions of a value that are in the place of a structure."""
    if isinstance(value, str):
        if place.kinds and "{{" in value and is_expression(value):
            yield route, value, place
    elif isinstance(value, dict):
        each = place.each_value or place.each
        for key, item in value.items():
            inner = place.keys.get(key, each) if isinstance(key, str) else each
            if inner is not None:
                yield from _written(item, (*route, key), inner)
    elif isinstance(value, list):
        inner = place.each
        for n, item in enumerate(value):
            # A text in the list of an axis is a value.
            if inner is not None and not (inner is _VALUE and isinstance(item, str)):
                yield from _written(item, (*route, n), inner)


def _check_kind(value: Any, place: _Place, route: Route, reader: Reader) -> None:
    """Check that an expression returns a structure of the expected type.

    Raises:
        CompileError: it returns another type.
    """
    scalar = isinstance(value, int | float) and str in place.kinds
    if isinstance(value, place.kinds) or scalar:
        return
    names = [
        kind_ for kind, kind_ in ((list, "a list"), (dict, "a mapping")) if kind in place.kinds
    ]
    reader.problem(
        Code.AXIS_EXPRESSION,
        f"the expression returns {kind(value)}, not {' or '.join(names)}",
        route,
        f"use {' or '.join(names)} of the data, or write the value here",
    )
    raise CompileError([])
