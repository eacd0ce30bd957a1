"""Batches of targets: bounded, parents before children, families together."""

from __future__ import annotations

import pytest

from compiler.bake.batches import in_build_order, split_into_batches, with_dependencies


DEPENDENCIES = {"b": ["a"], "c": ["b"], "a-test": ["a"], "x": [], "y": ["x", "b"]}
NAMES = ["c", "b", "a", "x", "y", "a-test"]


def test_parents_come_first() -> None:
    """Each target follows all its dependencies, and no target is lost."""
    order = in_build_order(NAMES, DEPENDENCIES)

    assert sorted(order) == sorted(NAMES)
    for name in order:
        for dependency in with_dependencies([name], DEPENDENCIES) - {name}:
            assert order.index(dependency) < order.index(name)


@pytest.mark.parametrize("limit", range(1, 8))
def test_batches_are_bounded(limit: int) -> None:
    """A batch with its dependencies has at most the maximum size, unless it is a single target."""
    batches = split_into_batches(NAMES, DEPENDENCIES, limit)

    assert [name for batch in batches for name in batch] == in_build_order(NAMES, DEPENDENCIES)
    for batch in batches:
        assert len(with_dependencies(batch, DEPENDENCIES)) <= limit or len(batch) == 1


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
