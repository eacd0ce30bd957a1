"""Read one blob of a registry in pieces, so that no layer is in memory as a whole.

Each piece is a request for a range of bytes, and is retried by itself. A registry may ignore the
range and send the whole blob: then the pieces are read from that one response.
"""

from collections.abc import Callable, Generator
from contextlib import closing

import requests

from compiler.codes import Code
from compiler.errors import DiagnosticError
from compiler.external.registry.parallel import pause
from compiler.external.registry.responses import (
    Body,
    RegistryError,
    RejectedError,
    Response,
    UnexpectedResponseError,
    connection_reason,
    content_hash,
    mismatch,
    unexpected,
)
from compiler.external.transient_errors import retry_delay


CHUNK = 16 * 2**20
"""Maximum number of bytes of a piece."""
_STREAMS = 5
"""Maximum number of responses with the whole blob that are read, until the connection fails."""


class SourceError(RegistryError):
    """A registry rejected to read a blob."""

    def __init__(self, error: RegistryError) -> None:
        """Take the error of the request."""
        DiagnosticError.__init__(self, error.diagnostics)


class BlobDownload:
    """The content of a blob: each iteration reads it from its start, in pieces."""

    def __init__(
        self, request: Callable[..., Response | None], repository: str, digest: str, size: int
    ) -> None:
        """Describe the blob; nothing is read yet.

        Args:
            request: sends requests: `HttpClient.request`.
            repository: the repository that contains the blob.
            digest: its digest.
            size: its number of bytes, as a manifest names it.
        """
        self._request, self._repository, self._digest = request, repository, digest
        self.size, self.piece = size, CHUNK

    def __iter__(self) -> Generator[bytes]:
        """Yield the pieces, the last one only if the content has the digest.

        Raises:
            InvalidContentError: the registry sends other content.
            RegistryError: the registry denies access, fails, or lacks the blob.
        """
        actual, position = content_hash(self._digest), 0
        with closing(self._pieces()) as pieces:
            for content in pieces:
                actual.update(content)
                position += len(content)
                if position == self.size:
                    self._check(f"{actual.name}:{actual.hexdigest()}")
                yield content

    def content(self) -> bytes:
        """Return the content of a small blob."""
        return b"".join(self)

    def _check(self, actual: str) -> None:
        if actual != self._digest:
            raise mismatch(self._repository, self._digest, actual)

    def _pieces(self) -> Generator[bytes]:
        """Yield the pieces; continue where a response with the whole blob ends too early."""
        position = failures = 0
        while True:
            response = self._read_from(position)
            try:
                for content in self._contents(response, position):
                    yield content
                    position += len(content)
            except requests.RequestException as error:
                failures += 1
                if failures == _STREAMS or pause(retry_delay(failures)):
                    raise self._interrupted(error) from None
            if position == self.size:
                return

    def _read_from(self, position: int) -> Response:
        """Request the piece at a position; a request for the only piece names no range."""
        end = min(position + self.piece, self.size)
        whole = (position, end) == (0, self.size)
        try:
            response = self._request(
                "GET",
                self._repository,
                f"blobs/{self._digest}",
                headers={} if whole else {"Range": f"bytes={position}-{end - 1}"},
                limit=end - position,
                streams=not whole,
            )
        except RejectedError as error:  # not an error of the registry that gets the blob
            raise SourceError(error) from None
        if response is None:
            raise RegistryError(
                self._repository,
                f"{self._digest} is missing in {self._repository}",
                code=Code.REGISTRY_ERROR,
                help_="build the image again: delete its staged tag, or change its inputs",
            )
        if response.body is None and len(response.content) != end - position:
            raise self._incomplete()
        return response

    def _contents(self, response: Response, position: int) -> Generator[bytes]:
        """Yield the requested piece, or all pieces from a position if the whole blob was sent."""
        if response.body is None:
            yield response.content
            return
        with closing(response.body):
            for _ in self._read(response.body, 0, position):
                pass
            yield from self._read(response.body, position, self.size)

    def _read(self, body: Body, position: int, end: int) -> Generator[bytes]:
        """Yield the pieces of a body between two positions."""
        while position < end:
            content = self._next(body, min(self.piece, end - position))
            if not content:
                raise self._incomplete()
            yield content
            position += len(content)

    def _next(self, body: Body, size: int) -> bytes:
        try:
            return body.read(size)
        except UnexpectedResponseError as error:
            raise unexpected(
                self._repository, f"unexpected response to a read of {self._digest}: {error}"
            ) from None

    def _incomplete(self) -> RegistryError:
        return unexpected(
            self._repository, f"the registry sent an incomplete part of {self._digest}"
        )

    def _interrupted(self, error: requests.RequestException) -> RegistryError:
        return RegistryError(
            self._repository,
            f"cannot read {self._digest} of {self._repository}: {connection_reason(error)}",
            help_="check the network, or retry later",
        )
