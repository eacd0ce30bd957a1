"""Layers that a registry sends, or gets, in one response or request; servers on loopback."""

from __future__ import annotations

import http.server
import re
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

import pytest
from support.loopback import serving

from compiler.external.registry import blob_download, sessions
from compiler.external.registry.client import Registries, RegistryError


PIECE = 2**20
SIZE = 24 * PIECE + 7
BLOCK = bytes(range(256)) * 256
_UPLOAD = "/v2/acme/target/blobs/uploads/1"


def blocks(size: int) -> Iterator[bytes]:
    """Yield the content of a layer."""
    while size > 0:
        yield BLOCK[:size]
        size -= len(BLOCK)


def digest(size: int) -> str:
    """Return the digest of a layer."""
    code = sha256()
    for block in blocks(size):
        code.update(block)
    return f"sha256:{code.hexdigest()}"


class Registry(http.server.BaseHTTPRequestHandler):
    """A registry that ignores ranges and accepts only one request for a layer."""

    protocol_version = "HTTP/1.1"
    size = SIZE
    cuts: list[int]
    """The number of bytes after which each response with a layer ends; all, if it is empty."""
    pause = 0.0
    """Seconds before each block of a layer."""
    reads: list[int]
    received: dict[str, int]
    """Digest -> number of bytes."""

    def reply(self, status: int, **headers: str) -> None:
        """Send a response without a body."""
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_HEAD(self) -> None:  # noqa: D102 - as inherited
        self.reply(404)

    def do_POST(self) -> None:  # noqa: D102 - as inherited
        self.reply(202, Location=_UPLOAD)

    def do_DELETE(self) -> None:  # noqa: D102 - as inherited
        self.reply(204)

    def do_PATCH(self) -> None:  # noqa: D102 - as inherited
        self.rfile.read(int(self.headers["Content-Length"]))
        self.reply(405)

    def do_PUT(self) -> None:  # noqa: D102 - as inherited
        remaining, code = int(self.headers["Content-Length"]), sha256()
        while remaining and (content := self.rfile.read(min(remaining, len(BLOCK)))):
            code.update(content)
            remaining -= len(content)
        self.received[f"sha256:{code.hexdigest()}"] = int(self.headers["Content-Length"])
        self.reply(400 if remaining or code.hexdigest() not in self.path else 201)

    def do_GET(self) -> None:  # noqa: D102 - as inherited
        self.send_response_only(200)
        self.send_header("Content-Length", str(self.size))
        self.end_headers()
        cut = self.cuts.pop(0) if self.cuts else self.size
        self.reads.append(cut)
        for block in blocks(cut):
            time.sleep(self.pause)
            self.wfile.write(block)
        self.close_connection = cut < self.size

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def serve(size: int = SIZE, pause: float = 0.0, *cuts: int) -> Iterator[tuple[str, type[Registry]]]:
    """Run such a registry."""
    fields = {"size": size, "pause": pause, "cuts": list(cuts), "reads": [], "received": {}}
    handler = type("OwnRegistry", (Registry,), fields)
    with serving(handler) as server:
        yield server.host, handler


def copy(host: str, target: str, size: int = SIZE) -> None:
    """Copy a layer from one registry to another."""
    registries = Registries({}, attempts=2)
    registries.copy_blob(f"{host}/acme/source", f"{target}/acme/target", digest(size), size)


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blob_download, "CHUNK", PIECE)
    monkeypatch.setattr(blob_download, "pause", lambda _: False)
    monkeypatch.setattr("compiler.external.registry.http._wait", lambda _: False)


def test_a_layer_is_never_in_memory_as_a_whole() -> None:
    """Neither side offers ranges or chunks: a few pieces are in memory at a time."""
    with serve() as (host, _), serve() as (other, target):
        tracemalloc.start()
        copy(host, other)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert target.received == {digest(SIZE): SIZE}
    assert peak < 8 * PIECE


@pytest.mark.parametrize("cuts", [[5 * PIECE, PIECE + 1, 0], [SIZE, SIZE - 1]])
def test_an_interrupted_source(cuts: list[int]) -> None:
    """The layer is read again, from where the copy is."""
    with serve(SIZE, 0.0, *cuts) as (host, source), serve() as (other, target):
        copy(host, other)

    assert target.received == {digest(SIZE): SIZE}
    assert len(source.reads) == len(cuts) + 1  # the first one is for the rejected chunk


def test_a_source_that_is_always_interrupted() -> None:
    """The number of attempts is limited; the error names the source."""
    with (
        serve(SIZE, 0.0, *[PIECE] * 99) as (host, source),
        serve() as (other, target),
        pytest.raises(RegistryError, match=rf"^cannot read sha256:\w+ of {re.escape(host)}/acme"),
    ):
        copy(host, other)

    assert not target.received.get(digest(SIZE))
    assert len(source.reads) == 6  # one for the rejected chunk


def test_a_slow_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece has the time of a response, not all of them together."""
    monkeypatch.setattr(sessions, "TIMEOUT", 0.5)
    size = 8 * PIECE
    with serve(size, 0.01) as (host, _), serve(size) as (other, target):
        started = time.monotonic()
        copy(host, other, size)
        assert time.monotonic() - started > 1
    assert target.received == {digest(size): size}

    with (
        serve(size, 0.1) as (host, _),
        serve(size) as (other, _),
        pytest.raises(RegistryError, match=r"takes longer than 0\.5 seconds"),
    ):
        copy(host, other, size)
