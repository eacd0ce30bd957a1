"""A registry in memory behind the real client: its rules, without sockets and without time.

It accepts a manifest only if everything that the manifest refers to is in the repository, as
registries do. A gate sees each request before and after its effect, so that a test can fail, delay
or count requests.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from compiler.external.registry.client import INDEX, MANIFEST, Manifest, Registries
from compiler.external.registry.responses import Response, content_digest
from compiler.external.registry.sessions import Content, Sessions


HOST = "127.0.0.1:5000"
MIRROR = "127.0.0.1:5001"
Perform = Callable[[], Response]
Gate = Callable[[str, str, Perform], Response]
"""Called with method, path and the function that performs the request."""


def open_gate(method: str, path: str, perform: Perform) -> Response:
    """Let every request pass."""
    del method, path
    return perform()


def digest_of(content: bytes) -> str:
    """Return the digest of a content."""
    return f"sha256:{sha256(content).hexdigest()}"


MALFORMED = (AttributeError, KeyError, RecursionError, TypeError, ValueError)
"""What reading a manifest raises if it is anything else."""


class References(NamedTuple):
    """The digests to which a manifest refers."""

    blobs: tuple[str, ...]
    manifests: tuple[str, ...]
    subject: str
    """Empty if the manifest is not attached to another."""


class Repository:
    """The content of one repository."""

    def __init__(self) -> None:
        self.manifests: dict[str, tuple[str, bytes]] = {}
        """Digest -> media type and content."""
        self.blobs: dict[str, bytes] = {}
        self.tags: dict[str, str] = {}
        self.history: dict[str, list[str | None]] = {}
        """Tag -> its earlier digests, the oldest first; None while it was missing."""
        self.uploads: dict[str, bytearray] = {}
        self.started = 0
        """The number of uploads so far."""

    def copy(self) -> Repository:
        """Return an independent copy."""
        copied = Repository()
        copied.manifests, copied.blobs = dict(self.manifests), dict(self.blobs)
        copied.tags, copied.started = dict(self.tags), self.started
        copied.history = {name: list(digests) for name, digests in self.history.items()}
        copied.uploads = {name: bytearray(content) for name, content in self.uploads.items()}
        return copied

    def set_tag(self, name: str, digest: str | None) -> None:
        """Assign or delete a tag."""
        self.history.setdefault(name, []).append(self.tags.get(name))
        if digest is None:
            self.tags.pop(name, None)
        else:
            self.tags[name] = digest

    def missing(self, digest: str) -> list[str]:
        """Return the digests that an image of the repository lacks, itself included."""
        if digest not in self.manifests:
            return [digest]
        found = _references(self.manifests[digest][1])
        lacking = [blob for blob in found.blobs if blob not in self.blobs]
        return lacking + [text for child in found.manifests for text in self.missing(child)]


class ModelRegistry:
    """All registries of a test: repositories by `HOST/PATH`."""

    def __init__(
        self, *, mounts: bool = True, referrers: bool = True, deletes: bool = True
    ) -> None:
        """Create empty registries; they may lack mounting, the API of referrers, and deletion."""
        self.repositories: dict[str, Repository] = {}
        self.mounts, self.referrers, self.deletes = mounts, referrers, deletes
        self.ranges = True
        """Whether a range of a blob can be read; otherwise the whole blob is sent."""
        self.deletes_tags_first = False
        """Whether a manifest can only be deleted after its tags."""
        self.writes: list[str] = []
        """`METHOD HOST/PATH` of each request that changed something."""

    def copy(self) -> ModelRegistry:
        """Return an independent copy."""
        copied = ModelRegistry(mounts=self.mounts, referrers=self.referrers, deletes=self.deletes)
        copied.repositories = {name: store.copy() for name, store in self.repositories.items()}
        copied.writes = list(self.writes)
        return copied

    def repository(self, name: str) -> Repository:
        """Return a repository, which is created if it is missing."""
        store = self.repositories.get(name)
        if store is None:
            store = self.repositories[name] = Repository()
        return store

    def digest(self, tag: str) -> str | None:
        """Return the digest of a tag."""
        repository, _, name = tag.rpartition(":")
        return self.repository(repository).tags.get(name)

    def add_image(
        self, repository: str, content: str, *tags: str, platform: str = "amd64", **more: Any
    ) -> Manifest:
        """Store an image of one layer; return its manifest."""
        store = self.repository(repository)
        config = json.dumps({"os": "linux", "architecture": platform, "config": {"Labels": more}})
        blobs = [config.encode(), f"layer {content}".encode()]
        descriptors = [{"digest": digest_of(blob), "size": len(blob)} for blob in blobs]
        for blob in blobs:
            store.blobs[digest_of(blob)] = blob
        data = {"schemaVersion": 2, "config": descriptors[0], "layers": descriptors[1:]}
        return self.add_manifest(repository, data, MANIFEST, *tags)

    def add_manifest(
        self, repository: str, data: Mapping[str, Any], media_type: str, *tags: str
    ) -> Manifest:
        """Store a manifest and its tags."""
        store = self.repository(repository)
        content = json.dumps(data).encode()
        store.manifests[digest_of(content)] = (media_type, content)
        for tag in tags:
            store.set_tag(tag, digest_of(content))
        return Manifest(digest_of(content), media_type, content)

    def request(
        self, method: str, name: str, rest: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """Perform a request to a repository; return status, headers and body."""
        store = self.repository(name)
        kind, _, reference = rest.partition("/")
        if method in {"PUT", "POST", "PATCH", "DELETE"}:
            self.writes.append(f"{method} {name}/{rest}")
        if kind == "tags":
            if not store.tags:
                return 404, {}, b""
            return 200, {}, json.dumps({"tags": sorted(store.tags)}).encode()
        if kind == "referrers":
            return self._referrers(store, reference)
        if kind == "manifests":
            if method == "DELETE":
                return self._delete(store, reference)
            return _manifest_request(store, method, reference, headers, body)
        if reference.startswith("uploads/"):
            start = headers.get("Content-Range", "").partition("-")[0]
            uploaded = store.uploads.get(reference.removeprefix("uploads/"), b"")
            if start and int(start) != len(uploaded):
                return 416, {}, b""
            return self._upload(name, method, reference, query, body)
        return _blob_request(store, reference, headers if self.ranges else {})

    def _delete(self, store: Repository, digest: str) -> tuple[int, dict[str, str], bytes]:
        """Delete a manifest with all its tags, as registries do, or a tag alone."""
        if not self.deletes:
            return 405, {}, b'{"errors": [{"code": "UNSUPPORTED"}]}'
        if digest in store.tags:
            store.set_tag(digest, None)
            return 202, {}, b""
        if self.deletes_tags_first and digest in store.tags.values():
            return 400, {}, b'{"errors": [{"code": "GOOGLE_MANIFEST_DANGLING_TAG"}]}'
        if store.manifests.pop(digest, None) is None:
            return 404, {}, b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}'
        for name in [name for name, found in store.tags.items() if found == digest]:
            store.set_tag(name, None)
        return 202, {}, b""

    def _referrers(self, store: Repository, digest: str) -> tuple[int, dict[str, str], bytes]:
        if not self.referrers:
            return 404, {}, b""
        found = [
            {"digest": key}
            for key, (_, content) in store.manifests.items()
            if _subject(content) == digest
        ]
        return 200, {}, json.dumps({"manifests": found}).encode()

    def _upload(
        self, name: str, method: str, reference: str, query: str, body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        store, parameters = self.repository(name), parse_qs(query)
        if method == "POST":
            digest = parameters.get("mount", [""])[0]
            source = f"{name.partition('/')[0]}/{unquote(parameters.get('from', [''])[0])}"
            if digest and self.mounts and digest in self.repository(source).blobs:
                store.blobs[digest] = self.repository(source).blobs[digest]
                return 201, {}, b""
            store.started += 1
            number = str(store.started)
            store.uploads[number] = bytearray()
            path = name.partition("/")[2]
            return 202, {"Location": f"/v2/{path}/blobs/uploads/{number}"}, b""
        number = reference.removeprefix("uploads/")
        if number not in store.uploads:
            return 404, {}, b'{"errors": [{"code": "BLOB_UPLOAD_UNKNOWN"}]}'
        if method == "DELETE":
            del store.uploads[number]
            return 204, {}, b""
        store.uploads[number] += body
        if method == "PATCH":
            path = name.partition("/")[2]
            return 202, {"Location": f"/v2/{path}/blobs/uploads/{number}"}, b""
        content = bytes(store.uploads.pop(number))
        digest = parameters["digest"][0]
        if content_digest(content, digest) != digest:
            return 400, {}, b""
        store.blobs[digest] = content
        return 201, {}, b""


def _blob_request(
    store: Repository, digest: str, headers: Mapping[str, str]
) -> tuple[int, dict[str, str], bytes]:
    content = store.blobs.get(digest)
    if content is None:
        return 404, {}, b""
    if "Range" in headers:
        first, last = headers["Range"].removeprefix("bytes=").split("-")
        return 206, {}, content[int(first) : int(last) + 1]
    return 200, {}, content


def _manifest_request(
    store: Repository, method: str, reference: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, dict[str, str], bytes]:
    if method == "PUT":
        try:
            found = _references(body)
        except MALFORMED:
            return 400, {}, json.dumps({"errors": [{"code": "MANIFEST_INVALID"}]}).encode()
        unknown = [blob for blob in found.blobs if blob not in store.blobs]
        unknown += [child for child in found.manifests if child not in store.manifests]
        if unknown:
            message = {"errors": [{"code": "MANIFEST_BLOB_UNKNOWN", "message": unknown[0]}]}
            return 400, {}, json.dumps(message).encode()
        digest = digest_of(body)
        store.manifests[digest] = (headers["Content-Type"], body)
        if ":" not in reference:
            store.set_tag(reference, digest)
        return 201, {"Docker-Content-Digest": digest}, b""
    digest = reference if ":" in reference else store.tags.get(reference, "")
    if digest not in store.manifests:
        return 404, {}, b""
    media_type, content = store.manifests[digest]
    return 200, {"Content-Type": media_type, "Docker-Content-Digest": digest}, content


def _subject(content: bytes) -> str | None:
    """Return the digest that a manifest is attached to; its content may be anything."""
    try:
        return _references(content).subject
    except MALFORMED:
        return None


@lru_cache(maxsize=4096)
def _references(content: bytes) -> References:
    data = json.loads(content)
    config = [data["config"]] if data.get("config") else []
    return References(
        blobs=tuple(map(_digest, [*config, *data.get("layers", ())])),
        manifests=tuple(map(_digest, data.get("manifests", ()))),
        subject=(data.get("subject") or {}).get("digest", ""),
    )


def _digest(descriptor: Any) -> str:
    """Return the digest of a descriptor.

    Raises:
        TypeError: it is not a text, which registries reject.
    """
    digest = descriptor["digest"]
    if not isinstance(digest, str):
        raise TypeError("a digest is a text")
    return digest


class ModelSessions(Sessions):
    """Sessions whose requests reach the model."""

    def __init__(self, model: ModelRegistry, gate: Gate) -> None:
        super().__init__({})
        self._model, self._gate = model, gate

    def send(  # noqa: D102 - as inherited
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        authorization: str = "",
        body: Content | None = None,
        limit: int = 0,
        redirects: bool = True,
        streams: bool = False,
    ) -> Response:
        del authorization, limit, redirects
        name, rest, query = _locate(url)
        content = body if isinstance(body, bytes) else b""
        if body is not None and not isinstance(body, bytes | Mapping):
            content = b"".join(body)

        def perform() -> Response:
            status, found, answer = self._model.request(method, name, rest, query, headers, content)
            answer = b"" if method == "HEAD" else answer
            opens = streams and status == 200
            return Response(
                status=status,
                reason="",
                url=url,
                redirected=False,
                headers=found,
                content=b"" if opens else answer,
                body=io.BytesIO(answer) if opens else None,
            )

        return self._gate(method, f"{name}/{rest}", perform)


@lru_cache(maxsize=4096)
def _locate(url: str) -> tuple[str, str, str]:
    """Return the repository, the path within it, and the query of a URL."""
    parts = urlsplit(url)
    path, kind, reference = split_path(parts.path)
    return f"{parts.netloc}/{path}", f"{kind}/{reference}", parts.query


def split_path(text: str) -> tuple[str, str, str]:
    """Return the repository, the kind, and the tag or digest in the path of a URL."""
    kinds = ("/manifests/", "/blobs/", "/tags/", "/referrers/")
    kind = next(kind for kind in kinds if kind in text)
    path, _, reference = text.removeprefix("/v2/").rpartition(kind)
    return path, kind.strip("/"), reference


class ModelRegistries(Registries):
    """The real client in front of the model."""

    def __init__(self, model: ModelRegistry, gate: Gate = open_gate, attempts: int = 3) -> None:
        super().__init__({}, attempts)
        self._client._sessions = ModelSessions(model, gate)  # noqa: SLF001


def add_index(
    model: ModelRegistry, repository: str, images: Mapping[str, Manifest], *tags: str, **more: Any
) -> Manifest:
    """Store an index of images by architecture, each with an attestation."""
    entries: list[dict[str, Any]] = []
    for architecture, image in images.items():
        attestation = model.add_image(repository, f"attestation of {image.digest}")
        entries += [
            {
                "mediaType": MANIFEST,
                "digest": image.digest,
                "size": len(image.content),
                "platform": {"os": "linux", "architecture": architecture},
            },
            {
                "mediaType": MANIFEST,
                "digest": attestation.digest,
                "size": len(attestation.content),
                "platform": {"os": "unknown", "architecture": "unknown"},
                "annotations": {"vnd.docker.reference.digest": image.digest},
            },
        ]
    data = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries, **more}
    return model.add_manifest(repository, data, INDEX, *tags)
