"""Interrupts during a build."""

from __future__ import annotations

import signal

import pytest

from compiler.bake.process import InterruptCounter


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_at_the_very_end_is_not_lost(number: signal.Signals) -> None:
    """An interrupt while the last process ends is raised, so that nothing follows the build."""
    before = signal.getsignal(number)

    with pytest.raises(KeyboardInterrupt), InterruptCounter():
        signal.raise_signal(number)

    assert signal.getsignal(number) is before
