"""The queue of batches: which may start, and when."""

from __future__ import annotations

from compiler.bake.batch_queue import Batch, BatchQueue


CLOSURES = {
    "a": frozenset({"a"}),
    "b": frozenset({"a", "b"}),
    "c": frozenset({"a", "b", "c"}),
    "x": frozenset({"x"}),
}


def test_children_start_after_their_parents() -> None:
    """A batch is ready only when none of its dependencies is queued or running."""
    queue = BatchQueue([["a"], ["b", "c"], ["x"]], CLOSURES)

    assert queue.take_ready(0, []) == Batch(("a",))
    assert queue.take_ready(0, ["a"]) == Batch(("x",))
    assert queue.take_ready(0, ["a", "x"]) is None
    assert queue.take_ready(0, ["x"]) == Batch(("b", "c"))
    assert not queue


def test_a_batch_starts_when_it_is_due() -> None:
    """A delayed batch is passed over until its time; its dependents are not ready before."""
    queue = BatchQueue([["b"], ["x"]], CLOSURES)
    queue.put_first(["a"], due=5.0)

    assert queue.take_ready(4.9, []) == Batch(("x",))
    assert queue.take_ready(4.9, []) is None
    assert queue.take_ready(5.0, []) == Batch(("a",), 5.0)


def test_discarded_targets_leave_their_batches() -> None:
    """A batch that has lost all its targets disappears."""
    queue = BatchQueue([["b", "x"], ["c"]], CLOSURES)
    queue.put_first([])
    queue.discard(["b", "c"])

    assert queue.take_ready(0, []) == Batch(("x",))
    assert not queue
