"""A proxy in front of a registry: it forwards requests, delays them or makes them fail."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import itertools
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from support import loopback


CUT = -1
"""Instead of a status: reset the connection; the registry does not see the request."""
CUT_AFTER = -2
"""Instead of a status: forward the request and reset the connection instead of answering."""


class Request(NamedTuple):
    """A request that the proxy has received."""

    number: int
    method: str
    path: str
    headers: Mapping[str, str]
    size: int
    """The bytes of its body."""

    @property
    def writes(self) -> bool:
        """Return whether it may change the registry."""
        return self.method not in {"GET", "HEAD"}


class Proxy:
    """The faults that a running proxy injects, and the requests that it has counted."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.address = ""
        self.requests = 0
        self.failed = 0
        self.fault: Callable[[Request], int] = lambda _: 0
        """Returns the status to answer instead of forwarding, CUT, CUT_AFTER, or 0 to forward."""
        self.after: Callable[[Request], None] = lambda _: None
        """Called when the registry has answered and the client has not received the answer yet."""
        self.halfway: Callable[[Request], None] = lambda _: None
        """Called when half of a request's body has been sent to the registry."""
        self.lock = threading.Lock()
        self.sockets: set[socket.socket] = set()
        """The sockets on which clients, including ended ones, may have sent unread data."""
        self._open = 0

    @contextlib.contextmanager
    def request(self) -> Iterator[None]:
        """Count a request as open until it is answered or abandoned."""
        with self.lock:
            self._open += 1
        try:
            yield
        finally:
            with self.lock:
                self._open -= 1

    def judge(self, request: Request) -> int:
        """Count a request and return its fault."""
        fault = self.fault(request)
        with self.lock:
            self.requests += 1
            self.failed += fault != 0
        return fault

    def wait(self, patience: float) -> None:
        """Wait until every request is served, including those of clients that have ended."""
        end = time.monotonic() + patience
        quiet = 0
        while quiet < 3:
            assert time.monotonic() < end
            time.sleep(0.05)
            quiet = quiet + 1 if self._quiet() else 0

    def _quiet(self) -> bool:
        """Return whether no request is open and no data is unread."""
        unread = select.poll()
        with self.lock:
            for each in self.sockets:
                if each.fileno() >= 0:
                    unread.register(each.fileno(), select.POLLIN)
            return not self._open and not unread.poll(0)


@contextlib.contextmanager
def before(upstream: str) -> Iterator[Proxy]:
    """Run a proxy in front of a registry."""
    proxy = Proxy(upstream)
    fields = {"proxy": proxy, "turn": itertools.count()}
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), fields))
    server.proxy = proxy
    proxy.sockets.add(server.socket)
    loopback.start(server)
    proxy.address = server.host
    yield proxy
    server.shutdown()
    server.server_close()


class _Server(loopback.Server):
    proxy: Proxy

    def get_request(self) -> tuple[socket.socket, Any]:
        with self.proxy.lock:
            connection, address = super().get_request()
            self.proxy.sockets.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        with self.proxy.lock:
            self.proxy.sockets.discard(request)
        super().shutdown_request(request)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy
    turn: Iterator[int]

    def handle(self) -> None:
        """Answer clients that try TLS first in plain HTTP, so that they fall back to it."""
        # The client or the registry may close the connection at any time.
        with contextlib.suppress(OSError, http.client.HTTPException):
            if self.connection.recv(1, socket.MSG_PEEK) == b"\x16":
                self.connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
                return
            super().handle()

    def handle_one_request(self) -> None:
        """Serve a request; count it as open before reading from it."""
        if not self.connection.recv(1, socket.MSG_PEEK):
            self.close_connection = True
            return
        with self.proxy.request():
            super().handle_one_request()

    def _pass(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = self._chunks() if "transfer-encoding" in self.headers else self.rfile.read(length)
        own = self.proxy
        headers = dict(self.headers.items())
        request = Request(next(self.turn), self.command, self.path, headers, len(body))
        fault = own.judge(request)
        if fault == CUT:
            self._cut()
            return
        if fault > 0:
            self._answer(fault, {}, b"not now")
            return
        drop = {"transfer-encoding", "connection", "content-length"}
        given = {key: value for key, value in self.headers.items() if key.lower() not in drop}
        inner = http.client.HTTPConnection(own.upstream, timeout=300)
        with contextlib.closing(inner):
            if body:
                given["content-length"] = str(len(body))
                inner.request(self.command, self.path, self._halves(request, body), given)
            else:
                inner.request(self.command, self.path, headers=given)
            with inner.getresponse() as answer:
                status, headers, content = answer.status, dict(answer.getheaders()), answer.read()
        own.after(request)
        if fault == CUT_AFTER:
            self._cut()
            return
        self._answer(status, headers, content)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _pass  # noqa: N815 - names of the base class

    def _halves(self, request: Request, body: bytes) -> Iterator[bytes]:
        yield body[: len(body) // 2]
        self.proxy.halfway(request)
        yield body[len(body) // 2 :]

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
        """Write no log."""
