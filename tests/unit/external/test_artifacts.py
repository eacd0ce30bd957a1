"""Artifacts that anybody may have written: their times."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from compiler.external.registry.artifacts import CREATED, age, creation_time
from compiler.external.registry.client import MANIFEST, Manifest
from compiler.external.registry.paths import descriptor_size


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-01T01:00:00+01:00", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T00:00:00", None),
        ("0001-01-01T00:00:00+23:59", None),
        ("9999-12-31T23:59:59-23:59", None),
        ("0000-00-00", None),
        ("\x1b[31m", None),
        (["2026-01-01T00:00:00Z"], None),
        (None, None),
    ],
)
def test_the_time_of_an_artifact(text: object, expected: datetime | None) -> None:
    """A time that is invalid, local, or outside the calendar of UTC is unknown."""
    content = json.dumps({"annotations": {CREATED: text}}).encode()
    manifest = Manifest("", MANIFEST, content)

    assert creation_time(manifest) == expected
    assert (age(manifest) is None) == (expected is None)


@pytest.mark.parametrize(
    ("descriptor", "expected"),
    [
        ({"size": 7}, 7),
        ({"size": -7}, 0),
        ({"size": 2**70}, 0),
        ({"size": 1.5}, 0),
        ({"size": float("inf")}, 0),
        ({"size": "7"}, 0),
        ({}, 0),
        ([7], 0),
        (None, 0),
    ],
)
def test_the_size_in_a_descriptor(descriptor: object, expected: int) -> None:
    """What is not a number of bytes counts as none."""
    assert descriptor_size(descriptor) == expected
