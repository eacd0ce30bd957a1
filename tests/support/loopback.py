"""A server on loopback for tests: quiet, and quick to start and stop."""

from __future__ import annotations

import http.server
import sys
import threading
from collections.abc import Callable, Iterator
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
        """Return address and port."""
        return f"127.0.0.1:{self.server_address[1]}"


@contextmanager
def serving(handler: Callable[..., http.server.BaseHTTPRequestHandler]) -> Iterator[Server]:
    """Serve requests on a free port until the end of the block."""
    with Server(("127.0.0.1", 0), handler) as server:
        start(server)
        yield server
        server.shutdown()


def start(server: Server) -> None:
    """Serve requests in a thread until `server.shutdown()`, which takes 20 ms."""
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
