"""Write to registries: blobs, copies of blobs, manifests.

Large blobs are mounted within a registry, otherwise sent in chunks: proxies in front of registries
reject large requests, and a chunk that fails is sent again without the others.

A request whose response is lost is sent again, although the registry may have carried it out: it
then has another state of the upload than we expect. Such an upload starts over.
"""

import threading
from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha256
from urllib.parse import quote

from compiler.codes import Code
from compiler.external.references import split_repository
from compiler.external.registry.parallel import pause
from compiler.external.registry.paths import blob_path, manifest_path
from compiler.external.registry.responses import (
    MissingRepositoryError,
    RegistryError,
    RejectedError,
    Response,
    UnexpectedResponseError,
    content_digest,
    mismatch,
    unexpected,
)
from compiler.external.registry.sessions import join_url
from compiler.external.transient_errors import retry_delay


CHUNK = 16 * 2**20
"""Maximum number of bytes of one request that sends a part of a blob."""
_BINARY = {"Content-Type": "application/octet-stream"}
_CREATED = 201
_UPLOADS = 5
"""Maximum number of times that the upload of one blob starts, or that a manifest is sent."""
_LOST = frozenset({400, 404, 416})
"""Status codes for an upload that the registry does not know, or knows in another state."""

ReadRange = Callable[[int, int], bytes]
"""Returns the bytes of a blob from the first position up to, not including, the second."""


class Uploads:
    """Writes to all registries, each with the user's own credentials."""

    def __init__(self, request: Callable[..., Response | None]) -> None:
        """Take the function that sends requests: `HttpClient.request`."""
        self._request = request
        self._lock = threading.Lock()
        self._locks: dict[tuple[str, str], threading.Lock] = {}

    def _only_once(self, repository: str, digest: str) -> threading.Lock:
        """Return the lock of a blob: parallel uploads of it would send it several times."""
        with self._lock:
            return self._locks.setdefault((repository, digest), threading.Lock())

    def put_manifest(
        self, repository: str, reference: str, content: bytes, media_type: str
    ) -> None:
        """Store a manifest under a tag or its digest.

        What it refers to is stored already. It is sent again if the registry does not find that: a
        part that another run has just stored again is missing for a moment.
        """
        path, headers = manifest_path(repository, reference), {"Content-Type": media_type}
        for attempt in range(1, _UPLOADS + 1):
            try:
                return self._put(repository, path, content, headers)
            except RejectedError as error:
                if not error.is_incomplete or attempt == _UPLOADS or pause(retry_delay(attempt)):
                    raise
        raise AssertionError  # the last attempt has returned or raised

    def put_blob(self, repository: str, content: bytes) -> str:
        """Store a blob and return its digest."""
        digest = content_digest(content)
        with self._only_once(repository, digest):
            if not self._exists(repository, digest):
                send = partial(self._send, repository, digest=digest, content=content)
                self._upload(repository, digest, self._start(repository), send)
        return digest

    def copy_blob(self, source: str, target: str, digest: str, size: int) -> None:
        """Copy a blob to another repository, unless it is there already.

        Args:
            source: the repository that contains the blob.
            target: the repository to copy it to.
            digest: the digest of the blob.
            size: its number of bytes.

        Raises:
            RegistryError: a registry rejects the request, or the source has other content.
        """
        with self._only_once(target, digest):
            if not self._exists(target, digest):
                self._copy_missing(source, target, digest, size)

    def _copy_missing(self, source: str, target: str, digest: str, size: int) -> None:
        """Mount a blob, or read and upload it."""
        url = self._mount(source, target, digest)
        if url is None:
            return

        def read(start: int, end: int) -> bytes:
            return self._read_range(source, digest, start, end, size)

        def send(url: str) -> None:
            if size <= CHUNK:
                content = read(0, size)
                _check(source, digest, content_digest(content))
                self._send(target, url, digest, content)
            else:
                self._send_chunks(source, target, url, digest, size, read)

        self._upload(target, digest, url, send)

    def check_writable(self, repository: str) -> None:
        """Check that the user may write to a repository: start an upload and cancel it.

        Raises:
            RegistryError: the user may not, or the registry does not respond.
        """
        self._cancel(repository, self._start(repository))

    def _exists(self, repository: str, digest: str) -> bool:
        return self._request("HEAD", repository, blob_path(repository, digest)) is not None

    def _upload(self, repository: str, digest: str, url: str, send: Callable[[str], None]) -> None:
        """Upload a blob; start over if the registry has lost the upload.

        Args:
            repository: the repository that gets the blob.
            digest: the digest of the blob.
            url: the URL of an upload that was started.
            send: sends the whole blob to the URL of an upload.

        Raises:
            RegistryError: a registry rejects a request, or has lost every upload.
        """
        for remaining in reversed(range(_UPLOADS)):
            try:
                return send(url)
            except (MissingRepositoryError, RejectedError) as error:
                if isinstance(error, RejectedError) and error.status not in _LOST:
                    raise
                if self._exists(repository, digest):
                    return None  # what was lost is the response to the last request
                if not remaining:
                    raise
            url = self._start(repository)
        raise AssertionError  # the last attempt has returned or raised

    def _mount(self, source: str, target: str, digest: str) -> str | None:
        """Mount a blob within a registry; return the URL of an upload if that is impossible."""
        ours, theirs = split_repository(source), split_repository(target)
        if ours is None or theirs is None or ours[0] != theirs[0]:
            return self._start(target)
        path = f"blobs/uploads/?mount={digest}&from={quote(ours[1], safe='')}"
        try:
            response = self._request("POST", target, path, pull_from=ours[1])
        except RegistryError:
            return self._start(target)  # some registries reject the parameters
        if response is not None and response.status == _CREATED:
            return None
        return _upload_url(target, response)

    def _read_range(self, source: str, digest: str, start: int, end: int, size: int) -> bytes:
        """Return a range of a blob; the request of the whole blob names no range."""
        whole = (start, end) == (0, size)
        headers = {} if whole else {"Range": f"bytes={start}-{end - 1}"}
        response = self._request(
            "GET", source, f"blobs/{digest}", headers=headers, limit=max(end - start, 1)
        )
        if response is None:
            raise RegistryError(
                source,
                f"{digest} is missing in {source}",
                code=Code.REGISTRY_ERROR,
                help_="build the image again: delete its staged tag, or change its inputs",
            )
        if len(response.content) != end - start:
            raise unexpected(source, f"the registry sent an incomplete part of {digest}")
        return response.content

    def _send_chunks(
        self, source: str, target: str, url: str, digest: str, size: int, read: ReadRange
    ) -> None:
        """Send a blob in chunks, each read from its source when it is needed."""
        actual = sha256()
        for start in range(0, size, CHUNK):
            content = read(start, min(start + CHUNK, size))
            actual.update(content)
            span = {"Content-Range": f"{start}-{start + len(content) - 1}"}
            response = self._request("PATCH", target, url, body=content, headers=_BINARY | span)
            url = _upload_url(target, response)
        try:
            _check(source, digest, f"sha256:{actual.hexdigest()}")
        except RegistryError:
            self._cancel(target, url)
            raise
        self._send(target, url, digest, b"")

    def _start(self, repository: str) -> str:
        """Start an upload and return its URL."""
        return _upload_url(repository, self._request("POST", repository, "blobs/uploads/"))

    def _send(self, repository: str, url: str, digest: str, content: bytes) -> None:
        """Complete an upload with its last bytes."""
        separator = "&" if "?" in url else "?"
        self._put(repository, f"{url}{separator}digest={digest}", content, _BINARY)

    def _put(self, repository: str, path: str, body: bytes, headers: Mapping[str, str]) -> None:
        if self._request("PUT", repository, path, body=body, headers=headers) is None:
            raise _not_accepted(repository)

    def _cancel(self, repository: str, url: str) -> None:
        try:
            self._request("DELETE", repository, url)
        except RegistryError:
            return  # not every registry can cancel an upload; unfinished ones expire


def _upload_url(repository: str, response: Response | None) -> str:
    """Return the URL at which an upload continues."""
    if response is None or not response.headers.get("Location"):
        raise _not_accepted(repository)
    try:
        return join_url(response.url, response.headers["Location"])
    except UnexpectedResponseError as error:
        raise unexpected(repository, f"unexpected response to an upload: {error}") from None


def _check(source: str, expected: str, actual: str) -> None:
    """Reject a blob that is not what its digest says."""
    if actual != expected:
        raise mismatch(source, expected, actual)


def _not_accepted(repository: str) -> RegistryError:
    return RegistryError(
        repository,
        f"the registry does not accept uploads to {repository}",
        code=Code.REGISTRY_ERROR,
        help_="create the repository, or correct its name",
    )
