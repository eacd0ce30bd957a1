"""Call a function for many inputs in parallel, and stop promptly after an error or interrupt."""

import threading
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from queue import Empty, SimpleQueue
from typing import TypeVar


MAX_WORKERS = 32
"""Maximum number of calls at the same time: small requests, which wait most of the time."""
MAX_TRANSFERS = 8
"""Maximum number at the same time of calls that hold much memory, or run a program."""
GRACE = 3.0
"""Seconds for which running calls are awaited after an interrupt."""
NO_LIMIT = 86400.0
"""Seconds for which they are awaited otherwise; each call has a shorter timeout of its own."""

ABANDONED: ContextVar[threading.Event] = ContextVar("ABANDONED")
"""In a worker thread: set when the result is no longer needed, so that retries must stop."""

Key = TypeVar("Key")
Input = TypeVar("Input")
Result = TypeVar("Result")


def pause(seconds: float) -> bool:
    """Wait before another attempt; return whether the result is no longer needed."""
    return ABANDONED.get(threading.Event()).wait(seconds)


def is_abandoned() -> bool:
    """Return whether the result of this worker thread is no longer needed."""
    event = ABANDONED.get(None)
    return event is not None and event.is_set()


def run_parallel(
    function: Callable[[Input], Result],
    inputs: Mapping[Key, Input],
    finished: Callable[[Key], object] = lambda _: None,
    workers: int = MAX_WORKERS,
) -> dict[Key, Result]:
    """Call a function for each input and return the results by key, in the order of the inputs.

    After an error or an interrupt no further call starts, and nothing is retried. Running calls
    may still complete; after an interrupt they are awaited only briefly.

    Args:
        function: called in several threads at the same time.
        inputs: key -> input.
        finished: called in this thread with the key of each completed call.
        workers: the maximum number of calls at the same time.
    """
    pending: SimpleQueue[tuple[Key, Input]] = SimpleQueue()
    for pair in inputs.items():
        pending.put(pair)
    completed: SimpleQueue[tuple[Key, Result] | BaseException] = SimpleQueue()
    abandoned = threading.Event()
    # Daemon threads: a call that never returns must not keep an interrupted process alive.
    arguments = (function, pending, completed, abandoned)
    count = min(workers, len(inputs))
    threads = [threading.Thread(target=_work, args=arguments, daemon=True) for _ in range(count)]
    for worker in threads:
        worker.start()
    results: dict[Key, Result] = {}
    patience = NO_LIMIT
    try:
        for _ in inputs:
            result = completed.get()
            if isinstance(result, BaseException):
                raise result
            results[result[0]] = result[1]
            finished(result[0])
    except KeyboardInterrupt:
        patience = GRACE
        raise
    finally:
        abandoned.set()
        deadline = time.monotonic() + patience
        for worker in threads:
            worker.join(max(0.0, deadline - time.monotonic()))
    return {key: results[key] for key in inputs}


def _work(
    function: Callable[[Input], Result],
    pending: "SimpleQueue[tuple[Key, Input]]",
    completed: "SimpleQueue[tuple[Key, Result] | BaseException]",
    abandoned: threading.Event,
) -> None:
    """Call the function until no input is left or the results are no longer needed."""
    ABANDONED.set(abandoned)
    while not abandoned.is_set():
        try:
            key, value = pending.get_nowait()
        except Empty:
            return
        try:
            completed.put((key, function(value)))
        except BaseException as error:  # noqa: BLE001 - raised again in the calling thread
            completed.put(error)
