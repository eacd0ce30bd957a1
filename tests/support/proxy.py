"""A proxy before a registry: it passes requests on, and does with them what a test wants."""

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
    size: int
    """Bytes of its body."""

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
        self.halfway: Callable[[Request], None] = lambda _: None
        """Is called when half of a body is sent to the registry."""
        self.lock = threading.Lock()
        self.sockets: set[socket.socket] = set()
        """Where clients, also of the past, may have sent what is not read yet."""
        self._open = 0

    @contextlib.contextmanager
    def request(self) -> Iterator[None]:
        """Count a request as open, until it is answered or given up."""
        with self.lock:
            self._open += 1
        try:
            yield
        finally:
            with self.lock:
                self._open -= 1

    def judge(self, request: Request) -> int:
        """Give what is to be done with a request, and count it."""
        fault = self.fault(request)
        with self.lock:
            self.requests += 1
            self.failed += fault != 0
        return fault

    def wait(self, patience: float) -> None:
        """Wait until the registry has done all that it was asked for, its clients gone or not."""
        end = time.monotonic() + patience
        quiet = 0
        while quiet < 3:
            assert time.monotonic() < end
            time.sleep(0.05)
            quiet = quiet + 1 if self._quiet() else 0

    def _quiet(self) -> bool:
        """Tell whether no request is open, and nothing is sent that is not read yet."""
        unread = select.poll()
        with self.lock:
            for each in self.sockets:
                if each.fileno() >= 0:
                    unread.register(each.fileno(), select.POLLIN)
            return not self._open and not unread.poll(0)


@contextlib.contextmanager
def before(upstream: str) -> Iterator[Proxy]:
    """Run a proxy before a registry."""
    proxy = Proxy(upstream)
    fields = {"proxy": proxy, "turn": itertools.count()}
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), fields))
    server.proxy = proxy
    proxy.sockets.add(server.socket)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    proxy.address = f"127.0.0.1:{server.server_address[1]}"
    yield proxy
    server.shutdown()
    server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
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
        """Answer as HTTP who tries TLS first, so that it falls back."""
        # A client that gives up, or a registry that does.
        with contextlib.suppress(OSError, http.client.HTTPException):
            if self.connection.recv(1, socket.MSG_PEEK) == b"\x16":
                self.connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
                return
            super().handle()

    def handle_one_request(self) -> None:
        """Serve a request; it is open before anything of it is read."""
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

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _pass  # noqa: N815 - as it is called

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
        """Say nothing."""
