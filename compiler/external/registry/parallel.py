"""Questions to registries, some at a time."""

import threading
import time
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue
from typing import TypeVar

from compiler.external.registry.http import GIVEN_UP


AT_ONCE = 8
"""Questions at a time."""
GRACE = 3.0
"""Seconds that answers under way have after an interrupt."""
LONG = 86400.0
"""Seconds that they have otherwise; each ends by its own patience long before."""

Key = TypeVar("Key")
Given = TypeVar("Given")
Answer = TypeVar("Answer")


def at_once(function: Callable[[Given], Answer], asked: Mapping[Key, Given]) -> dict[Key, Answer]:
    """Return what a function answers for each, some at a time, in the given order.

    Where one fails, or it is interrupted, those that were not begun are left, and nothing is tried
    again. What is under way then may still be done: after an interrupt it is waited for briefly.
    """
    left: SimpleQueue[tuple[Key, Given]] = SimpleQueue()
    for pair in asked.items():
        left.put(pair)
    answers: SimpleQueue[tuple[Key, Answer] | BaseException] = SimpleQueue()
    over = threading.Event()
    # As daemons: an answer that never comes must not keep an interrupted process.
    said = (function, left, answers, over)
    count = min(AT_ONCE, len(asked))
    workers = [threading.Thread(target=_work, args=said, daemon=True) for _ in range(count)]
    for worker in workers:
        worker.start()
    found: dict[Key, Answer] = {}
    patience = LONG
    try:
        for _ in asked:
            answer = answers.get()
            if isinstance(answer, BaseException):
                raise answer
            found[answer[0]] = answer[1]
    except KeyboardInterrupt:
        patience = GRACE
        raise
    finally:
        over.set()
        end = time.monotonic() + patience
        for worker in workers:
            worker.join(max(0.0, end - time.monotonic()))
    return {key: found[key] for key in asked}


def _work(
    function: Callable[[Given], Answer],
    left: "SimpleQueue[tuple[Key, Given]]",
    answers: "SimpleQueue[tuple[Key, Answer] | BaseException]",
    over: threading.Event,
) -> None:
    """Answer what is left, until nothing is or nobody waits any more."""
    GIVEN_UP.set(over)
    while not over.is_set():
        try:
            key, given = left.get_nowait()
        except Empty:
            return
        try:
            answers.put((key, function(given)))
        except BaseException as error:  # noqa: BLE001 - the asker raises it
            answers.put(error)
