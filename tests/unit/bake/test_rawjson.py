"""What is read from the output of bake."""

from __future__ import annotations

import base64
import json

from compiler.bake.rawjson import OutputReader, StepError


def status(**fields: object) -> bytes:
    """Return a line of bake's output."""
    return json.dumps(fields).encode() + b"\n"


def vertex(digest: str, name: str, **fields: object) -> dict[str, object]:
    """Return a step of bake's output."""
    return {"digest": digest, "name": name, "started": "2026-01-01T00:00:00Z", **fields}


def test_a_shared_step_fails_for_all_its_targets() -> None:
    """All targets of a failed step are found; a cancelled step does not count as an error."""
    reader = OutputReader()
    output = base64.b64encode(b"no paint\n").decode()
    lines = [
        status(vertexes=[vertex("d1", "[a 2/3] RUN paint"), vertex("d2", "[c 2/2] RUN sleep")]),
        status(logs=[{"vertex": "d1", "data": output}]),
        status(vertexes=[vertex("d1", "[b 2/3] RUN paint")]),
        status(vertexes=[vertex("d1", "[a 2/3] RUN paint", completed="x", error="exit code: 1")]),
        status(
            vertexes=[vertex("d2", "[c 2/2] RUN sleep", completed="x", error="context canceled")]
        ),
        b"ERROR: target a: failed to solve: exit code: 1\n",
    ]
    texts = [text for line in lines for text in reader.read(line)]

    assert reader.errors() == [StepError(frozenset({"a", "b"}), "exit code: 1", "no paint\n")]
    assert [text.text for text in texts if text.target == "b"] == ["[2/3] RUN paint\nno paint\n"]


def test_a_single_target_is_not_named() -> None:
    """Buildx names only stages if it builds one target, which then has all steps."""
    reader = OutputReader(only="a")
    steps = ["[stage-0 2/3] COPY x y", "[builder 1/2] RUN make", "[1/2] FROM b", "[internal] load"]
    lines = [status(vertexes=[vertex(f"d{n}", name) for n, name in enumerate(steps)])]
    lines += [status(vertexes=[vertex("d0", steps[0], completed="x", error="not found")])]
    texts = [text for line in lines for text in reader.read(line)]

    assert reader.errors() == [StepError(frozenset({"a"}), "not found", "")]
    assert {text.target for text in texts} == {"a"}
    assert [text.step for text in texts if text.step] == [
        "[stage-0 2/3] COPY x y",
        "[builder 1/2] RUN make",
        "[1/2] FROM b",
        "[internal] load",
    ]


def test_the_last_message_can_name_the_target() -> None:
    """Without a failed step, the error is read from bake's messages."""
    reader = OutputReader()
    list(reader.read(b"ERROR: target a: failed to solve: no match for platform\n"))

    (error,) = reader.errors()
    assert error.targets == {"a"}
    assert error.error == "failed to solve: no match for platform"
    assert not reader.started


def test_a_status_over_several_lines() -> None:
    """The indented JSON of buildx 0.13 is read as well."""
    reader = OutputReader()
    text = json.dumps({"vertexes": [vertex("d", "[a 1/1] COPY . .")]}, indent=2) + "\n"
    lines = [line.encode() for line in text.splitlines(keepends=True)]

    assert [log.step for line in lines for log in reader.read(line)] == ["[1/1] COPY . ."]
    assert reader.messages == ""
