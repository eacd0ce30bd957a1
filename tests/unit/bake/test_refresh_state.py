"""Targets that `lock --refresh` requires to be rebuilt."""

from __future__ import annotations

from pathlib import Path

from compiler.bake.refresh_state import dates_with_dependents, outdated_targets, record_rebuilt


def test_dependents_of_refreshed_targets_are_refreshed() -> None:
    """The cache has them only on the previous images of their parents."""
    dependencies = {"a": [], "b": ["a"], "c": ["b"], "a-test": ["a"], "x": [], "y": ["x", "b"]}
    dates = {"a": "2026-11-25", "b": "2026-11-01", "gone": "2026-11-25"}

    refreshed = dates_with_dependents(dates, dependencies)

    assert refreshed == dict.fromkeys(["a", "b", "c", "a-test", "y"], "2026-11-25")


def test_a_target_is_rebuilt_once_for_each_date(tmp_path: Path) -> None:
    """Records of targets that the lock no longer has are removed."""
    record_rebuilt(tmp_path, {"a": "2026-11-25", "b": "2026-11-25"}, ["a"])

    assert outdated_targets(tmp_path, {"a": "2026-11-25", "b": "2026-11-25"}) == {"b"}
    assert outdated_targets(tmp_path, {"a": "2026-11-26"}) == {"a"}

    record_rebuilt(tmp_path, {"b": "2026-11-25"}, ["b"])

    assert outdated_targets(tmp_path, {"a": "2026-11-25", "b": "2026-11-25"}) == {"a"}
