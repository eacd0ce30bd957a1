"""Provide what not every machine can: another engine, another registry."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from support.packages import Unavailable


T = TypeVar("T")


@contextlib.contextmanager
def provided(create: Callable[[], contextlib.AbstractContextManager[T]]) -> Iterator[T]:
    """Provide what not every machine can: otherwise the test is skipped, or fails in CI."""
    with contextlib.ExitStack() as stack:
        try:
            resource = stack.enter_context(create())
        except Unavailable as problem:
            if os.environ.get("CI") == "true":
                pytest.fail(str(problem))
            pytest.skip(str(problem))
        yield resource
