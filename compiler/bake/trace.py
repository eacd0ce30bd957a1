"""Keep what BuildKit reports about the steps of a build: `.compile-matrix/trace.json`.

    {"version": 1, "cores": N, "steps": [{"names": {TARGET: NAME}, "inputs": [N, ...], "started": S,
     "completed": S, "cached": BOOL, "bytes": N}]}

Times are seconds since the first step; `inputs` are positions in the list. `bytes` were downloaded,
pushed or transferred from a context by the step.
"""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from compiler.bake.progress import Status, Vertex
from compiler.external.json_object import load_object
from compiler.output.local_folder import load_local, write_local


TRACE = "trace.json"
_NAME = re.compile(r"\[([\w-]+)[ \]]")
_VERSION = 1
_MOST = 2**53
"""The largest number in a trace."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_Number = TypeVar("_Number", int, float)


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
        self._vertices: dict[str, Vertex] = {}
        self._names: dict[str, dict[str, str]] = {}
        self._sizes: dict[str, dict[str, int]] = {}

    def add(self, status: Status) -> None:
        """Add a status of the progress of a bake process."""
        for vertex in status.vertices:
            match = _NAME.match(vertex.name)
            if match is not None:
                self._names.setdefault(vertex.digest, {}).setdefault(match[1], vertex.name)
            known = self._vertices.get(vertex.digest, vertex)
            executed = known.completed and not known.cached
            # A step that another batch has found in the cache was executed.
            last = known if executed and vertex.cached else vertex
            self._vertices[vertex.digest] = last._replace(
                inputs=last.inputs or known.inputs,
                started=last.started or known.started,
                completed=last.completed or known.completed,
                cached=last.cached or known.cached,
            )
        for transfer in status.transfers:
            sizes = self._sizes.setdefault(transfer.vertex, {})
            sizes[transfer.id] = max(sizes.get(transfer.id, 0), transfer.current)

    def save(self, folder: Path) -> None:
        """Write the trace of all completed steps; an earlier one is replaced.

        Raises:
            OSError: it cannot be written.
        """
        times = dict(self._times())
        if not times:
            return
        numbers = {digest: number for number, digest in enumerate(times)}
        first = min(started for started, _ in times.values())
        steps = [
            {
                "names": self._names.get(digest, {}),
                "inputs": [
                    numbers[source] for source in self._vertices[digest].inputs if source in numbers
                ],
                "started": round(started - first, 3),
                "completed": round(completed - first, 3),
                "cached": self._vertices[digest].cached,
                "bytes": sum(self._sizes.get(digest, {}).values()),
            }
            for digest, (started, completed) in times.items()
        ]
        text = json.dumps({"version": _VERSION, "cores": os.cpu_count() or 1, "steps": steps})
        write_local(folder, TRACE, f"{text}\n".encode())

    def _times(self) -> Iterator[tuple[str, tuple[float, float]]]:
        """Yield the digest and the times of each step that has both."""
        for digest, vertex in self._vertices.items():
            try:
                yield digest, (_seconds(vertex.started), _seconds(vertex.completed))
            except ValueError:
                continue


def read_trace(folder: str | os.PathLike[str]) -> RecordedBuild:
    """Return the trace of the last build.

    Raises:
        OSError: there is none, or it cannot be read.
        ValueError: it is not a trace of this version.
    """
    document = load_object(load_local(folder, TRACE))
    if document is None:
        raise ValueError("it is not a JSON object")
    if document.get("version") != _VERSION:
        raise ValueError("another version of compile-matrix wrote it")
    rows = document.get("steps")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("`steps` must be a list of objects")
    cores = _number(document, "cores", int)
    return RecordedBuild(max(1, cores), tuple(_step(row, len(rows)) for row in rows))


def _step(row: Mapping[str, Any], count: int) -> TracedStep:
    """Return a step of a trace of so many steps."""
    names, inputs = row.get("names"), row.get("inputs")
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise ValueError("`names` must be an object of texts")
    if _SURROGATE.search("".join((*names, *names.values()))):
        raise ValueError("`names` must not contain lone surrogates")
    numbers = range(count)
    if not isinstance(inputs, list) or not all(type(n) is int and n in numbers for n in inputs):
        raise ValueError("`inputs` must be a list of numbers of steps")
    return TracedStep(
        names=names,
        inputs=tuple(dict.fromkeys(inputs)),
        started=_number(row, "started", float),
        completed=_number(row, "completed", float),
        cached=row.get("cached") is True,
        transferred=_number(row, "bytes", int),
    )


def _number(row: Mapping[str, Any], name: str, kind: Callable[[float], _Number]) -> _Number:
    value = row.get(name)
    if not isinstance(value, int | float) or not 0 <= value <= _MOST:
        raise ValueError(f"`{name}` must be a number from 0 to {_MOST}")
    return kind(value)


def _seconds(text: str) -> float:
    """Return the seconds of a time such as `2026-01-01T00:00:00.123456789Z`.

    Raises:
        ValueError: it is another text.
    """
    whole, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{fraction or 0}")
