"""Limit the work of a piece of code by counting calls, which are the same on every machine."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from types import FrameType

import pytest


@contextlib.contextmanager
def at_most(limit: int) -> Iterator[None]:
    """Fail as soon as the block makes more calls than this, of functions in Python or in C.

    A block that never ends fails at the limit, too, so no test hangs.
    """
    events = 0

    def profile(frame: FrameType, event: str, argument: object) -> None:
        del frame, event, argument
        nonlocal events
        events += 1
        if events > 2 * limit:  # each call is one event, and its return another
            pytest.fail(f"more than {limit:,} calls")

    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(None)
