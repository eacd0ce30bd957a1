"""Keep what BuildKit reports about the steps of a build: `.compile-matrix/trace.json`.

    {"version": 1, "cores": N, "steps": [{"names": {TARGET: NAME}, "inputs": [N, ...], "started": S,
     "completed": S, "cached": BOOL, "bytes": N}]}

Times are seconds since the first step; `inputs` are positions in the list. `bytes` were downloaded,
pushed or transferred from a context by the step.
"""

import json
import os
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from compiler.output.local_folder import load_local, write_local


TRACE = "trace.json"
_NAME = re.compile(r"\[([\w-]+)[ \]]")
_VERSION = 1


class TracedStep(NamedTuple):
    """A step of a recorded build: an instruction, a download, a transfer or an export."""

    names: Mapping[str, str]
    """Target -> what the step is called there, such as `[server 2/5] RUN make`."""
    inputs: tuple[int, ...]
    """The numbers of the steps that it depends on."""
    started: float
    completed: float
    cached: bool
    transferred: int
    """Bytes that it downloaded, pushed or transferred."""

    @property
    def seconds(self) -> float:
        """The seconds that it took; 0 if it was cached."""
        return 0.0 if self.cached else self.completed - self.started


class RecordedBuild(NamedTuple):
    """What one build executed, in all its batches."""

    cores: int
    steps: tuple[TracedStep, ...]


class BuildTrace:
    """Collects the steps that BuildKit reports, by digest."""

    def __init__(self) -> None:
        self._vertices: dict[str, dict[str, Any]] = {}
        self._names: dict[str, dict[str, str]] = {}
        self._sizes: dict[str, dict[str, int]] = {}

    def add(self, status: Mapping[str, Any]) -> None:
        """Add a status of the progress of a bake process."""
        for vertex in status.get("vertexes") or ():
            digest, name = vertex["digest"], vertex["name"]
            match = _NAME.match(name)
            if match is not None:
                self._names.setdefault(digest, {}).setdefault(match[1], name)
            known = self._vertices.setdefault(digest, {})
            executed = known.get("completed") and not known.get("cached")
            if not (executed and vertex.get("cached")):  # Another batch found it in the cache.
                known.update(vertex)
        for one in status.get("statuses") or ():
            sizes = self._sizes.setdefault(one["vertex"], {})
            sizes[one["id"]] = max(sizes.get(one["id"], 0), one.get("current") or 0)

    def save(self, folder: Path) -> None:
        """Write the trace of all completed steps; an earlier one is replaced.

        Raises:
            OSError: it cannot be written.
        """
        complete = {
            digest: vertex
            for digest, vertex in self._vertices.items()
            if vertex.get("started") and vertex.get("completed")
        }
        if not complete:
            return
        numbers = {digest: number for number, digest in enumerate(complete)}
        times = {
            digest: (_seconds(vertex["started"]), _seconds(vertex["completed"]))
            for digest, vertex in complete.items()
        }
        first = min(started for started, _ in times.values())
        steps = [
            {
                "names": self._names.get(digest, {}),
                "inputs": [numbers[one] for one in vertex.get("inputs") or () if one in numbers],
                "started": round(times[digest][0] - first, 3),
                "completed": round(times[digest][1] - first, 3),
                "cached": bool(vertex.get("cached")),
                "bytes": sum(self._sizes.get(digest, {}).values()),
            }
            for digest, vertex in complete.items()
        ]
        text = json.dumps({"version": _VERSION, "cores": os.cpu_count() or 1, "steps": steps})
        write_local(folder, TRACE, f"{text}\n".encode())


def read_trace(folder: str | os.PathLike[str]) -> RecordedBuild:
    """Return the trace of the last build.

    Raises:
        OSError: there is none, or it cannot be read.
        ValueError: it is not a trace of this version.
    """
    document = json.loads(load_local(folder, TRACE))
    try:
        if document["version"] != _VERSION:
            raise ValueError("another version of compile-matrix wrote it")
        count = len(document["steps"])
        steps = tuple(
            TracedStep(
                names={str(key): str(value) for key, value in one["names"].items()},
                inputs=tuple(int(n) for n in one["inputs"] if 0 <= int(n) < count),
                started=float(one["started"]),
                completed=float(one["completed"]),
                cached=bool(one["cached"]),
                transferred=int(one["bytes"]),
            )
            for one in document["steps"]
        )
        return RecordedBuild(max(1, int(document["cores"])), steps)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it has no valid {error}") from error


def _seconds(text: str) -> float:
    """Return the seconds of a time such as `2026-01-01T00:00:00.123456789Z`."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{fraction or 0}")
