"""A server on loopback for tests: quiet, and quick to start and stop."""

from __future__ import annotations

import http.server
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any


class Server(http.server.ThreadingHTTPServer):  # noqa: TID251
    """Serves each request in a thread, which does not outlive the tests."""

    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect; the output of a test must not contain them."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    @property
    def host(self) -> str:
        """Return address and port, as in the names of images."""
        address, port = str(self.server_address[0]), self.server_address[1]
        return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class Ipv6Server(Server):
    """The same for IPv6."""

    address_family = socket.AF_INET6


class Handler(http.server.BaseHTTPRequestHandler):
    """Receives whole requests and sends whole responses; prints nothing."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self, body: bytes) -> None:
        """Send the response to a request with this body."""
        raise NotImplementedError

    def send(self, status: int, body: bytes = b"", headers: Iterable[tuple[str, str]] = ()) -> None:
        """Send a response."""
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _handle(self) -> None:
        self.answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815 - inherited

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def serving(
    handler: Callable[..., http.server.BaseHTTPRequestHandler], address: str = "127.0.0.1"
) -> Iterator[Server]:
    """Serve requests on a free port until the end of the block."""
    with (Ipv6Server if ":" in address else Server)((address, 0), handler) as server:
        start(server)
        yield server
        server.shutdown()


def start(server: Server) -> None:
    """Serve requests in a thread until `server.shutdown()`, which takes 20 ms."""
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
