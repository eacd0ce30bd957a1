"""`layers --recorded`: what the last build took."""

from __future__ import annotations

import json
from pathlib import Path

from support import command


FILES = {
    "matrix.yaml": "axes: {py: [3.11, 3.12]}\nimages: {app: {template: t.j2}}\n",
    "templates/t.j2": "FROM a\nRUN base \\\n  one\nARG V=x\nCOPY $V /\nRUN py {{ py }}\n",
    "x": "x",
}
STEPS = [
    # name without target, inputs, start, end, cached, bytes, targets
    ("1/4] FROM docker.io/library/a", [], 0, 4, False, 9_000_000, ["app-3_11", "app-3_12"]),
    ("2/4] RUN base   one", [0], 4, 14, False, 0, ["app-3_11", "app-3_12"]),
    ("3/4] COPY x /", [1], 14, 15, False, 0, ["app-3_11", "app-3_12"]),
    ("4/4] RUN py 3.11", [2], 15, 35, False, 0, ["app-3_11"]),
    ("4/4] RUN py 3.12", [2], 15, 20, True, 0, ["app-3_12"]),
]


def write(folder: Path) -> None:
    """Write a project, and the trace of its last build."""
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    steps = [
        {
            "names": {target: f"[{target} {name}" for target in targets},
            "inputs": inputs,
            "started": start,
            "completed": end,
            "cached": cached,
            "bytes": size,
        }
        for name, inputs, start, end, cached, size, targets in STEPS
    ]
    (folder / ".compile-matrix").mkdir()
    trace = {"version": 1, "cores": 2, "steps": steps}
    (folder / ".compile-matrix/trace.json").write_text(json.dumps(trace))


def test_the_costs_of_steps_and_targets(tmp_path: Path) -> None:
    """Steps are found by their text; BuildKit shows a `COPY` with its variables replaced."""
    write(tmp_path)
    printed = command.call(tmp_path, "layers", "--recorded", "--format=json").stdout
    document = json.loads(printed)
    costs = {
        target["target"]: [step["seconds"] for step in target["steps"]]
        for target in document["targets"]
    }
    recorded = document["recorded"]

    assert costs == {"app-3_11": [10, 1, 20], "app-3_12": [10, 1, 0]}
    assert [target["seconds"] for target in document["targets"]] == [31, 11]
    assert {key: recorded[key] for key in ("seconds", "cores", "executed", "saved")} == {
        "seconds": 35,
        "cores": 2,
        "executed": 35,
        "saved": 11,
    }
    # Each executed step waits for the one before, so cores do not bound the build.
    assert recorded["lower_bound"] == 35
    assert [step["seconds"] for step in recorded["critical_path"]] == [4, 10, 1, 20]
    assert [step["name"] for step in recorded["expensive"]][:2] == [
        "[app-3_11 4/4] RUN py 3.11",
        "[app-3_11 2/4] RUN base one",
    ]
    assert recorded["expensive"][2]["bytes"] == 9_000_000


def test_without_the_option_nothing_is_added(tmp_path: Path) -> None:
    """The form of the JSON is the same with and without a recorded build."""
    write(tmp_path)
    document = json.loads(command.call(tmp_path, "layers", "--format=json").stdout)

    assert sorted(document) == ["advice", "platform", "steps", "targets", "version"]
    assert sorted(document["targets"][0]) == ["steps", "target"]
    assert sorted(document["targets"][0]["steps"][0]) == [
        "id",
        "instruction",
        "line",
        "shared_with",
    ]


def test_the_text(tmp_path: Path) -> None:
    """The tree has the costs; the critical path and the most expensive steps follow."""
    write(tmp_path)
    text = command.call(tmp_path, "layers", "--recorded", "--platform=linux/amd64").stdout

    assert "  RUN py …    2                  20.0" in text or "RUN py" in text
    assert "recorded build: 35.0 s on 2 cores for 35.0 s of steps; sharing saved 11.0 s" in text
    assert "lower bound: 35.0 s; the build took 1.00 times that" in text
    assert "[app-3_11 1/4] FROM docker.io/library/a  4.0      9.0 MB  2" in text
    assert "LONGEST TARGETS  SECONDS" in text


def test_no_build_and_a_damaged_one(tmp_path: Path) -> None:
    """Both are errors that name the file."""
    write(tmp_path)
    file = tmp_path / ".compile-matrix/trace.json"
    file.write_text("{")
    damaged = command.call(tmp_path, "layers", "--recorded", code=1)
    file.unlink()
    missing = command.call(tmp_path, "layers", "--recorded", code=1)

    assert ".compile-matrix/trace.json: error[unreadable-file]" in damaged.stderr
    assert ".compile-matrix/trace.json: error[missing-file]: no build is recorded" in missing.stderr
    assert "run `compile-matrix build` first" in missing.stderr


def test_a_trace_from_a_stranger(tmp_path: Path) -> None:
    """Steps without text, and very many inputs, are neither an internal error nor slow."""
    write(tmp_path)
    count = 1_000
    names = ["[app-3_11 1/1] ", "[app-3_12 2/2]  ", "[app-3_12 1/1]"]
    steps = [
        {
            "names": {"app-3_11": names[n % 3], "app-3_12": names[(n + 1) % 3]},
            "inputs": list(range(count)),
            "started": 0,
            "completed": 1,
            "cached": False,
            "bytes": 0,
        }
        for n in range(count)
    ]
    trace = {"version": 1, "cores": 2, "steps": steps}
    (tmp_path / ".compile-matrix/trace.json").write_text(json.dumps(trace))

    assert command.call(tmp_path, "layers", "--recorded", code=0).stdout
