"""Read and store manifests, tags and blobs in registries.

Repositories are written as in image names: `acme/server`, `localhost:5000/acme/server`. A missing
manifest or blob is None; a registry that cannot be read is a `RegistryError`. Safe to use from
several threads.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from compiler.external.json_object import load_object
from compiler.external.registry.head_requests import ask_head
from compiler.external.registry.http import ATTEMPTS, HttpClient
from compiler.external.registry.listings import DIGEST, Referrers, list_tags, name_permission
from compiler.external.registry.paths import blob_path, digest_path, manifest_path
from compiler.external.registry.responses import (
    DeniedError,
    InvalidContentError,
    RegistryError,
    RejectedError,
    Response,
    content_digest,
    mismatch,
    parse_json,
)
from compiler.external.registry.sessions import PLAIN_HTTP
from compiler.external.registry.uploads import Uploads


__all__ = [
    "INDEX",
    "MANIFEST",
    "PLAIN_HTTP",
    "InvalidContentError",
    "Manifest",
    "Registries",
    "RegistryError",
    "RejectedError",
]


INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
_DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
MAX_BLOB = 16 * 2**20
"""Maximum number of bytes of a blob: a release record or an image's configuration."""
INDEX_TYPES = (INDEX, _DOCKER_INDEX)
MEDIA_TYPES = (*INDEX_TYPES, MANIFEST, _DOCKER_MANIFEST)
"""The media types of manifests that we understand."""
_ACCEPT = ", ".join(MEDIA_TYPES)


class Manifest(NamedTuple):
    """A manifest or an index, as stored in a registry."""

    digest: str
    media_type: str
    content: bytes

    @property
    def data(self) -> Mapping[str, Any]:
        """The parsed content."""
        return load_object(self.content) or {}


class Registries:
    """All registries, each accessed with the user's own credentials."""

    def __init__(self, environment: Mapping[str, str], attempts: int = ATTEMPTS) -> None:
        """Create a client; see `HttpClient`."""
        self._client = HttpClient(environment, attempts)
        self._request = self._client.request
        self._uploads = Uploads(self._request)
        self._referrers = Referrers(self._read, INDEX)
        self._missing: set[str] = set()
        """Repositories that deny reading because they do not exist yet."""
        self._existing: set[str] = set()
        """Repositories whose manifests may be read."""

    @property
    def requests(self) -> int:
        """Return the number of requests that were sent."""
        return self._client.requests

    def digest(self, repository: str, reference: str) -> str | None:
        """Return the digest of a tag or digest; None if it is missing."""
        path = manifest_path(repository, reference)
        answer = ask_head(self._request, repository, path, accept=_ACCEPT)
        if answer.response is not None:
            self._existing.add(repository)
            digest = answer.response.headers.get("Docker-Content-Digest", "")
            if DIGEST.match(digest) and ":" not in reference:
                return digest
        elif answer.is_valid:
            return None
        manifest = self.manifest(repository, reference)
        return manifest.digest if manifest else None

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        """Return the manifest of a tag or digest; None if it is missing.

        Raises:
            InvalidContentError: the content is not JSON, or does not have the digest.
        """
        path = manifest_path(repository, reference)
        response = self._read("GET", repository, path, accept=_ACCEPT)
        if response is None:
            return None
        digest = content_digest(response.content, reference)
        if ":" in reference and digest != reference:
            raise mismatch(repository, reference, digest)
        media_type = response.media_type(parse_json(response, repository))
        return Manifest(digest, media_type, response.content)

    def tags(self, repository: str) -> list[str]:
        """Return all tags of a repository; an empty list if it is missing.

        Raises:
            InvalidContentError: the list is malformed or endless.
        """
        try:
            return list_tags(self._read, repository)
        except DeniedError as error:
            if error.is_logged_in and repository in self._existing:
                name_permission(error)
            raise

    def blob(self, repository: str, digest: str) -> bytes | None:
        """Return the content of a blob; None if it is missing.

        Raises:
            InvalidContentError: the content does not have the digest, or is too large.
        """
        response = self._read("GET", repository, blob_path(repository, digest), limit=MAX_BLOB)
        if response is None:
            return None
        actual = content_digest(response.content, digest)
        if actual != digest:
            raise mismatch(repository, digest, actual)
        return response.content

    def _read(self, method: str, repository: str, path: str, **options: Any) -> Response | None:
        """Send a request that reads; None if the content or the repository is missing.

        Some registries deny reading a repository that does not exist, for example Docker Hub. If
        the user may write to the repository, it does not exist yet.
        """
        try:
            response = self._request(method, repository, path, **options)
        except DeniedError as error:
            if error.is_logged_in and self._lacks(repository, path):
                return None
            raise
        if response is not None:
            self._existing.add(repository)
        return response

    def _lacks(self, repository: str, path: str) -> bool:
        """Return whether a registry that denies reading does so because of a missing repository.

        If the account may read manifests but not list tags, the repository exists.
        """
        if repository in self._existing or repository in self._missing:
            return repository in self._missing
        try:
            if not path.startswith("manifests/") and self._reads_manifests(repository):
                return False
            self.check_writable(repository)
        except RegistryError:
            return False
        self._missing.add(repository)
        return True

    def _reads_manifests(self, repository: str) -> bool:
        """Return whether the account may read manifests of a repository; it may have none."""
        path = "manifests/latest"
        if not ask_head(self._request, repository, path, accept=_ACCEPT).is_valid:
            try:
                self._request("GET", repository, path, accept=_ACCEPT)
            except DeniedError:
                return False
        self._existing.add(repository)
        return True

    def denies_reading(self, repository: str) -> bool:
        """Return whether a writable repository denied the last reads, or is missing."""
        return repository in self._missing

    def referrers(self, repository: str, digest: str) -> list[str]:
        """Return the digests of the artifacts that refer to a manifest, such as signatures.

        Registries without the API of OCI 1.1 have none: there, such artifacts have tags. Nor have
        registries, or servers before them, that deny the API although they let manifests be read.
        """
        try:
            return self.find_referrers(repository, digest) or []
        except DeniedError:
            if repository in self._existing:
                return []
            raise

    def find_referrers(self, repository: str, digest: str) -> list[str] | None:
        """Return what `referrers` returns; None if the registry lacks the API."""
        return self._referrers.list(repository, digest)

    def put_manifest(self, repository: str, reference: str, manifest: Manifest) -> None:
        """Store a manifest, whose content is stored already, under a tag or its digest."""
        self._uploads.put_manifest(repository, reference, manifest.content, manifest.media_type)

    def delete_manifest(self, repository: str, digest: str) -> bool:
        """Delete a manifest with all its tags; return whether the registry had it.

        Raises:
            UnsupportedError: the registry cannot delete manifests.
            RegistryError: the registry denies it, or does not respond.
        """
        path = digest_path(repository, "manifests", digest)
        return self._request("DELETE", repository, path) is not None

    def delete_tag(self, repository: str, tag: str) -> None:
        """Delete a tag, where a registry deletes manifests only after their tags."""
        self._request("DELETE", repository, manifest_path(repository, tag))

    def has_blob(self, repository: str, digest: str) -> bool:
        """Return whether a repository has a blob; False if that is unknown."""
        return self._uploads.has_blob(repository, digest)

    def put_blob(self, repository: str, content: bytes) -> str:
        """Store a blob and return its digest."""
        return self._uploads.put_blob(repository, content)

    def copy_blob(self, source: str, target: str, digest: str, size: int) -> None:
        """Copy a blob to another repository; see `Uploads`."""
        self._uploads.copy_blob(source, target, digest, size)

    def upload_mounted(self, source: str, target: str, blobs: Mapping[str, int]) -> bool:
        """Upload blobs that were mounted, but are missing; see `Uploads`."""
        return self._uploads.upload_mounted(source, target, blobs)

    def check_writable(self, repository: str) -> None:
        """Check that the user may write to a repository; see `Uploads`."""
        self._uploads.check_writable(repository)
