"""Lookups of base images are retried after transient errors."""

from __future__ import annotations

import json
from subprocess import CompletedProcess

import pytest

from compiler.external import buildx
from compiler.external.transient_errors import ATTEMPTS
from compiler.lock import lookup
from compiler.lock.lockfile import Locked
from compiler.lock.lookup import UnresolvedError, resolve, resolve_all


LOCKED = Locked(digest=f"sha256:{'0' * 64}", platforms=("linux/amd64",))


@pytest.mark.parametrize(
    ("message", "failures", "attempts"),
    [
        ("a:1 cannot be looked up: 429 Too Many Requests", 2, 3),
        ("a:1 cannot be looked up: connection reset by peer", 1, 2),
        ("a:1 cannot be looked up: 503 Service Unavailable", ATTEMPTS, ATTEMPTS),
        ("a:1 cannot be looked up: not found", 1, 1),
    ],
)
def test_transient_errors_are_retried(
    monkeypatch: pytest.MonkeyPatch, message: str, failures: int, attempts: int
) -> None:
    """Only the failed image is looked up again, and each image is reported once."""
    calls: list[str] = []
    done: list[str] = []

    def resolve(image: str) -> Locked:
        calls.append(image)
        if image == "a:1" and calls.count(image) <= failures:
            raise UnresolvedError(message, "")
        return LOCKED

    monkeypatch.setattr(lookup, "resolve", resolve)
    monkeypatch.setattr("time.sleep", lambda _: None)

    results = resolve_all(["a:1", "b:1"], done.append)

    assert list(results) == ["a:1", "b:1"]
    assert results["b:1"] == LOCKED
    assert isinstance(results["a:1"], Locked) is (failures < attempts)
    assert (calls.count("a:1"), calls.count("b:1")) == (attempts, 1)
    assert sorted(done) == ["a:1", "b:1"]


ATTESTATION = {"digest": "sha256:1", "platform": {"os": "unknown", "architecture": "unknown"}}


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"schemaVersion": 2, "config": "x"},
        {"schemaVersion": 2, "manifests": {}},
        {"schemaVersion": 2, "manifests": []},
        {"schemaVersion": 2, "manifests": ["x"]},
        {"schemaVersion": 2, "manifests": [ATTESTATION]},
    ],
)
def test_what_is_no_image(document: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """A digest of it in `matrix.lock` would fail later, when an image is built from it."""

    def run(arguments: list[str], timeout: float) -> CompletedProcess[bytes]:
        del timeout
        return CompletedProcess(arguments, 0, json.dumps(document).encode(), b"")

    monkeypatch.setattr(buildx, "run", run)

    with pytest.raises(UnresolvedError, match="a:1 is not an image"):
        resolve("a:1")


def test_an_entry_without_a_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    """An index need not name the platform of its only image."""
    content = b'{"manifests": [{"digest": "sha256:1"}]}'
    monkeypatch.setattr(buildx, "run", lambda *_, **__: CompletedProcess([], 0, content, b""))

    assert resolve("a:1").platforms == ()
