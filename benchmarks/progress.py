"""Read what BuildKit reports with `--progress=rawjson`: which steps it executed, and how long.

The lower bound of a build on N cores is the larger of two times: the seconds of all executed steps
divided by N, and the longest chain of steps that depend on each other.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Step:
    """A vertex of BuildKit's graph that was executed, and not cached."""

    name: str
    seconds: float
    inputs: tuple[str, ...]
    """The digests of the vertices that it depends on."""

    @property
    def kind(self) -> str:
        """Return the instruction, such as `RUN`, or the first word, such as `exporting`."""
        return re.sub(r"^\[[^]]*\] ", "", self.name).partition(" ")[0]


@dataclass(frozen=True)
class Trace:
    """The executed steps of one build or of several, by digest."""

    steps: Mapping[str, Step]

    def total(self, *kinds: str) -> float:
        """Return the seconds of all steps of these kinds."""
        return sum(step.seconds for step in self.steps.values() if step.kind in kinds)

    def count(self, *kinds: str) -> int:
        """Return the number of steps of these kinds."""
        return sum(step.kind in kinds for step in self.steps.values())

    def longest_chain(self) -> float:
        """Return the seconds of the longest chain of steps, each an input of the next."""
        ends: dict[str, float] = {}

        def end(digest: str) -> float:
            step = self.steps.get(digest)
            if step is None:
                return 0.0
            if digest not in ends:
                ends[digest] = step.seconds + max(map(end, step.inputs), default=0.0)
            return ends[digest]

        return max(map(end, self.steps), default=0.0)

    def lower_bound(self, cores: int, *kinds: str) -> float:
        """Return the seconds below which this many cores cannot execute steps of these kinds."""
        return max(self.total(*kinds) / cores, self.longest_chain())


def read(*outputs: str) -> Trace:
    """Return the steps that builds executed, from their output with `--progress=rawjson`."""
    steps: dict[str, Step] = {}
    for number, output in enumerate(outputs):
        vertices: dict[str, dict[str, object]] = {}
        for vertex in _vertices(output):
            vertices.setdefault(str(vertex["digest"]), {}).update(vertex)
        for digest, vertex in vertices.items():
            if vertex.get("cached") or not vertex.get("completed"):
                continue
            # Exports have random digests; those of internal steps differ between builds, too.
            steps[digest if digest not in steps else f"{number} {digest}"] = Step(
                name=str(vertex["name"]),
                seconds=_time(vertex["completed"]) - _time(vertex["started"]),
                inputs=tuple(vertex.get("inputs") or ()),  # type: ignore[arg-type]
            )
    return Trace(steps)


def _vertices(output: str) -> Iterator[dict[str, object]]:
    for line in output.splitlines():
        if line.startswith("{"):
            yield from json.loads(line).get("vertexes") or ()


def _time(text: object) -> float:
    """Return seconds of a time such as `2026-01-01T00:00:00.123456789Z`."""
    whole, _, fraction = str(text).rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{fraction or 0}")
