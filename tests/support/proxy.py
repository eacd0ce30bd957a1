"""A proxy before a registry: it passes requests on, and does with them what a test wants."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import itertools
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple


CUT = -1
"""Instead of a status: the connection is reset, and the registry gets to know nothing."""
CUT_AFTER = -2
"""The registry does what it is asked for, and its answer is lost."""


class Request(NamedTuple):
    """A request that the proxy has got."""

    number: int
    method: str
    path: str
    headers: Mapping[str, str]

    @property
    def writes(self) -> bool:
        """Tell whether it changes anything."""
        return self.method not in {"GET", "HEAD"}


class Proxy:
    """What a test may change while the proxy runs, and what it has seen."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.address = ""
        self.requests = 0
        self.failed = 0
        self.fault: Callable[[Request], int] = lambda _: 0
        """Gives a status that is answered instead, CUT, CUT_AFTER, or 0."""
        self.after: Callable[[Request], None] = lambda _: None
        """Is called when the registry has answered, before the client knows."""
        self._idle = threading.Condition()
        self._open = 0

    @contextlib.contextmanager
    def request(self) -> Iterator[None]:
        """Count a request as open, until it is answered or given up."""
        with self._idle:
            self._open += 1
        try:
            yield
        finally:
            with self._idle:
                self._open -= 1
                self._idle.notify_all()

    def wait(self, patience: float) -> None:
        """Wait until the registry has done all that it was asked for, its clients gone or not."""
        seen = -1
        while seen != self.requests:  # what is sent may not be read yet
            seen = self.requests
            time.sleep(0.1)
            with self._idle:
                assert self._idle.wait_for(lambda: not self._open, patience)


@contextlib.contextmanager
def before(upstream: str) -> Iterator[Proxy]:
    """Run a proxy before a registry."""
    proxy = Proxy(upstream)
    fields = {"proxy": proxy, "turn": itertools.count()}
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), fields))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    proxy.address = f"127.0.0.1:{server.server_address[1]}"
    yield proxy
    server.shutdown()
    server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy
    turn: Iterator[int]

    def handle(self) -> None:
        """Answer as HTTP who tries TLS first, so that it falls back."""
        with contextlib.suppress(OSError):  # a client that gives up
            if self.connection.recv(1, socket.MSG_PEEK) == b"\x16":
                self.connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
                return
            super().handle()

    def _pass(self) -> None:
        with self.proxy.request():
            self._serve()

    def _serve(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = self._chunks() if "transfer-encoding" in self.headers else self.rfile.read(length)
        own = self.proxy
        request = Request(next(self.turn), self.command, self.path, dict(self.headers.items()))
        own.requests += 1
        fault = own.fault(request)
        own.failed += fault != 0
        if fault == CUT:
            self._cut()
            return
        if fault > 0:
            self._answer(fault, {}, b"not now")
            return
        drop = {"transfer-encoding", "connection"}
        given = {key: value for key, value in self.headers.items() if key.lower() not in drop}
        inner = http.client.HTTPConnection(own.upstream, timeout=30)
        with contextlib.closing(inner):
            inner.request(self.command, self.path, body, given)
            with inner.getresponse() as answer:
                status, headers, content = answer.status, dict(answer.getheaders()), answer.read()
        own.after(request)
        if fault == CUT_AFTER:
            self._cut()
            return
        self._answer(status, headers, content)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _pass  # noqa: N815 - as it is called

    def _chunks(self) -> bytes:
        found = b""
        while size := int(self.rfile.readline(), 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def _cut(self) -> None:
        self.close_connection = True
        reset = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        self.connection.close()

    def _answer(self, code: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response_only(code)
        kept = {key: value for key, value in headers.items() if key.lower() != "transfer-encoding"}
        for key, value in kept.items():
            self.send_header(key, value)
        if not any(key.lower() == "content-length" for key in kept):
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
