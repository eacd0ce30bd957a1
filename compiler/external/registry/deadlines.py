"""Limit the time in which a response must start and end, however often a server sends a piece.

The timeout of a socket counts for each piece alone: endless headers, endless responses with status
100, and endless trailers would never exceed it.
"""

import http.client
import io
import math
import socket
import time
from typing import Any

from urllib3 import BaseHTTPResponse
from urllib3.connectionpool import HTTPConnectionPool

from compiler.external.registry.responses import UnexpectedResponseError


class _TimedStream(io.RawIOBase):
    """The bytes that a server sends, until a deadline."""

    def __init__(self, stream: io.RawIOBase, seconds: float) -> None:
        self._stream, self._seconds = stream, seconds
        self.restart()

    def restart(self) -> None:
        """Let the time begin now."""
        self._deadline = time.monotonic() + self._seconds

    def readable(self) -> bool:
        """Return that it can be read, as buffers require."""
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        """Read what has arrived, or wait for it.

        Raises:
            UnexpectedResponseError: the deadline has passed.
        """
        if time.monotonic() > self._deadline:
            raise UnexpectedResponseError(f"it takes longer than {self._seconds:g} seconds")
        return self._stream.readinto(buffer)

    def fileno(self) -> int:
        """Return the descriptor of the socket."""
        return self._stream.fileno()

    def close(self) -> None:
        """Close the stream, which lets the socket close."""
        self._stream.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    """A response whose headers, and then its body, must arrive within the timeout of its socket."""

    def __init__(self, sock: socket.socket, *arguments: Any, **more: Any) -> None:
        super().__init__(sock, *arguments, **more)
        self._timed = _TimedStream(self.fp.detach(), sock.gettimeout() or math.inf)
        self.fp = io.BufferedReader(self._timed)

    def begin(self) -> None:
        """Read status and headers; the body has as much time again, with all its trailers."""
        super().begin()
        self.restart()

    def restart(self) -> None:
        """Let the time in which the body must arrive begin now."""
        self._timed.restart()


def restart_deadline(response: BaseHTTPResponse) -> None:
    """Let the time in which the rest of a body must arrive begin now."""
    original = getattr(response, "_original_response", None)
    if isinstance(original, _TimedResponse):
        original.restart()


def limit_responses(connections: HTTPConnectionPool) -> None:
    """Limit the time until responses on these connections start, and until they end."""
    kind = connections.ConnectionCls
    connections.ConnectionCls = type(kind.__name__, (kind,), {"response_class": _TimedResponse})
