"""Uploads that a registry has started: each is completed or cancelled, whatever fails."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests
from support.layers import DIGEST, LAYER, SOURCE, TARGET, use_small_pieces
from support.model_registry import (
    MIRROR,
    ModelRegistries,
    ModelRegistry,
    Perform,
    digest_of,
)

from compiler.external.registry.client import RegistryError
from compiler.external.registry.responses import Response


SMALL = b"abc"

Write = Callable[[ModelRegistries], object]
WRITES: dict[str, Write] = {
    "a blob": lambda registries: registries.put_blob(TARGET, SMALL),
    "a copy": lambda registries: registries.copy_blob(SOURCE, TARGET, digest_of(SMALL), 3),
    "chunks": lambda registries: registries.copy_blob(SOURCE, TARGET, DIGEST, len(LAYER)),
    "a check": lambda registries: registries.check_writable(TARGET),
}
FAILURES = {
    "rejected": (400, b""),
    "denied": (403, b""),
    "unsupported": (405, b'{"errors": [{"code": "UNSUPPORTED"}]}'),
    "missing": (404, b'{"errors": [{"code": "NAME_UNKNOWN"}]}'),
    "unknown": (404, b'{"errors": [{"code": "BLOB_UPLOAD_UNKNOWN"}]}'),
    "out of range": (416, b""),
    "busy": (503, b""),
    "unreachable": (0, b""),
    "lost": (0, b"performed"),
}
"""Name -> the status and content of the response; status 0 if the connection fails."""


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    use_small_pieces(monkeypatch)


class Failing:
    """A gate that fails one request, and its repetitions."""

    def __init__(self, number: int, failure: str, *, attempts: int) -> None:
        """Take the number of the request from zero, and how often it fails at most."""
        self.number, self.attempts = number, attempts
        self.status, self.content = FAILURES[failure]
        self.failed = self.last = ""
        self.sent: list[str] = []

    def __call__(self, method: str, path: str, perform: Perform) -> Response:
        """Perform a request, or fail."""
        request = f"{method} {path}"
        if len(self.sent) == self.number:
            self.failed = request
        self.sent.append(request)
        if request != self.failed or not self.attempts:
            return perform()
        self.attempts -= 1
        if self.status:
            return Response(
                status=self.status,
                reason="no",
                url=f"http://{path}",
                redirected=False,
                headers={},
                content=self.content,
            )
        if self.content:
            perform()
        raise requests.exceptions.ConnectionError


def write(what: str, gate: Failing, *, chunks: bool = True) -> tuple[int, str]:
    """Write a blob; return the number of open uploads, and the error."""
    model, error = ModelRegistry(), ""
    model.repository(SOURCE).blobs |= {DIGEST: LAYER, digest_of(SMALL): SMALL}

    def pass_on(method: str, path: str, perform: Perform) -> Response:
        if method == "PATCH" and not chunks:
            return Response(
                status=405, reason="no", url=path, redirected=False, headers={}, content=b""
            )
        return gate(method, path, perform)

    try:
        WRITES[what](ModelRegistries(model, pass_on))
    except RegistryError as raised:
        error = str(raised)
    return len(model.repository(TARGET).uploads), error


@pytest.mark.parametrize("attempts", [1, 1000])
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize(
    ("what", "chunks"), [*((what, True) for what in WRITES), ("chunks", False)]
)
def test_no_upload_stays_open(what: str, failure: str, attempts: int, *, chunks: bool) -> None:
    """Whichever request fails once or always, all uploads whose address is known are closed."""
    number = 0
    while True:
        gate = Failing(number, failure, attempts=attempts)
        count, _ = write(what, gate, chunks=chunks)
        if number >= len(gate.sent):
            break
        method = gate.failed.partition(" ")[0]
        unknown = method == "POST" and failure == "lost"
        passes = attempts == 1 and failure in {"busy", "unreachable", "lost"}
        cancels = method == "DELETE" and not passes
        assert count == 0 or unknown or cancels, gate.sent
        number += 1
    assert number > 1


def test_the_first_error_is_reported() -> None:
    """A registry that is gone is asked twice to cancel; its answer to that does not count."""

    class Gone(Failing):
        def __call__(self, method: str, path: str, perform: Perform) -> Response:
            self.failed = f"{method} {path}" if len(self.sent) >= self.number else ""
            return super().__call__(method, path, perform)

    gate = Gone(2, "unreachable", attempts=1000)

    assert write("a blob", gate) == (1, f"cannot reach {MIRROR}: the connection failed")
    assert [request.partition(" ")[0] for request in gate.sent] == [
        *("HEAD", "POST", "PUT", "PUT", "PUT", "DELETE", "DELETE")
    ]
