"""Commands to measure, and ratios of two of them.

The two commands of a ratio run in turn, A B A B, after a warm-up; the ratio is the median of the
pairs.
"""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


RUNS = int(os.environ.get("RUNS", "7"))


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command to measure, its folder, and what prepares the folder before each run."""

    arguments: list[str]
    folder: Path
    environment: Mapping[str, str] | None = None
    before: Callable[[], None] = lambda: None

    def seconds(self) -> float:
        """Run once and return the wall time."""
        self.before()
        start = time.perf_counter()
        subprocess.run(
            self.arguments,
            cwd=self.folder,
            env=self.environment,
            check=True,
            capture_output=True,
        )
        return time.perf_counter() - start


def ratio(one: Command, other: Command) -> tuple[float, float, float]:
    """Return the medians of both and of their ratio, pair by pair."""
    one.seconds(), other.seconds()
    pairs = [(one.seconds(), other.seconds()) for _ in range(RUNS)]
    return (
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(a / b for a, b in pairs),
    )


def print_row(work: str, measured: tuple[float, float, float], limit: str) -> None:
    """Print one line of the table."""
    ours, reference, quotient = measured
    print(f"| {work} | {ours:.3f} s | {reference:.3f} s | {quotient:.2f} | {limit} |", flush=True)
