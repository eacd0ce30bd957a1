"""Divide the variants of an image by the value of a field, with as few patterns as possible."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, TypeAlias

from compiler.reports.adopt.patterns import selecting
from compiler.reports.adopt.strings import choices, common_string


When: TypeAlias = tuple[tuple[str, tuple[str, ...]], ...]
"""A pattern: axes with the values that it matches."""

_DIFFERENT = object()
"""The targets have different values."""
_MOST_AXES = 3
"""The most axes on which a field depends before every variant is looked at by itself."""


def split(
    values: Sequence[str | tuple[str, ...] | None],
    rows: Sequence[Mapping[str, str]],
    seen: Sequence[Mapping[str, str]],
) -> tuple[Any, list[tuple[When, Any]]]:
    """Return the value of most variants, and those of the others with their patterns.

    The first value is None if the field cannot be the same for all and then be overridden.

    Args:
        values: the value of each variant; None if it lacks the field.
        rows: the values of its axes.
        seen: what its strings see: name -> text.
    """
    for axes in _axis_sets(rows):
        classes: dict[When, list[int]] = {}
        for n, row in enumerate(rows):
            classes.setdefault(tuple((axis, (row[axis],)) for axis in axes), []).append(n)
        if len(axes) > 1 and len(classes) == len(rows):
            exceptions = _split_by_length(values, rows, seen)
            if exceptions is not None:
                return exceptions
        by_condition: dict[When, Any] = {}
        for when, numbers in classes.items():
            value = _common([values[n] for n in numbers], [seen[n] for n in numbers])
            if value is _DIFFERENT:
                break
            by_condition[when] = value
        else:
            base = None
            if all(value is not None for value in by_condition.values()):
                frequent = Counter(map(repr, by_condition.values())).most_common(1)[0][0]
                base = next(value for value in by_condition.values() if repr(value) == frequent)
            return base, _changes(by_condition, base, rows, axes)
    raise AssertionError("a single variant always has a common value")


def _changes(
    by_condition: Mapping[When, Any],
    base: Any,
    rows: Sequence[Mapping[str, str]],
    axes: tuple[str, ...],
) -> list[tuple[When, Any]]:
    """Return the values that differ from the base, with the patterns of their variants.

    Args:
        by_condition: the value of each class of variants.
        base: the value of the others.
        rows: all variants.
        axes: the axes that divide the variants into classes.
    """
    classes: dict[str, list[dict[str, str]]] = {}
    values: dict[str, Any] = {}
    for when, value in by_condition.items():
        if value is not None and value != base:
            classes.setdefault(repr(value), []).append({axis: text for axis, (text,) in when})
            values[repr(value)] = value
    known = {axis: list(dict.fromkeys(row[axis] for row in rows)) for axis in axes}
    every = [dict(row) for row in {tuple((a, row[a]) for a in axes): None for row in rows}]
    return [
        (tuple((axis, tuple(items)) for axis, items in box.items()), values[key])
        for key, group in classes.items()
        for box in selecting(group, every, known)
    ]


def _split_by_length(
    values: Sequence[str | tuple[str, ...] | None],
    rows: Sequence[Mapping[str, str]],
    seen: Sequence[Mapping[str, str]],
) -> tuple[Any, list[tuple[When, Any]]] | None:
    """Return the most common list, and those of other lengths; None if that is not exact.

    An example is a tag `latest` that one variant has in addition.
    """
    classes: dict[int, list[int]] = {}
    for n, value in enumerate(values):
        if not isinstance(value, tuple):
            return None
        classes.setdefault(len(value), []).append(n)
    base, *others = sorted(classes.values(), key=len, reverse=True)
    axes = {axis: list(dict.fromkeys(row[axis] for row in rows)) for axis in rows[0]}
    changes: list[tuple[When, Any]] = []
    for numbers in (base, *others):
        common = _common([values[n] for n in numbers], [seen[n] for n in numbers])
        if common is _DIFFERENT:
            return None
        if numbers is not base:
            boxes = selecting([rows[n] for n in numbers], rows, axes)
            whens = (tuple((axis, tuple(items)) for axis, items in box.items()) for box in boxes)
            changes += [(when, common) for when in whens]
    first = _common([values[n] for n in base], [seen[n] for n in base])
    return first, changes


def _axis_sets(rows: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, ...]]:
    """Yield the sets of axes on which a value may depend, small ones first."""
    axes = tuple(rows[0])
    for size in range(min(len(axes), _MOST_AXES) + 1):
        yield from combinations(axes, size)
    if len(axes) > _MOST_AXES:
        yield axes


def _common(
    values: Sequence[str | tuple[str, ...] | None], seen: Sequence[Mapping[str, str]]
) -> Any:
    """Return one value of matrix.yaml for several variants, None for none, or `_DIFFERENT`."""
    if all(value is None for value in values):
        return None
    expressions = choices(seen)
    if all(isinstance(value, str) for value in values):
        text = common_string([str(value) for value in values], expressions)
        return _DIFFERENT if text is None else text
    lists = [value for value in values if isinstance(value, tuple)]
    if len(lists) < len(values) or len({len(items) for items in lists}) > 1:
        return _DIFFERENT
    items = [common_string(column, expressions) for column in zip(*lists, strict=True)]
    return _DIFFERENT if None in items else items
