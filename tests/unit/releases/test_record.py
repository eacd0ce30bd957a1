"""Release records: the format, validation, and the merge of two runs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from compiler.releases.parse_record import InvalidRecordError, parse_record
from compiler.releases.record import ReleasedTarget, ReleaseRecord


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


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("red\x1b[31m\x9b\u202e\u2028\x85\x7f", r"red\u001b[31m\u009b\u202e\u2028\u0085\u007f"),
        ("\ud800", r"\ud800"),
        ("\U000e0001", r"\udb40\udc01"),
        ("größe 圖", "größe 圖"),
    ],
)
def test_unknown_fields_are_escaped(value: str, shown: str) -> None:
    """They are kept, but cannot control a terminal, and can be encoded."""
    parsed = parse_record(record(extra=value, **{f"{value}!": {value: [value]}}))
    text = parsed.to_text()

    assert f'"extra": "{shown}", "{shown}!": {{"{shown}": ["{shown}"]}}' in text
    assert text.replace("\n", "").isprintable()
    assert parse_record(text.encode()) == parsed


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
        (record(extra=float("nan")), "not valid JSON"),
        (record().replace(b'"seconds"', b'"extra": [{"a": 1e999}], "seconds"'), "not valid JSON"),
        (
            record().replace(b'"seconds"', b'"x": %b, "seconds"' % (b"[" * 101 + b"]" * 101)),
            "unknown fields have more than 100 levels",
        ),
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


LONG = "x" * 100_000


@pytest.mark.parametrize(
    "content",
    [
        json.dumps({"version": LONG}).encode(),
        json.dumps({"version": [1] * 100_000}).encode(),
        json.dumps({"version": 1, "release": "v1", "targets": [{**ROW, "tags": [LONG]}]}).encode(),
        record(bases={LONG: 1}),
        record(signatures=[{"repository": f"/{LONG}", "signer": "s", "digests": []}]),
        b'{"version": %b}' % (b"[" * 900 + b"]" * 900),
    ],
)
def test_an_error_quotes_only_the_start_of_a_value(content: bytes) -> None:
    """A record is untrusted: it must not fill a terminal or a log."""
    with pytest.raises(InvalidRecordError) as caught:
        parse_record(content)

    assert len(str(caught.value)) < 300


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


INDEX = {
    "targets": ["a", "b"],
    "tags": ["r.example/x:v1"],
    "moving": ["r.example/x:latest"],
    "digest": DIGEST,
}
PLATFORM_TAGS = [
    {"platform": "linux/amd64", "tags": ["r.example/a:v1-amd64"], "moving": []},
    {"platform": "linux/arm/v7", "tags": ["r.example/a:v1-arm"], "moving": []},
]


def test_indexes_and_platform_tags() -> None:
    """Both keep their bytes; a platform that the image lacks names no image."""
    row = {**ROW, "platform_tags": PLATFORM_TAGS}
    text = (
        f'{{"version": 1, "release": "v1", "targets": [\n  {json.dumps(row)}\n], '
        f'"indexes": [\n  {json.dumps(INDEX)}\n]}}\n'
    )

    parsed = parse_record(text.encode())

    assert parsed.to_text() == text
    assert [(one.name, one.target, one.tags) for one in parsed.images.values()] == [
        ("a", "a", ("r.example/a:v1",)),
        ("a (linux/amd64)", "a", ("r.example/a:v1-amd64",)),
        ("index of a, b", "a", ("r.example/x:v1",)),
    ]
    assert parsed.narrowed(["a"]).indexes == ()
    assert parsed.narrowed(["a", "b"]).indexes == parsed.indexes


def test_an_index_replaces_those_with_one_of_its_tags() -> None:
    """A record never names a tag twice."""
    text = {"version": 1, "release": "v1", "targets": [ROW], "indexes": [INDEX]}
    first = parse_record(json.dumps(text).encode())
    (old,) = first.indexes
    new = replace(old, targets=("a",), tags=("r.example/x:v1", "r.example/y:v1"), moving=())

    assert first.with_indexes([new]).indexes == (new,)
    assert first.with_indexes([]).indexes == (old,)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"indexes": {}}, "`indexes` must be a list"),
        ({"indexes": [1]}, "each of `indexes` must be an object"),
        ({"indexes": [{**INDEX, "targets": []}]}, "a list of names"),
        ({"indexes": [{**INDEX, "targets": ["a\x1b"]}]}, "control characters"),
        ({"indexes": [{**INDEX, "digest": "1"}]}, "sha256"),
        ({"indexes": [{**INDEX, "tags": ["A B"]}]}, "invalid tag"),
        ({"targets": [{**ROW, "platform_tags": {}}]}, "`platform_tags` must be a list"),
        ({"targets": [{**ROW, "platform_tags": [{}]}]}, "`platform` must be a string"),
    ],
)
def test_invalid_indexes_and_platform_tags(changes: dict[str, Any], message: str) -> None:
    """Records are untrusted input."""
    text = {"version": 1, "release": "v1", "targets": [ROW], **changes}

    with pytest.raises(InvalidRecordError, match=message):
        parse_record(json.dumps(text).encode())
