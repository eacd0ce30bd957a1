"""When the support of axis values ends, and which targets have these values."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from compiler.matrix.matrix import Axis, Matrix
from compiler.reports.text import columns, shortened
from compiler.targets.plan import Plan
from compiler.targets.target import Target


_MOST_TARGETS = 3
"""Targets of a value that the table names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndOfLife:
    """A value of an axis with its last day of support."""

    axis: str
    value: str
    end: date
    targets: tuple[str, ...]
    """The targets with this value."""

    def days(self, today: date) -> int:
        """Return the number of days from a day to the last day of support."""
        return (self.end - today).days


def earliest_end(target: Target) -> date | None:
    """Return the first day on which the support of one of a target's values ends, if any does."""
    return min((value.eol for value in target.values if value.eol is not None), default=None)


def has_ended(target: Target, today: date) -> bool:
    """Return whether a day is after the last day of support of one of a target's values."""
    end = earliest_end(target)
    return end is not None and end < today


def ends_by_index(axis: Axis) -> dict[int, str]:
    """Return the last day of each value of an axis that has one, by the value's index."""
    return {value.index: value.eol.isoformat() for value in axis.values if value.eol is not None}


def explain_missing_ends(matrix: Matrix) -> str:
    """Return what to add to a matrix in which no value has a last day of support; otherwise "".

    Without such a day, nothing is listed and nothing is left out.
    """
    if any(value.eol is not None for axis in matrix.axes.values() for value in axis.values):
        return ""
    return (
        "no value of an axis has `eol`, the last day of its support; "
        "add it under `axes`, such as `python: {3.12: {eol: 2028-10-31}}`"
    )


def find_ends(plan: Plan, targets: Iterable[Target]) -> tuple[EndOfLife, ...]:
    """Return the values of targets whose support ends, the earliest first."""
    names: dict[tuple[str, int], list[str]] = {}
    for target in targets:
        for axis, value in zip(target.axes, target.values, strict=True):
            names.setdefault((axis, value.index), []).append(target.name)
    ends = [
        EndOfLife(axis=axis.name, value=value.text, end=value.eol, targets=tuple(ending))
        for axis in plan.matrix.axes.values()
        for value in axis.values
        if value.eol is not None and (ending := names.get((axis.name, value.index)))
    ]
    return tuple(sorted(ends, key=lambda end: end.end))


def format_ends(ends: Sequence[EndOfLife], today: date, *, as_json: bool) -> str:
    """Return values whose support ends, as a table or JSON; a table of none is empty.

    Args:
        ends: the values.
        today: the day from which days are counted.
        as_json: whether to return one JSON document.
    """
    if as_json:
        values = [
            {
                "axis": end.axis,
                "value": end.value,
                "eol": end.end.isoformat(),
                "days": end.days(today),
                "targets": list(end.targets),
            }
            for end in ends
        ]
        return json.dumps({"version": 1, "values": values}, indent=1) + "\n"
    if not ends:
        return ""
    rows = [["AXIS", "VALUE", "EOL", "DAYS", "TARGETS"]]
    rows += [
        [
            end.axis,
            end.value,
            end.end.isoformat(),
            str(end.days(today)) if end.days(today) >= 0 else "ended",
            shortened(end.targets, _MOST_TARGETS),
        ]
        for end in ends
    ]
    return "".join(f"{line}\n" for line in columns(rows))
