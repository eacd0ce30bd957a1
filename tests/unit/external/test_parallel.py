"""Parallel calls: their order, progress and errors."""

from __future__ import annotations

import threading
import time

import pytest

from compiler.external.registry.parallel import MAX_WORKERS, run_parallel


def test_results_are_in_the_order_of_the_inputs() -> None:
    """Every completed call is reported once, in any order."""
    finished: list[str] = []
    names = [f"n{number}" for number in range(3 * MAX_WORKERS)]

    results = run_parallel(str.upper, {name: name for name in names}, finished.append)

    assert list(results.items()) == [(name, name.upper()) for name in names]
    assert sorted(finished) == sorted(names)


def test_no_inputs_need_no_worker() -> None:
    """The result is empty."""
    assert run_parallel(str.upper, {}) == {}


def test_an_error_stops_further_calls() -> None:
    """It is raised in the calling thread; calls that have not started are dropped."""
    lock, started = threading.Lock(), []

    def call(number: int) -> int:
        with lock:
            started.append(number)
        if number == 0:
            raise ValueError(number)
        time.sleep(0.01)
        return number

    with pytest.raises(ValueError, match="0"):
        run_parallel(call, {number: number for number in range(100 * MAX_WORKERS)})

    assert len(started) < 100 * MAX_WORKERS
