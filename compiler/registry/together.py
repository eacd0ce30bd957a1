"""Questions to registries, some at a time."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar


AT_ONCE = 8
"""Questions at a time."""

Key = TypeVar("Key")
Given = TypeVar("Given")
Answer = TypeVar("Answer")


def at_once(function: Callable[[Given], Answer], asked: Mapping[Key, Given]) -> dict[Key, Answer]:
    """Return what a function answers for each, some at a time, in the given order.

    Where one fails, or it is interrupted, those that were not begun are left.
    """
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        return dict(zip(asked, pool.map(function, asked.values()), strict=True))
    finally:
        pool.shutdown(cancel_futures=True)
