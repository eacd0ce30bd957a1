"""The ledger of a build: states, attempts and seconds."""

from __future__ import annotations

from compiler.bake.ledger import Ledger, Stopwatch


CLOSURES = {
    "a": frozenset({"a"}),
    "b": frozenset({"a", "b"}),
    "c": frozenset({"a", "b", "c"}),
    "x": frozenset({"x"}),
}


def test_dependents_of_a_failure_are_skipped_once() -> None:
    """Skipped targets name the failed dependency; built targets stay built."""
    ledger = Ledger(["a", "x", "b", "c"], CLOSURES)
    ledger.record_built("a", {})
    ledger.record_failed("b", "exit code: 1")

    assert ledger.skip_dependents() == {"c": "b"}
    assert ledger.skip_dependents() == {}
    assert ledger.unfinished(["a", "b", "c", "x"]) == ("a", "x")


def test_a_built_child_of_a_failed_parent_stays_built() -> None:
    """A target that is built is never skipped."""
    ledger = Ledger(["a", "b"], CLOSURES)
    ledger.record_built("b", {})
    ledger.record_failed("a", "exit code: 1")

    assert ledger.skip_dependents() == {}


def test_the_outcome_is_in_build_order() -> None:
    """Each requested target is in one group; a failed dependency is added to the failed ones."""
    ledger = Ledger(["b", "x"], CLOSURES)
    ledger.record_built("x", {"containerimage.digest": "sha256:1"})
    ledger.record_failed("a", "exit code: 1")
    ledger.skip_dependents()
    ledger.add_seconds("x", 1.5)
    ledger.add_seconds("x", 2.0)

    outcome = ledger.outcome()

    assert outcome.built == {"x": {"containerimage.digest": "sha256:1"}}
    assert outcome.failed == {"a": "exit code: 1"}
    assert outcome.skipped == {"b": "a"}
    assert outcome.seconds == {"b": 0.0, "x": 3.5}
    assert not outcome.sound


def test_attempts_are_counted_for_each_target() -> None:
    """The number of attempts includes the current one."""
    ledger = Ledger(["a", "x"], CLOSURES)

    assert [ledger.record_attempt(name) for name in ("a", "a", "x")] == [1, 2, 1]


def test_a_stopwatch_measures_from_the_first_step_to_the_last() -> None:
    """A target without any step has no time."""
    stopwatch = Stopwatch()
    for now in (3.0, 4.0, 7.5):
        stopwatch.record("a", now)

    assert stopwatch.seconds("a") == 4.5
    assert stopwatch.seconds("b") is None
