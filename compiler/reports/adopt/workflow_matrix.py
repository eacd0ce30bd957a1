"""The combinations of a `strategy.matrix`, as GitHub Actions expands it.

Source: docs.github.com, "Running variations of jobs in a workflow".
"""

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from typing import Any, TypeAlias


Combination: TypeAlias = dict[str, Any]
"""Key -> value; a value is text, true, false, null, a list or a mapping."""

MAX_COMBINATIONS = 256
"""The maximum number of jobs that GitHub creates for one matrix."""

_MOST_PRODUCTS = 10_000
"""The most combinations of lists before exclusion that are looked at."""

_SPECIAL = ("include", "exclude")


def combinations(matrix: Mapping[str, Any]) -> list[Combination] | None:
    """Return the combinations in GitHub's order; None if there are too many.

    An entry of `include` extends each original combination whose values it does not change, and
    is a combination of its own if there is none.

    Args:
        matrix: the value of `strategy.matrix`, whose keys are lists.
    """
    lists = {key: list(values) for key, values in matrix.items() if key not in _SPECIAL}
    if prod(map(len, lists.values())) > _MOST_PRODUCTS:
        return None
    rows = [dict(zip(lists, values, strict=True)) for values in product(*lists.values())]
    excluded = matrix.get("exclude", ())
    originals = [
        row for row in rows if lists and not any(_matches(row, entry) for entry in excluded)
    ]
    merged = [dict(row) for row in originals]
    added: list[Combination] = []
    for entry in matrix.get("include", ()):
        extended = [
            row
            for row, original in zip(merged, originals, strict=True)
            if all(original[key] == value for key, value in entry.items() if key in original)
        ]
        for row in extended:
            row.update(entry)
        if not extended:
            added.append(dict(entry))
    return [*merged, *added] if len(merged) + len(added) <= MAX_COMBINATIONS else None


def axis_keys(rows: Sequence[Combination], first: Sequence[str]) -> list[str]:
    """Return the keys whose values distinguish the combinations, as few as are needed.

    Args:
        rows: the combinations.
        first: the keys that are axes in any case: the lists of the matrix.
    """
    keys = [*first, *dict.fromkeys(key for row in rows for key in row if key not in first)]
    chosen = list(first)
    for key in keys[len(first) :]:
        if _distinct(rows, chosen) == len(rows):
            break
        if _distinct(rows, [*chosen, key]) > _distinct(rows, chosen):
            chosen.append(key)
    return chosen


def _distinct(rows: Sequence[Combination], keys: Sequence[str]) -> int:
    return len({repr([row.get(key) for key in keys]) for row in rows})


def _matches(row: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    """Return whether an entry of `exclude` matches; it may have only some of the keys."""
    return all(key in row and row[key] == value for key, value in entry.items())
