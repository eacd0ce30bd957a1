"""Write to registries: blobs, copies of blobs, manifests.

Large blobs are mounted within a registry, otherwise sent in chunks, or in one request to a registry
that rejects chunks.

A request whose response is lost is sent again, although the registry may have carried it out: it
then has another state of the upload than we expect. Such an upload starts over. An upload that
fails is cancelled.
"""

import threading
from collections.abc import Callable, Mapping
from urllib.parse import quote

from compiler.external.references import split_repository
from compiler.external.registry.blob_download import BlobDownload
from compiler.external.registry.blob_upload import (
    LOST,
    BlobUpload,
    RejectedChunkError,
    not_accepted,
    start_upload,
)
from compiler.external.registry.head_requests import ask_head
from compiler.external.registry.parallel import pause
from compiler.external.registry.paths import blob_path, manifest_path
from compiler.external.registry.responses import (
    MissingRepositoryError,
    RegistryError,
    RejectedError,
    Response,
    content_digest,
)
from compiler.external.transient_errors import retry_delay


_CREATED = 201
_UPLOADS = 5
"""Maximum number of times that the upload of one blob starts, or that a manifest is sent."""


class Uploads:
    """Writes to all registries, each with the user's own credentials."""

    def __init__(self, request: Callable[..., Response | None]) -> None:
        """Take the function that sends requests: `HttpClient.request`."""
        self._request = request
        self._lock = threading.Lock()
        self._locks: dict[tuple[str, str], threading.Lock] = {}
        self._mounted: dict[tuple[str, str], bool] = {}
        """Repository and digest of a mounted blob -> whether it was uploaded afterwards."""
        self._without_mounts: set[str] = set()
        """Repositories whose registry has reported a mounted blob that it lacks."""
        self._lost: set[str] = set()
        """Repositories in which an upload was unknown after accepted chunks."""
        self._without_chunks: set[str] = set()
        """Repositories whose registry has rejected chunks and accepted a blob in one request."""

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
                response = self._request("PUT", repository, path, body=content, headers=headers)
            except RegistryError as error:
                if error.is_repeated and self._has_manifest(repository, path, content, media_type):
                    return  # an immutable tag rejects the same image, too
                is_incomplete = isinstance(error, RejectedError) and error.is_incomplete
                if not is_incomplete or attempt == _UPLOADS or pause(retry_delay(attempt)):
                    raise
            else:
                if response is None:
                    raise not_accepted(repository)
                return

    def _has_manifest(self, repository: str, path: str, content: bytes, media_type: str) -> bool:
        """Return whether a tag or digest refers to a manifest; False if it cannot be read."""
        try:
            response = self._request("GET", repository, path, accept=media_type)
        except RegistryError:
            return False
        return response is not None and response.content == content

    def put_blob(self, repository: str, content: bytes) -> str:
        """Store a blob and return its digest."""
        digest = content_digest(content)
        with self._only_once(repository, digest):
            if not self.has_blob(repository, digest):
                start = start_upload(self._request, repository)
                self._upload(repository, digest, start, lambda each: each.send(digest, content))
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
            if self.has_blob(target, digest):
                return
            upload = self._mount(source, target, digest)
            if upload is None:
                self._mounted[target, digest] = False
            else:
                self._copy(source, target, digest, size, upload)

    def upload_mounted(self, source: str, target: str, blobs: Mapping[str, int]) -> bool:
        """Upload the blobs that were mounted, for a registry that does not find them.

        Args:
            source: the repository that contains the blobs.
            target: the repository that lacks them.
            blobs: digest -> number of bytes.

        Returns:
            Whether one of them was mounted.
        """
        mounted = [digest for digest in blobs if (target, digest) in self._mounted]
        if mounted:
            self._without_mounts.add(target)
        for digest in mounted:
            with self._only_once(target, digest):
                if not self._mounted[target, digest]:
                    upload = start_upload(self._request, target)
                    self._copy(source, target, digest, blobs[digest], upload)
                    self._mounted[target, digest] = True
        return bool(mounted)

    def _copy(self, source: str, target: str, digest: str, size: int, upload: BlobUpload) -> None:
        """Read a blob from a repository and upload it to another."""
        download = BlobDownload(self._request, source, digest, size)

        def send(upload: BlobUpload) -> None:
            if size <= download.piece:
                with upload.cancel_on_error():
                    content = download.content()
                upload.send(digest, content)
            elif target in self._without_chunks or not upload.accepts_chunks(download):
                upload.send(digest, download)
            else:
                self._send_chunks(target, digest, download, upload)

        self._upload(target, digest, upload, send)

    def _send_chunks(
        self, target: str, digest: str, download: BlobDownload, upload: BlobUpload
    ) -> None:
        """Send a blob in chunks; in one request if they are rejected, or unknown a second time."""
        try:
            upload.send_chunks(digest, download)
        except RejectedChunkError as rejected:
            if rejected.may_be_lost and target not in self._lost:
                self._lost.add(target)
                raise rejected.error from None
            start_upload(self._request, target).send(digest, download)
            self._without_chunks.add(target)

    def check_writable(self, repository: str) -> None:
        """Check that the user may write to a repository: start an upload and cancel it.

        Raises:
            RegistryError: the user may not, or the registry does not respond.
        """
        start_upload(self._request, repository).cancel()

    def has_blob(self, repository: str, digest: str) -> bool:
        """Return whether a repository has a blob; False if that is unknown.

        Where HEAD is not valid, the first byte is read.
        """
        path = blob_path(repository, digest)
        answer = ask_head(self._request, repository, path)
        if answer.is_valid:
            return answer.response is not None
        first = {"Range": "bytes=0-0"}
        try:
            response = self._request("GET", repository, path, headers=first, streams=True)
        except RegistryError:
            return False
        if response is not None and response.body is not None:
            response.body.close()
        return response is not None

    def _upload(
        self, repository: str, digest: str, upload: BlobUpload, send: Callable[[BlobUpload], None]
    ) -> None:
        """Upload a blob; start over if the registry has lost the upload.

        Args:
            repository: the repository that gets the blob.
            digest: the digest of the blob.
            upload: an upload that was started.
            send: sends the whole blob to an upload.

        Raises:
            RegistryError: a registry rejects a request, or has lost every upload.
        """
        for remaining in reversed(range(_UPLOADS)):
            try:
                return send(upload)
            except (MissingRepositoryError, RejectedError) as error:
                if isinstance(error, RejectedError) and error.status not in LOST:
                    raise
                if self.has_blob(repository, digest):
                    return None  # what was lost is the response to the last request
                if not remaining:
                    raise
            upload = start_upload(self._request, repository)
        raise AssertionError  # the last attempt has returned or raised

    def _mount(self, source: str, target: str, digest: str) -> BlobUpload | None:
        """Mount a blob within a registry; return an upload if that is impossible."""
        ours, theirs = split_repository(source), split_repository(target)
        same = ours is not None and theirs is not None and ours[0] == theirs[0]
        if ours is None or not same or target in self._without_mounts:
            return start_upload(self._request, target)
        path = f"blobs/uploads/?mount={digest}&from={quote(ours[1], safe='')}"
        try:
            response = self._request("POST", target, path, pull_from=ours[1])
            if response is not None and response.status == _CREATED:
                return None
            if response is not None and response.headers.get("Location"):
                return BlobUpload(self._request, target, response)
        except RegistryError:
            pass  # some registries reject the parameters
        return start_upload(self._request, target)
