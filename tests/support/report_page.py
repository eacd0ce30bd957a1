"""The page of the sample, with a build and releases that are computed instead of executed."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from compiler.bake.trace import RecordedBuild, TracedStep
from compiler.output.bake_resolved import ResolvedPlan
from compiler.pipeline import compile_matrix
from compiler.releases.record import ReleasedTarget, ReleaseRecord
from compiler.render.build_steps import Step
from compiler.reports.changed.changed import Changed
from compiler.reports.layers.report import find_layers
from compiler.reports.page.document import Content


PROJECT = Path(__file__).parents[2]
PLATFORM = "linux/amd64"
CORES = 4


def content(project: Path = PROJECT) -> Content:
    """Return everything that a page can show of a project: a build, changes and releases."""
    compiled = compile_matrix(project / "matrix.yaml")
    resolved = ResolvedPlan(compiled.plan, {})
    layers = find_layers(compiled, resolved, compiled.plan.targets, PLATFORM, project)
    targets = compiled.plan.targets
    return Content(
        compiled=compiled,
        resolved=resolved,
        targets=targets,
        layers=layers,
        source="matrix.yaml",
        build=build(layers.steps),
        compared_with="origin/main",
        changes=tuple(
            Changed(target, ("templates/Dockerfile.j2 changed",), ()) for target in targets[::3]
        ),
        releases=tuple(reversed(releases([target.name for target in targets]))),
    )


def number(*words: object) -> int:
    """Return a number that some words always give."""
    return int(sha256(repr(words).encode()).hexdigest()[:8], 16)


def build(steps: Mapping[str, tuple[Step, ...]]) -> RecordedBuild:
    """Return a build of all steps on a few cores, as BuildKit could have recorded it."""
    order: dict[str, Step] = {}
    before: dict[str, str | None] = {}
    names: dict[str, dict[str, str]] = {}
    for target, sequence in steps.items():
        previous = None
        for at, step in enumerate(sequence, 2):
            text = f"[{target} {at}/{len(sequence) + 1}] {step.instruction}"
            order.setdefault(step.id, step)
            before.setdefault(step.id, previous)
            names.setdefault(step.id, {})[target] = text
            previous = step.id
    numbers = {name: n for n, name in enumerate(order)}
    after: dict[str | None, list[str]] = {}
    for name, previous in before.items():
        after.setdefault(previous, []).append(name)
    times: dict[str, tuple[float, float]] = {}
    free = [0.0] * CORES
    ready = [(0.0, numbers[name], name) for name in after[None]]
    while ready:
        complete, _, name = heapq.heappop(ready)
        start = max(heapq.heappop(free), complete)
        times[name] = (round(start, 3), round(start + _seconds(order[name]), 3))
        heapq.heappush(free, times[name][1])
        for other in after.get(name, ()):
            heapq.heappush(ready, (times[name][1], numbers[other], other))
    traced = [
        TracedStep(
            names=names[name],
            inputs=(numbers[previous],) if previous else (),
            started=times[name][0],
            completed=times[name][1],
            cached=False,
            transferred=number("bytes", name) % 40_000_000,
        )
        for name, previous in before.items()
    ]
    return RecordedBuild(CORES, tuple(traced))


def _seconds(step: Step) -> float:
    base = {"RUN": 6.0, "COPY": 0.4, "ADD": 0.8}[step.instruction.split(maxsplit=1)[0].upper()]
    return base * (1 + number(step.id) % 1000 / 400)


def releases(targets: Sequence[str], versions: int = 6) -> list[ReleaseRecord]:
    """Return releases, the oldest first; each has one target more, and some of other content."""
    found: list[ReleaseRecord] = []
    known: dict[str, ReleasedTarget] = {}
    for version in range(versions):
        for name in targets[: len(targets) - versions + version + 1]:
            old = known.get(name)
            if old is not None and number(name, version) % 4:
                known[name] = replace(old, state="reused", seconds=0.0)
                continue
            digest = sha256(repr((name, version)).encode()).hexdigest()
            grown = 1 + version / 20 if version < versions - 2 else 0.9
            size = int(grown * (90_000_000 + number("size", name) % 220_000_000))
            known[name] = ReleasedTarget(
                target=name,
                tags=(f"docker.io/acme/{name}:v0.{version}",),
                moving=(),
                digest=f"sha256:{digest}",
                platforms={},
                attestations={},
                fingerprint=f"sha256:{digest[::-1]}",
                bases={},
                state="built",
                seconds=40.0,
                bytes=size,
                sizes={PLATFORM: size // 2, "linux/arm64": size - size // 2},
            )
        found.append(ReleaseRecord(release=f"v0.{version}", targets=tuple(known.values())))
    return found
