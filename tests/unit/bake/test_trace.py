"""The trace of a build: what is kept of BuildKit's progress, and what is read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from compiler.bake.progress import Status, parse_status
from compiler.bake.rawjson import OutputReader
from compiler.bake.trace import BuildTrace, read_trace


def vertex(digest: str, name: str, start: int, end: int, **more: Any) -> dict[str, Any]:
    """Return a completed step of BuildKit's progress, with times as seconds."""
    times = {
        key: f"2026-01-01T00:00:{second:02}.5Z"
        for key, second in (("started", start), ("completed", end))
    }
    return {"digest": digest, "name": name, **times, **more}


def status(*vertices: dict[str, Any]) -> Status:
    """Return a status with steps."""
    parsed = parse_status(json.dumps({"vertexes": vertices}).encode())
    assert parsed is not None
    return parsed


def test_what_is_kept(tmp_path: Path) -> None:
    """Names of all targets, inputs, times since the first step, and the bytes of each transfer."""
    trace = BuildTrace()
    reader = OutputReader(trace)
    statuses = [
        {"id": "layer", "vertex": "a", "current": 40, "total": 100},
        {"id": "layer", "vertex": "a", "current": 100, "total": 100},
        {"id": "other", "vertex": "a", "current": 5},
    ]
    lines = (
        {"vertexes": [vertex("a", "[one 1/2] FROM x", 1, 3)], "statuses": statuses},
        {"vertexes": [vertex("b", "[one 2/2] RUN y", 3, 9, inputs=["a", "unknown"])]},
        {"vertexes": [vertex("b", "[two 2/2] RUN y", 3, 9, inputs=["a"])]},
        {"vertexes": [{"digest": "c", "name": "[two] exporting", "inputs": ["b"]}]},
    )
    for line in lines:
        list(reader.read(json.dumps(line).encode() + b"\n"))
    list(reader.read(b"a message of bake\n"))
    trace.save(tmp_path)
    build = read_trace(tmp_path)

    assert [(step.names, step.inputs, step.seconds, step.transferred) for step in build.steps] == [
        ({"one": "[one 1/2] FROM x"}, (), 2.0, 105),
        ({"one": "[one 2/2] RUN y", "two": "[two 2/2] RUN y"}, (0,), 6.0, 0),
    ]
    assert build.cores >= 1
    assert (tmp_path / ".compile-matrix/.gitignore").read_text() == "*\n"


def test_a_step_that_another_batch_finds_in_the_cache_was_executed(tmp_path: Path) -> None:
    """A later batch reports a step as cached; it was executed once."""
    trace = BuildTrace()
    trace.add(status(vertex("a", "[one 1/1] RUN x", 1, 5)))
    trace.add(status(vertex("a", "[two 1/1] RUN x", 7, 7, cached=True)))
    trace.add(status(vertex("b", "[two 1/2] RUN z", 7, 7, cached=True)))
    trace.save(tmp_path)
    first, second = read_trace(tmp_path).steps

    assert (first.seconds, sorted(first.names)) == (4.0, ["one", "two"])
    assert (second.cached, second.seconds) == (True, 0.0)


def test_a_build_without_steps_keeps_the_trace(tmp_path: Path) -> None:
    """If nothing was built, the trace of the build before stays."""
    trace = BuildTrace()
    trace.add(status(vertex("a", "[one 1/1] RUN x", 1, 5)))
    trace.save(tmp_path)
    BuildTrace().save(tmp_path)

    assert len(read_trace(tmp_path).steps) == 1


STRANGE: tuple[Any, ...] = (
    {"vertexes": [{"digest": "a", "name": "[one] x", "started": "x", "completed": "y"}]},
    {"vertexes": [{"digest": "a", "name": "[one] x", "started": 1, "completed": 2}]},
    {"vertexes": [vertex("a", "[one] x", 1, 2, error=7, inputs=7, cached="no")]},
    {"vertexes": [vertex("a", "[one] x", 1, 2, inputs=[7, None, ["a"]])]},
    {"vertexes": [{"digest": "a"}, {"name": "[one] x"}, None, 7, [], {"digest": [], "name": 7}]},
    {"vertexes": 7, "statuses": "x", "logs": {"vertex": "a"}},
    {"statuses": [{"id": "x"}, {"vertex": "a"}, {"vertex": "a", "id": "x", "current": "7"}, None]},
    {"logs": [{"data": "eA=="}, {"vertex": "a", "data": "~"}, {"vertex": "a", "data": 7}, None]},
)
"""Progress that BuildKit does not write."""


@pytest.mark.parametrize("line", STRANGE, ids=range(len(STRANGE)))
def test_progress_of_another_shape_is_left_out(line: Any, tmp_path: Path) -> None:
    """A build never fails because of its progress."""
    trace = BuildTrace()
    reader = OutputReader(trace)
    list(reader.read(json.dumps({"vertexes": [vertex("b", "[two] x", 1, 3)]}).encode() + b"\n"))
    list(reader.read(json.dumps(line).encode() + b"\n"))
    trace.save(tmp_path)

    assert {"two": "[two] x"} in [step.names for step in read_trace(tmp_path).steps]
    assert reader.errors() == []


def test_deep_progress_is_a_message() -> None:
    """A line that is nested too deeply for JSON is text."""
    reader = OutputReader()
    list(reader.read(b"[" * 100_000 + b"\n"))

    assert reader.messages.startswith("[[[")


TRACE = (
    '{"version": 1, "cores": 1, "steps": [{"names": {"a": "[x]"}, "inputs": [], "started": 0, '
    '"completed": 0, "cached": false, "bytes": 0}]}'
)
DAMAGED = {
    "not JSON": "{",
    "another version": '{"version": 2, "cores": 1, "steps": []}',
    "another structure": '{"version": 1, "cores": 1, "steps": [{"names": []}]}',
    "no mapping": "[]",
    "a missing key": '{"version": 1, "steps": []}',
    "deep": "[" * 100_000,
    **{
        f"{field} {value}": TRACE.replace(f'"{field}": 0', f'"{field}": {value}')
        for field, value in [
            ("started", "Infinity"),
            ("completed", "NaN"),
            ("completed", "1e999"),
            ("bytes", "1" + "0" * 400),
            ("bytes", "-1"),
            ("started", '"0"'),
        ]
    },
    "a step that does not exist": TRACE.replace('"inputs": []', '"inputs": [1]'),
    "a surrogate": TRACE.replace("x]", "\\ud800]"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_trace(tmp_path: Path, case: str) -> None:
    """A file that is not a trace is an error of its own, never another one."""
    (tmp_path / ".compile-matrix").mkdir()
    (tmp_path / ".compile-matrix/trace.json").write_text(DAMAGED[case])

    with pytest.raises(ValueError, match=r"."):
        read_trace(tmp_path)
