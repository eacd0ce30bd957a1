"""A registry over HTTP that behaves as the specification says, and as one product differs from it.

A product is a subclass of `Vendor` in `support.vendors`, which states only its differences.
"""

from __future__ import annotations

import base64
import itertools
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple
from urllib.parse import parse_qs, urlsplit

from support.loopback import Handler, serving
from support.model_registry import ModelRegistry, split_path


USER, SECRET = "ann", "secret"
_BASIC = f"Basic {base64.b64encode(f'{USER}:{SECRET}'.encode()).decode()}"


class Reply(NamedTuple):
    """A response."""

    status: int
    body: Any = b""
    """Bytes, or data to be sent as JSON."""
    headers: Mapping[str, str | list[str]] = {}
    """Name -> value, or values of as many headers."""


def error(status: int, code: str, message: str) -> Reply:
    """Return a response with an error as the specification defines it."""
    return Reply(status, {"errors": [{"code": code, "message": message}]})


class Vendor:
    """A registry of the specification: tokens, and repositories that the first push creates."""

    ip = "127.0.0.1"
    """The address of the server."""
    realm = "/token"
    """The path of the token server; empty if the registry accepts passwords only."""
    service = "registry"
    token_requests = 1_000_000
    """The number of requests after which a token expires."""
    page_size = 1000
    """Maximum number of tags of a page."""
    creates_repositories = True
    accepted_types: frozenset[str] | None = None
    """Media types of configurations, layers and artifacts; None if all are accepted."""

    def __init__(self) -> None:
        """Create an empty registry."""
        self.model = ModelRegistry(referrers=True)
        self.address = self.storage = ""
        """The hosts of the registry, and of its blobs."""
        self.existing: set[str] = set()
        """Paths of repositories that exist."""
        self.tokens: dict[str, tuple[frozenset[str], Iterator[int]]] = {}
        """Token -> the scopes that it grants, and a countdown of its requests."""
        self.lock = threading.Lock()
        self.leaked: list[str] = []
        """Credentials that reached another host."""

    # --- Differences of products ------------------------------------------------------------------

    def challenges(self, scope: str) -> list[str]:
        """Return the `WWW-Authenticate` headers of a response without authorization."""
        realm = f"http://{self.address}{self.realm}"
        return [f'Bearer realm="{realm}",service="{self.service}",scope="{scope}"']

    def grants(self, path: str, actions: str) -> bool:
        """Return whether the token server grants a scope; a denial is status 403."""
        del path, actions
        return True

    def missing(self, path: str, *, writes: bool) -> Reply | None:
        """Return the response to requests to a missing repository; None to create it."""
        if writes and self.creates_repositories:
            return None
        return error(404, "NAME_UNKNOWN", f"repository name not known to registry: {path}")

    def rejects(self, path: str, reference: str, manifest: Mapping[str, Any]) -> Reply | None:
        """Return the response to a manifest that is not accepted; None if it is."""
        del path, reference
        parts = [manifest.get("config") or {}, *manifest.get("layers", ())]
        types = {part.get("mediaType") for part in parts} | {manifest.get("artifactType")}
        unknown = types - {None} - (self.accepted_types or types)
        if unknown:
            return error(400, "MANIFEST_INVALID", f"unknown media type: {min(map(str, unknown))}")
        return None

    def has_version_tag(self, path: str, reference: str) -> bool:
        """Return whether a tag exists and has the form of version tags, which may be immutable."""
        tags = self.model.repository(f"{self.address}/{path}").tags
        return reference in tags and reference[-2:] in {"-1", "-2"}

    def tags(self, path: str, names: list[str], query: Mapping[str, str]) -> Reply:
        """Return a page of tags."""
        following = [name for name in names if name > query.get("last", "")]
        size = min(int(query.get("n", self.page_size)), self.page_size)
        page = following[:size]
        link = f'</v2/{path}/tags/list?n={size}&last={page[-1]}>; rel="next"' if page else ""
        headers = {"Link": link} if len(following) > size else {}
        return Reply(200, {"name": path, "tags": page}, headers)

    def referrers(self, path: str, digest: str) -> Reply | None:
        """Return a special response to a request for referrers."""
        del path, digest
        return None

    def interrupts(self, number: int) -> Reply | None:
        """Return a response that the registry gives instead of performing a request."""
        del number
        return None

    def cancel(self) -> Reply | None:
        """Return a special response to a request that cancels an upload."""
        return None

    def next_chunk(self) -> Reply | None:
        """Return a special response to a chunk of a blob that is not its first."""
        return None

    headers: ClassVar[Mapping[str, str]] = {}
    """Headers of all responses."""

    # --- The registry -----------------------------------------------------------------------------

    def respond(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Perform a request."""
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if self.realm and parts.path == self.realm:
            return self._issue(query, headers)
        path, kind, rest = split_path(parts.path)
        writes = method not in {"GET", "HEAD"}
        actions = "pull,push" if writes else "pull"
        if method == "DELETE" and kind == "manifests":
            actions = "pull,delete"
        denial = self._check(path, headers.get("Authorization", ""), actions)
        if denial is not None:
            return denial
        reply = self._missing(path, writes=writes) or self._special(
            method, path, kind, rest, query, body
        )
        if reply is not None:
            return reply
        name = f"{self.address}/{path}"
        status, extra, content = self.model.request(
            method, name, f"{kind}/{rest}", parts.query, headers, body
        )
        if status == 404:
            return error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        return Reply(status, content, extra)

    def _missing(self, path: str, *, writes: bool) -> Reply | None:
        if path in self.existing:
            return None
        reply = self.missing(path, writes=writes)
        if reply is None:
            self.existing.add(path)
        return reply

    def _special(
        self, method: str, path: str, kind: str, rest: str, query: Mapping[str, str], body: bytes
    ) -> Reply | None:
        store = self.model.repository(f"{self.address}/{path}")
        if kind == "tags":
            return self.tags(path, sorted(store.tags), query)
        if kind == "referrers":
            return self.referrers(path, rest)
        if kind == "manifests" and method == "PUT":
            return self.rejects(path, rest, json.loads(body))
        if kind == "blobs" and method == "DELETE":
            return self.cancel()
        if kind == "blobs" and method == "PATCH" and store.uploads.get(rest.rpartition("/")[2]):
            return self.next_chunk()
        if kind == "blobs" and method == "GET" and rest in store.blobs:
            return Reply(307, b"", {"Location": f"http://{self.storage}/{path}/{rest}?signed=1"})
        return None

    def _check(self, path: str, authorization: str, actions: str) -> Reply | None:
        """Return the response to a request without sufficient authorization."""
        if not self.realm:
            allowed = authorization == _BASIC
        else:
            scopes, requests = self.tokens.get(
                authorization.removeprefix("Bearer "), (frozenset[str](), iter(()))
            )
            granting = {actions, "pull,push", "pull,delete"} if actions == "pull" else {actions}
            granted = {f"{path}:{each}" for each in granting}
            allowed = bool(scopes & granted) and next(requests, None) is not None
        if allowed:
            return None
        reply = error(401, "UNAUTHORIZED", "authentication required")
        challenges = self.challenges(f"repository:{path}:{actions}")
        return reply._replace(headers={"WWW-Authenticate": challenges})

    def _issue(self, query: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
        """Issue a token."""
        if headers.get("Authorization") != _BASIC:
            return error(401, "UNAUTHORIZED", "invalid credentials")
        scopes = [text.removeprefix("repository:") for text in query["scope"].split(" ")]
        for scope in scopes:
            path, _, actions = scope.partition(":")
            if not self.grants(path, actions):
                return error(403, "DENIED", "requested access to the resource is denied")
        token = f"token-{len(self.tokens)}"
        self.tokens[token] = frozenset(scopes), iter(range(self.token_requests))
        return Reply(200, {"token": token, "expires_in": 300})


@contextmanager
def serve(vendor: Vendor) -> Iterator[None]:
    """Run a registry, and the host to which it redirects requests for blobs."""
    numbers = itertools.count()

    class VendorHandler(Handler):
        def answer(self, body: bytes) -> None:
            with vendor.lock:
                reply = vendor.interrupts(next(numbers)) or vendor.respond(
                    self.command, self.path, dict(self.headers.items()), body
                )
            self.send_reply(reply, vendor.headers)

        def send_reply(self, reply: Reply, more: Mapping[str, str]) -> None:
            body = reply.body
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            headers = {**more, **reply.headers}
            self.send(
                reply.status,
                content,
                (
                    (name, each)
                    for name, value in headers.items()
                    for each in (value if isinstance(value, list) else [value])
                ),
            )

    class Storage(VendorHandler):
        def answer(self, body: bytes) -> None:
            del body
            if "Authorization" in self.headers:
                vendor.leaked.append(self.path)
            path, _, digest = urlsplit(self.path).path.strip("/").rpartition("/")
            store = vendor.model.repository(f"{vendor.address}/{path}")
            content = store.blobs.get(digest) if self.command == "GET" else None
            self.send_reply(Reply(429) if content is None else Reply(200, content), {})

    with serving(VendorHandler, vendor.ip) as server, serving(Storage, vendor.ip) as storage:
        vendor.address, vendor.storage = server.host, storage.host
        yield
