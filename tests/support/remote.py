"""Serve the BuildKit of an engine over TCP, for a builder with buildx's driver `remote`."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


HELLO = b"POST /grpc HTTP/1.1\r\nHost: engine\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
"""The request after which Docker's socket speaks BuildKit's own protocol."""


@contextlib.contextmanager
def served(engine: str) -> Iterator[str]:
    """Serve the BuildKit of an engine; yield its address as host and port.

    Args:
        engine: the path of the engine's socket.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_accept, args=(server, engine), daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def _accept(server: socket.socket, engine: str) -> None:
    with contextlib.suppress(OSError):  # the server is closed
        while True:
            client, _ = server.accept()
            threading.Thread(target=_join, args=(client, engine), daemon=True).start()


def _join(client: socket.socket, engine: str) -> None:
    with client, socket.socket(socket.AF_UNIX) as inner:
        inner.connect(engine)
        inner.sendall(HELLO)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += inner.recv(1)
        upstream = threading.Thread(target=_copy, args=(client, inner), daemon=True)
        upstream.start()
        _copy(inner, client)
        upstream.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
