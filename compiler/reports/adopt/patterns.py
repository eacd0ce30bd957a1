"""Write sets of variants as few patterns."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product


Row = Mapping[str, str]
"""Axis -> value, for every axis of an image."""

MAX_PRODUCT = 10_000
"""The most combinations that are looked at to find excluded ones."""


def patterns(rows: Iterable[Row], axes: Mapping[str, Sequence[str]]) -> list[dict[str, list[str]]]:
    """Return patterns that together match exactly these rows of the full product.

    Args:
        rows: the variants, each once.
        axes: every axis with its values; an axis of which a pattern has all values is left out.
    """
    boxes: list[dict[str, tuple[str, ...]]] = [
        {axis: (row[axis],) for axis in axes} for row in rows
    ]
    for axis, values in axes.items():
        joined: dict[tuple[tuple[str, ...], ...], dict[str, tuple[str, ...]]] = {}
        for box in boxes:
            key = tuple(items for name, items in box.items() if name != axis)
            known = joined.setdefault(key, {**box, axis: ()})
            known[axis] = (*known[axis], *box[axis])
        order = {value: n for n, value in enumerate(values)}
        boxes = [
            {**box, axis: tuple(sorted(box[axis], key=order.__getitem__))}
            for box in joined.values()
        ]
    return [
        {axis: list(items) for axis, items in box.items() if len(items) < len(axes[axis])}
        for box in boxes
    ]


def selecting(
    rows: Sequence[Row], every: Sequence[Row], axes: Mapping[str, Sequence[str]]
) -> list[dict[str, list[str]]]:
    """Return patterns that together match exactly these of all rows.

    Args:
        rows: the variants to match, each once.
        every: all variants; a combination that is not one of them may match or not.
        axes: every axis with its values.
    """
    chosen = {tuple(row[axis] for axis in axes) for row in rows}
    others = [row for row in every if tuple(row[axis] for axis in axes) not in chosen]
    boxes: list[dict[str, list[str]]] = []
    for box in patterns(rows, axes):
        for axis in list(box):
            shorter = {name: items for name, items in box.items() if name != axis}
            if not any(all(row[n] in items for n, items in shorter.items()) for row in others):
                box = shorter  # noqa: PLW2901 - one condition less
        if box not in boxes:
            boxes.append(box)
    return boxes


def missing(rows: Sequence[Row], axes: Mapping[str, Sequence[str]]) -> list[Row] | None:
    """Return the combinations of all values without a row; None if there are too many."""
    count = 1
    for values in axes.values():
        count *= len(values)
    if count > MAX_PRODUCT:
        return None
    known = {tuple(row[axis] for axis in axes) for row in rows}
    return [
        dict(zip(axes, values, strict=True))
        for values in product(*axes.values())
        if values not in known
    ]
