"""Release records: the format, validation, and the merge of two runs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from compiler.releases.record import (
    InvalidRecordError,
    ReleasedTarget,
    ReleaseRecord,
    parse_record,
)


DIGEST = f"sha256:{'0' * 64}"
ROW: dict[str, Any] = {
    "target": "a",
    "tags": ["r.example/a:v1"],
    "moving": [],
    "digest": DIGEST,
    "platforms": {"linux/amd64": DIGEST},
    "attestations": {},
    "fingerprint": DIGEST,
    "bases": {"python:3.11": DIGEST},
    "state": "built",
    "seconds": 1.5,
    "bytes": 7,
}


def target(name: str, state: str) -> ReleasedTarget:
    """Return a released target."""
    (parsed,) = parse_record(record(target=name, state=state)).targets
    return parsed


def record(**changes: Any) -> bytes:
    """Return the text of a record of one target, with changes."""
    row = {**ROW, **changes}
    row = {name: value for name, value in row.items() if value is not ...}
    return json.dumps({"version": 1, "release": "v1", "targets": [row]}).encode()


def test_a_record_keeps_its_bytes() -> None:
    """The text has one target per line; unknown fields of newer versions are kept."""
    rows = ",\n".join(f"  {json.dumps({**ROW, **more})}" for more in ({}, {"target": "b", "x": 1}))
    text = f'{{"version": 1, "release": "v1", "targets": [\n{rows}\n]}}\n'

    assert parse_record(text.encode()).to_text() == text


def test_lists_of_older_records_can_be_missing() -> None:
    """Records without floating tags and attestations are valid."""
    (parsed,) = parse_record(record(moving=..., attestations=...)).targets

    assert parsed.moving == ()
    assert parsed.attestations == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "not a JSON object"),
        (b'{"version": 2}', "unsupported version 2"),
        (b'{"version": true}', "unsupported version True"),
        (b'{"version": 1, "targets": {}}', "`targets` must be a list"),
        (b'{"version": 1, "targets": [1]}', "each of `targets` must be an object"),
        (b'{"version": 1, "targets": []}', "`release` must be a string"),
        (record(target=1), "`target` must be a string"),
        (record(tags="a"), "`tags` must be a list of strings"),
        (record(moving=[None]), "`moving` must be a list of strings"),
        (record(digest="sha256:0"), "`digest` must be a sha256 digest"),
        (record(platforms=["linux/amd64"]), "`platforms` must be an object"),
        (record(platforms={"linux/amd64": 1}), "`linux/amd64` must be a string"),
        (record(fingerprint=...), "`fingerprint` must be a string"),
        (record(seconds="1"), "`seconds` must be a number"),
        (record(bytes=True), "`bytes` must be an integer"),
        (
            json.dumps({"version": 1, "release": "v1", "targets": [ROW, ROW]}).encode(),
            "duplicate targets",
        ),
    ],
)
def test_an_invalid_record_is_rejected(content: bytes, message: str) -> None:
    """The error states the first problem."""
    with pytest.raises(InvalidRecordError, match=f"^{message}$"):
        parse_record(content)


def test_targets_of_two_runs_are_merged_in_the_order_of_the_plan() -> None:
    """A new target replaces the recorded one; targets that the plan no longer has come last."""
    previous = ReleaseRecord(release="v1", targets=(target("gone", "built"), target("b", "built")))

    merged = previous.with_targets([target("b", "reused"), target("a", "built")], ["a", "b"])

    assert [(row.target, row.state) for row in merged.targets] == [
        ("a", "built"),
        ("b", "reused"),
        ("gone", "built"),
    ]


def test_a_record_is_narrowed_to_some_targets() -> None:
    """The order stays; unknown names are ignored."""
    full = ReleaseRecord(release="v1", targets=tuple(target(name, "built") for name in "abc"))

    assert [row.target for row in full.narrowed(["c", "a", "x"]).targets] == ["a", "c"]
