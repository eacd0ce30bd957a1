"""What registries hold, over HTTP: manifests, tags, blobs; tried again when a fault passes.

Takes repositories as a user writes them (`acme/server`, `localhost:5000/acme/server`); promises
that "it is not there" is told apart from "the registry does not say", which is a `RegistryError`.
Safe to use from several threads at once.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from compiler.external.registry.http import ATTEMPTS, PLAIN, Sender, split_repository
from compiler.external.registry.responses import RegistryError, told


__all__ = ["INDEX", "MANIFEST", "PLAIN", "Manifest", "Registries", "RegistryError"]


INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
_DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_ACCEPT = f"{INDEX}, {_DOCKER_INDEX}, {MANIFEST}, {_DOCKER_MANIFEST}"


class Manifest(NamedTuple):
    """A manifest or an index, as a registry holds it."""

    digest: str
    kind: str
    """Its media type."""
    content: bytes

    @property
    def data(self) -> Mapping[str, Any]:
        """What it says."""
        found = json.loads(self.content)
        return found if isinstance(found, dict) else {}


class Registries:
    """All registries that are asked, each with the user's own login."""

    def __init__(self, environment: Mapping[str, str], attempts: int = ATTEMPTS) -> None:
        """Take the environment, and how often a request is sent; as `Sender` does."""
        self._sender = Sender(environment, attempts)
        self._ask = self._sender.ask

    @property
    def requests(self) -> int:
        """How many requests were sent."""
        return self._sender.requests

    def digest(self, repository: str, reference: str) -> str | None:
        """Return the digest that a tag or digest stands for; None if it is not there."""
        answer = self._ask("HEAD", repository, f"manifests/{reference}", accept=_ACCEPT)
        if answer is None:
            return None
        said = answer.headers.get("Docker-Content-Digest")
        if said:
            return said
        found = self.manifest(repository, reference)
        return found.digest if found else None

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        """Return what a tag or digest stands for; None if it is not there."""
        answer = self._ask("GET", repository, f"manifests/{reference}", accept=_ACCEPT)
        if answer is None:
            return None
        told(answer, _host(repository))
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        return Manifest(_digest(answer.content), kind, answer.content)

    def tags(self, repository: str) -> list[str]:
        """Return all tags of a repository; none if it is not there."""
        found: list[str] = []
        rest = "tags/list?n=1000"
        while rest:
            answer = self._ask("GET", repository, rest)
            if answer is None:
                break
            found += told(answer, _host(repository)).get("tags") or []
            following = answer.links.get("next", {}).get("url", "")
            rest = f"tags/list?{urlsplit(following).query}" if following else ""
        return found

    def blob(self, repository: str, digest: str) -> bytes | None:
        """Return a blob's bytes; None if it is not there."""
        answer = self._ask("GET", repository, f"blobs/{digest}")
        return None if answer is None else answer.content

    def put(self, repository: str, reference: str, manifest: Manifest) -> None:
        """Store a manifest under a tag; what it names must be there."""
        headers = {"Content-Type": manifest.kind}
        self._put(repository, f"manifests/{reference}", manifest.content, headers)

    def put_blob(self, repository: str, content: bytes) -> str:
        """Store a blob, and return its digest."""
        digest = _digest(content)
        if self._ask("HEAD", repository, f"blobs/{digest}") is None:
            place = self._begin(repository)
            joint = "&" if "?" in place else "?"
            headers = {"Content-Type": "application/octet-stream"}
            self._put(repository, f"{place}{joint}digest={digest}", content, headers)
        return digest

    def check_writable(self, repository: str) -> None:
        """Begin an upload and take it back, which leaves nothing.

        Raises:
            RegistryError: the user may not write there, or it does not answer.
        """
        place = self._begin(repository)
        try:
            self._ask("DELETE", repository, place)
        except RegistryError:
            return  # it may not know how to take it back; it forgets it by itself

    def _begin(self, repository: str) -> str:
        answer = self._ask("POST", repository, "blobs/uploads/")
        if answer is None or not answer.headers.get("Location"):
            raise RegistryError(f"{_host(repository)} takes nothing into {repository}")
        return urljoin(answer.url, answer.headers["Location"])

    def _put(self, repository: str, rest: str, body: bytes, headers: Mapping[str, str]) -> None:
        if self._ask("PUT", repository, rest, body=body, headers=headers) is None:
            raise RegistryError(f"{_host(repository)} takes nothing into {repository}")


def _digest(content: bytes) -> str:
    return f"sha256:{sha256(content).hexdigest()}"


def _host(repository: str) -> str:
    return split_repository(repository)[0]
