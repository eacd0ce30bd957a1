"""What a recorded build says about layers, as text for people and as JSON for programs."""

from collections.abc import Iterator, Sequence

from compiler.reports.layers.layers import Recorded, Timed
from compiler.reports.sizes import size
from compiler.reports.text import columns


_WIDEST = 80
"""Characters of a step's name that are shown."""


def recorded_lines(recorded: Recorded, terminal: int | None) -> Iterator[str]:
    """Yield what bounds the build, its critical path, and the most expensive steps.

    Args:
        recorded: the build.
        terminal: the width that lines should fit into.
    """
    bound = recorded.lower_bound
    yield ""
    yield (
        f"recorded build: {recorded.seconds:.1f} s on {recorded.cores} cores for "
        f"{recorded.executed:.1f} s of steps; sharing saved {recorded.saved:.1f} s"
    )
    if bound:
        yield (
            f"lower bound: {bound:.1f} s; the build took {recorded.seconds / bound:.2f} times that"
        )
    for title, steps in (
        ("CRITICAL PATH", recorded.critical_path),
        ("MOST EXPENSIVE STEPS", recorded.expensive),
    ):
        if steps:
            yield ""
            yield from columns([[title, "SECONDS", "BYTES", "TARGETS"], *_rows(steps)])
    slowest = sorted(recorded.targets.items(), key=lambda pair: -pair[1].seconds)
    rows = [
        [name, f"{cost.seconds:.1f}", size(cost.transferred) if cost.transferred else ""]
        for name, cost in slowest[:10]
        if cost.seconds
    ]
    if rows:
        yield ""
        yield from columns([["LONGEST TARGETS", "SECONDS", "BYTES"], *rows], terminal=terminal)


def _rows(steps: Sequence[Timed]) -> Iterator[list[str]]:
    for step in steps:
        name = step.name if len(step.name) <= _WIDEST else f"{step.name[: _WIDEST - 1]}…"
        transferred = step.cost.transferred
        yield [
            name,
            f"{step.cost.seconds:.1f}",
            size(transferred) if transferred else "",
            f"{step.targets:,}",
        ]


def recorded_json(recorded: Recorded) -> dict[str, object]:
    """Return a recorded build for JSON; times are seconds."""
    return {
        "seconds": round(recorded.seconds, 3),
        "cores": recorded.cores,
        "executed": round(recorded.executed, 3),
        "saved": round(recorded.saved, 3),
        "lower_bound": round(recorded.lower_bound, 3),
        "critical_path": [_described(step) for step in recorded.critical_path],
        "expensive": [_described(step) for step in recorded.expensive],
    }


def _described(step: Timed) -> dict[str, object]:
    return {
        "name": step.name,
        "seconds": round(step.cost.seconds, 3),
        "bytes": step.cost.transferred,
        "targets": step.targets,
    }
