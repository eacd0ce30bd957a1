"""Send the content of one blob to a registry: in one request, or in chunks.

Proxies in front of registries reject large requests, and a chunk that fails is sent again without
the others. But not every registry accepts chunks: Google's, for example, accepts one request only.
"""

from collections.abc import Callable, Generator, Iterable
from contextlib import closing, contextmanager, suppress

from compiler.codes import Code
from compiler.external.registry.blob_download import BlobDownload
from compiler.external.registry.responses import (
    MissingRepositoryError,
    RegistryError,
    RejectedError,
    Response,
    UnexpectedResponseError,
    UnsupportedError,
    unexpected,
)
from compiler.external.registry.sessions import join_url


_BINARY = {"Content-Type": "application/octet-stream"}
_MAX_CHUNK = 64 * 2**20
"""Maximum number of bytes of a chunk, which is in memory until it is sent."""
_MAX_DIGITS = 20
"""Maximum number of digits of a number in a header."""
_CLIENT_ERRORS = range(400, 500)
_CANCELLATIONS = 2
"""Maximum number of attempts to cancel an upload: the registry may have failed for long already."""
_UNKNOWN = 404
"""The status code for an upload that the registry does not know."""
LOST = frozenset({400, 404, 416})
"""Status codes for an upload that the registry does not know, or knows in another state."""
_NOT_ABOUT_CHUNKS = frozenset({408, 413, 429})
"""Status codes for which one large request does not help: timeout, too large, too many."""

Request = Callable[..., Response | None]
"""Sends a request: `HttpClient.request`."""


class RejectedChunkError(Exception):
    """A registry does not accept a blob in chunks."""

    def __init__(self, error: RegistryError, *, may_be_lost: bool) -> None:
        """Take the registry's error, and whether it may have lost the upload instead."""
        super().__init__(str(error))
        self.error, self.may_be_lost = error, may_be_lost


class BlobUpload:
    """An upload that a registry has started. It is cancelled if it fails."""

    def __init__(self, request: Request, repository: str, response: Response) -> None:
        """Take the response to the request that started the upload."""
        self._request, self._repository = request, repository
        self._url = _upload_url(repository, response)
        text = response.headers.get("OCI-Chunk-Min-Length", "")
        is_number = text.isdecimal() and len(text) <= _MAX_DIGITS
        self._minimum = int(text) if is_number else 0

    def accepts_chunks(self, download: BlobDownload) -> bool:
        """Return whether a blob has several chunks of the size that the registry demands."""
        return self._chunk(download) <= _MAX_CHUNK and self._chunk(download) < download.size

    def send(self, digest: str, content: bytes | BlobDownload) -> None:
        """Complete the upload with its only bytes."""
        with self.cancel_on_error():
            self._complete(digest, content)

    def _complete(self, digest: str, content: bytes | BlobDownload) -> None:
        """Send the only or last bytes."""
        size = len(content) if isinstance(content, bytes) else content.size
        separator = "&" if "?" in self._url else "?"
        url = f"{self._url}{separator}digest={digest}"
        headers = {**_BINARY, "Content-Length": str(size)}
        response = self._request("PUT", self._repository, url, body=content, headers=headers)
        if response is None:
            raise not_accepted(self._repository)

    def send_chunks(self, digest: str, download: BlobDownload) -> None:
        """Send a blob in chunks, each read from its source when it is needed.

        Raises:
            RejectedChunkError: the registry does not accept chunks.
        """
        with self.cancel_on_error():
            with closing(_chunks(download, self._chunk(download))) as chunks:
                start = 0
                for chunk in chunks:
                    start = self._send_chunk(chunk, start)
            with _detect_rejected_chunks(accepted=False):
                self._complete(digest, b"")

    @contextmanager
    def cancel_on_error(self) -> Generator[None]:
        """Cancel the upload if the block fails, and raise its error."""
        try:
            yield
        except Exception:
            self.cancel()
            raise

    def cancel(self) -> None:
        """Cancel the upload, if the registry can: not every registry can, and uploads expire."""
        with suppress(RegistryError):
            self._request("DELETE", self._repository, self._url, attempts=_CANCELLATIONS)

    def _chunk(self, download: BlobDownload) -> int:
        """Return the number of bytes of a chunk: as many pieces as the registry demands."""
        return max(1, -(-self._minimum // download.piece)) * download.piece

    def _send_chunk(self, chunk: list[bytes], start: int) -> int:
        """Send a chunk from its start; return its end."""
        size = sum(map(len, chunk))
        span = {"Content-Range": f"{start}-{start + size - 1}", "Content-Length": str(size)}
        with _detect_rejected_chunks(accepted=start > 0):
            response = self._request(
                "PATCH", self._repository, self._url, body=chunk, headers=_BINARY | span
            )
        self._url = _upload_url(self._repository, response)
        return start + size


def start_upload(request: Request, repository: str) -> BlobUpload:
    """Start an upload."""
    response = request("POST", repository, "blobs/uploads/")
    if response is None:
        raise not_accepted(repository)
    return BlobUpload(request, repository, response)


def not_accepted(repository: str) -> RegistryError:
    """Return the error for a registry that does not take part in an upload."""
    return RegistryError(
        repository,
        f"the registry does not accept uploads to {repository}",
        code=Code.REGISTRY_ERROR,
        help_="create the repository, or correct its name",
    )


def _chunks(pieces: Iterable[bytes], size: int) -> Generator[list[bytes]]:
    """Yield the pieces of each chunk; all chunks have at least this size, except the last."""
    chunk: list[bytes] = []
    for piece in pieces:
        chunk.append(piece)
        if sum(map(len, chunk)) >= size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


@contextmanager
def _detect_rejected_chunks(*, accepted: bool) -> Generator[None]:
    """Raise `RejectedChunkError` if a registry rejects a request because it is for a chunk.

    Args:
        accepted: whether it has accepted a chunk before: it may have lost the upload since.
    """
    try:
        yield
    except (MissingRepositoryError, RejectedError) as error:
        if _rejects_chunks(error):
            is_unknown = isinstance(error, MissingRepositoryError) or error.status == _UNKNOWN
            raise RejectedChunkError(error, may_be_lost=accepted and is_unknown) from error
        raise


def _rejects_chunks(error: MissingRepositoryError | RejectedError) -> bool:
    """Return whether one request for the whole blob may be accepted in place of chunks.

    A repeated request may also be rejected because an earlier attempt was carried out.
    """
    if isinstance(error, MissingRepositoryError):
        return not error.is_repeated
    if isinstance(error, UnsupportedError):
        return True
    if error.is_repeated and error.status in LOST:
        return False
    return error.status in _CLIENT_ERRORS and error.status not in _NOT_ABOUT_CHUNKS


def _upload_url(repository: str, response: Response | None) -> str:
    """Return the URL at which an upload continues."""
    if response is None or not response.headers.get("Location"):
        raise not_accepted(repository)
    try:
        return join_url(response.url, response.headers["Location"])
    except UnexpectedResponseError as error:
        raise unexpected(repository, f"unexpected response to an upload: {error}") from None
