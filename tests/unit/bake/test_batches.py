"""Batches of targets: bounded, parents before children, families together."""

from __future__ import annotations

import pytest

from compiler.bake.batches import split_into_batches
from compiler.targets.graph import closure, ordered


DEPENDENCIES = {"b": ["a"], "c": ["b"], "a-test": ["a"], "x": [], "y": ["x", "b"]}
NAMES = ["c", "b", "a", "x", "y", "a-test"]


@pytest.mark.parametrize("limit", range(1, 8))
def test_batches_are_bounded(limit: int) -> None:
    """A batch with its dependencies has at most the maximum size, unless it is a single target."""
    batches = split_into_batches(NAMES, DEPENDENCIES, limit)

    assert [name for batch in batches for name in batch] == ordered(NAMES, DEPENDENCIES)
    for batch in batches:
        assert len(closure(batch, DEPENDENCIES)) <= limit or len(batch) == 1


def test_families_stay_together() -> None:
    """A family that fits into one batch begins a new batch instead of being divided."""
    dependencies = {"b1": ["a"], "b2": ["a"], "d1": ["c"], "d2": ["c"]}

    assert split_into_batches(["a", "c", "b1", "b2", "d1", "d2"], dependencies, 4) == [
        ("a", "b1", "b2"),
        ("c", "d1", "d2"),
    ]


def test_dependencies_count() -> None:
    """A parent that was not requested counts in every batch of its children."""
    dependencies = {f"c{n}": ["p"] for n in range(6)}

    assert split_into_batches(list(dependencies), dependencies, 3) == [
        ("c0", "c1"),
        ("c2", "c3"),
        ("c4", "c5"),
    ]
