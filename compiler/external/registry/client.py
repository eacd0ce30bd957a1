"""Read and store manifests, tags and blobs in registries.

Repositories are written as in image names: `acme/server`, `localhost:5000/acme/server`. A missing
manifest or blob is None; a registry that cannot be read is a `RegistryError`. Safe to use from
several threads.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from compiler.codes import Code
from compiler.external.registry.http import ATTEMPTS, HttpClient
from compiler.external.registry.responses import RegistryError, parse_json
from compiler.external.registry.sessions import PLAIN_HTTP


__all__ = ["INDEX", "MANIFEST", "PLAIN_HTTP", "Manifest", "Registries", "RegistryError"]


INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
_DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_ACCEPT = f"{INDEX}, {_DOCKER_INDEX}, {MANIFEST}, {_DOCKER_MANIFEST}"


class Manifest(NamedTuple):
    """A manifest or an index, as stored in a registry."""

    digest: str
    media_type: str
    content: bytes

    @property
    def data(self) -> Mapping[str, Any]:
        """The parsed content."""
        content = json.loads(self.content)
        return content if isinstance(content, dict) else {}


class Registries:
    """All registries, each accessed with the user's own credentials."""

    def __init__(self, environment: Mapping[str, str], attempts: int = ATTEMPTS) -> None:
        """Create a client; see `HttpClient`."""
        self._client = HttpClient(environment, attempts)
        self._request = self._client.request

    @property
    def requests(self) -> int:
        """Return the number of requests that were sent."""
        return self._client.requests

    def digest(self, repository: str, reference: str) -> str | None:
        """Return the digest of a tag or digest; None if it is missing."""
        path = f"manifests/{reference}"
        response = self._request("HEAD", repository, path, accept=_ACCEPT)
        if response is None:
            return None
        digest = response.headers.get("Docker-Content-Digest")
        if digest:
            return digest
        manifest = self.manifest(repository, reference)
        return manifest.digest if manifest else None

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        """Return the manifest of a tag or digest; None if it is missing."""
        path = f"manifests/{reference}"
        response = self._request("GET", repository, path, accept=_ACCEPT)
        if response is None:
            return None
        parse_json(response, repository)
        media_type = response.headers.get("Content-Type", "").partition(";")[0]
        return Manifest(_digest(response.content), media_type, response.content)

    def tags(self, repository: str) -> list[str]:
        """Return all tags of a repository; an empty list if it is missing."""
        tags: list[str] = []
        path = "tags/list?n=1000"
        while path:
            response = self._request("GET", repository, path)
            if response is None:
                break
            tags += parse_json(response, repository).get("tags") or []
            following = response.links.get("next", {}).get("url", "")
            path = f"tags/list?{urlsplit(following).query}" if following else ""
        return tags

    def blob(self, repository: str, digest: str) -> bytes | None:
        """Return the content of a blob; None if it is missing."""
        response = self._request("GET", repository, f"blobs/{digest}")
        return None if response is None else response.content

    def put_manifest(self, repository: str, tag: str, manifest: Manifest) -> None:
        """Store a manifest under a tag; everything that it refers to must be stored already."""
        headers = {"Content-Type": manifest.media_type}
        self._put(repository, f"manifests/{tag}", manifest.content, headers)

    def put_blob(self, repository: str, content: bytes) -> str:
        """Store a blob and return its digest."""
        digest = _digest(content)
        if self._request("HEAD", repository, f"blobs/{digest}") is None:
            url = self._start_upload(repository)
            separator = "&" if "?" in url else "?"
            headers = {"Content-Type": "application/octet-stream"}
            self._put(repository, f"{url}{separator}digest={digest}", content, headers)
        return digest

    def check_writable(self, repository: str) -> None:
        """Check that the user may write to a repository: start an upload and cancel it.

        Raises:
            RegistryError: the user may not, or the registry does not respond.
        """
        url = self._start_upload(repository)
        try:
            self._request("DELETE", repository, url)
        except RegistryError:
            return  # not every registry can cancel an upload; unfinished ones expire

    def _start_upload(self, repository: str) -> str:
        response = self._request("POST", repository, "blobs/uploads/")
        if response is None or not response.headers.get("Location"):
            raise _not_accepted(repository)
        return urljoin(response.url, response.headers["Location"])

    def _put(self, repository: str, path: str, body: bytes, headers: Mapping[str, str]) -> None:
        if self._request("PUT", repository, path, body=body, headers=headers) is None:
            raise _not_accepted(repository)


def _not_accepted(repository: str) -> RegistryError:
    return RegistryError(
        repository,
        f"the registry does not accept uploads to {repository}",
        code=Code.REGISTRY_ERROR,
        help_="create the repository, or correct its name",
    )


def _digest(content: bytes) -> str:
    return f"sha256:{sha256(content).hexdigest()}"
