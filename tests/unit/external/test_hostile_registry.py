"""Registries that respond incorrectly, redirect, or exceed limits; servers on loopback."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from support import loopback

from compiler.codes import Code
from compiler.external.registry import client, listings, sessions
from compiler.external.registry.challenges import parse_realm
from compiler.external.registry.client import (
    INDEX,
    InvalidContentError,
    Registries,
    RegistryError,
)
from compiler.external.registry.responses import UnexpectedResponseError
from compiler.external.registry.sessions import PLAIN_HTTP, Sessions
from compiler.releases.record import ReleaseRecord
from compiler.releases.registry_record import MEDIA_TYPE, pull_records


SECRET = "s3cret-of-a-user"  # noqa: S105
CONTENT = b'{"layers": []}'
DIGEST = f"sha256:{sha256(CONTENT).hexdigest()}"
BASIC = f"Basic {base64.b64encode(f'ann:{SECRET}'.encode()).decode()}"
Respond = Callable[["Handler", bytes], None]


class Handler(loopback.Handler):
    """Passes each request to a function, and records it."""

    respond: Respond
    seen: list[tuple[str, str, str, bytes]]
    """Method, path, authorization and body of each request."""

    def reply(self, status: int, body: bytes = b"", *headers: tuple[str, str]) -> None:
        """Send a response."""
        self.send(status, body, headers)

    def answer(self, body: bytes) -> None:
        """Record a request and pass it on."""
        self.seen.append((self.command, self.path, self.headers.get("Authorization", ""), body))
        type(self).respond(self, body)


class Server:
    """A server on loopback that responds with a function."""

    def __init__(self, respond: Respond) -> None:
        self.seen: list[tuple[str, str, str, bytes]] = []
        handler = type("OwnHandler", (Handler,), {"respond": respond, "seen": self.seen})
        self._running = loopback.Server(("127.0.0.1", 0), handler)
        loopback.start(self._running)
        self.host = self._running.host
        self.repository = f"{self.host}/acme"

    def close(self) -> None:
        """Stop the server."""
        self._running.shutdown()
        self._running.server_close()


@pytest.fixture
def serve() -> Iterator[Callable[[Respond], Server]]:
    """Provide a function that starts servers."""
    servers: list[Server] = []

    def start(respond: Respond) -> Server:
        servers.append(Server(respond))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def login(tmp_path: Path) -> Callable[..., Registries]:
    """Provide a function that returns a client with credentials for servers."""

    def registries(*servers: Server, entry: dict[str, str] | None = None) -> Registries:
        auth = entry or {"auth": BASIC.removeprefix("Basic ")}
        settings = {"auths": {server.host: auth for server in servers}}
        (tmp_path / "config.json").write_text(json.dumps(settings))
        environment = {"DOCKER_CONFIG": str(tmp_path), "PATH": os.environ["PATH"]}
        return Registries(environment, attempts=1)

    return registries


Serve = Callable[[Respond], Server]
Login = Callable[..., Registries]


def test_content_by_digest_is_verified(serve: Serve, login: Login) -> None:
    """Another manifest or blob than requested is an error, and so is an invalid digest."""
    server = serve(lambda handler, _: handler.reply(200, CONTENT))
    registries = login()
    other = f"sha256:{'0' * 64}"

    manifest = registries.manifest(server.repository, DIGEST)
    assert manifest is not None
    assert manifest.content == registries.blob(server.repository, DIGEST) == CONTENT
    for read in (registries.manifest, registries.blob, registries.digest):
        with pytest.raises(InvalidContentError, match="sent other content than requested"):
            read(server.repository, other)
    with pytest.raises(InvalidContentError, match="invalid digest in a manifest: 'sha256:0"):
        registries.blob(server.repository, "sha256:0\n")


def test_an_invalid_digest_in_a_header_is_not_used(serve: Serve, login: Login) -> None:
    """The digest is then computed from the content."""
    server = serve(
        lambda handler, _: handler.reply(200, CONTENT, ("Docker-Content-Digest", "sha256:../x"))
    )

    assert login().digest(server.repository, "v1") == DIGEST


def test_large_responses_are_rejected(serve: Serve, login: Login) -> None:
    """Neither the length in the header nor the end of the response is awaited."""

    def respond(handler: Handler, _body: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(2**40))
        handler.end_headers()
        for _ in range(40):
            handler.wfile.write(b" " * 2**20)

    server = serve(respond)
    registries = login()

    with pytest.raises(InvalidContentError, match="exceeds 4 MiB"):
        registries.manifest(server.repository, "v1")
    with pytest.raises(InvalidContentError, match="exceeds 32 MiB"):
        registries.tags(server.repository)
    with pytest.raises(InvalidContentError, match="exceeds 16 MiB"):
        registries.blob(server.repository, DIGEST)


def reject_in_time(login: Login, server: Server, stop: threading.Event) -> None:
    """Check that a manifest is not waited for longer than half a second; then stop the server."""
    started = time.monotonic()
    with pytest.raises(InvalidContentError, match=r"takes longer than 0\.5 seconds"):
        login().manifest(server.repository, "v1")
    stop.set()
    assert time.monotonic() - started < 5


CHUNKED = ("Transfer-Encoding", "chunked")


@pytest.mark.parametrize(
    ("header", "start", "piece"),
    [
        (("Content-Length", "1000000"), b"", b" "),
        (CHUNKED, b"0\r\n", b"X-More: a\r\n"),
        (CHUNKED, b"", b"0"),
        (CHUNKED, b"", b"1\r\n \r\n"),
    ],
)
def test_slow_responses_are_rejected(
    header: tuple[str, str],
    start: bytes,
    piece: bytes,
    serve: Serve,
    login: Login,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each byte of the body, a trailer, or the length of a chunk comes in time, but not all."""
    monkeypatch.setattr(sessions, "TIMEOUT", 0.5)
    stop = threading.Event()

    def respond(handler: Handler, _: bytes) -> None:
        handler.send_response(200)
        handler.send_header(*header)
        handler.end_headers()
        handler.wfile.write(start)
        while not stop.wait(0.05):
            handler.wfile.write(piece)

    reject_in_time(login, serve(respond), stop)


@pytest.mark.parametrize(
    "piece",
    [b"X-More: a\r\n", b"x", b"HTTP/1.1 100 Continue\r\n\r\n"],
)
def test_endless_headers_are_rejected(
    piece: bytes, serve: Serve, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each piece comes in time, but the response never starts."""
    monkeypatch.setattr(sessions, "TIMEOUT", 0.5)
    stop = threading.Event()

    def respond(handler: Handler, _: bytes) -> None:
        if not piece.startswith(b"HTTP"):
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not stop.wait(0.05):
            handler.wfile.write(piece)

    reject_in_time(login, serve(respond), stop)


def test_endless_pages_are_rejected(
    serve: Serve, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list of tags that never ends is an error."""
    monkeypatch.setattr(listings, "MAX_PAGES", 5)

    def respond(handler: Handler, _: bytes) -> None:
        link = ("Link", f'</v2/acme/tags/list?last={len(handler.seen)}>; rel="next"')
        handler.reply(200, b'{"tags": ["a"]}', link)

    server = serve(respond)

    with pytest.raises(InvalidContentError, match="more than 5 pages"):
        login().tags(server.repository)
    assert len(server.seen) == 5


@pytest.mark.parametrize(
    "link",
    [
        '<{}>; rel="next"',
        "<{}>;rel=next",
        '<{}>; REL="NEXT"',
        "<{}>; rel='next'",
        '<{}>;\trel = "prev next"',
        '<{}&a=1;2>; title="a; \\"b, <c>"; rel="next"; rel="prev"',
        '</first>; rel="first", , <{}>; rel="next"',
    ],
)
def test_the_next_page_is_read_however_a_link_is_written(
    serve: Serve, login: Login, link: str
) -> None:
    """An empty page is not the end of a list that continues."""
    pages = [["a"], [], None, ["b"]]

    def respond(handler: Handler, _: bytes) -> None:
        number = len(handler.seen) - 1
        following = link.format(f"/v2/acme/tags/list?last={number}")
        more = (("Link", following),) if number + 1 < len(pages) else ()
        handler.reply(200, json.dumps({"tags": pages[number]}).encode(), *more)

    server = serve(respond)

    assert login().tags(server.repository) == ["a", "b"]


def test_an_empty_page_may_refer_to_a_page_that_was_read(serve: Serve, login: Login) -> None:
    """It ends the list of a registry that refers to a page in each response."""

    def respond(handler: Handler, _: bytes) -> None:
        tags = ["a"] if len(handler.seen) == 1 else []
        handler.reply(200, json.dumps({"tags": tags}).encode(), ("Link", '<?last=a>; rel="next"'))

    server = serve(respond)

    assert login().tags(server.repository) == ["a"]
    assert len(server.seen) == 2


def test_an_empty_page_may_refer_to_the_start(serve: Serve, login: Login) -> None:
    """It ends the list of a registry that names the last entry, which an empty page lacks."""

    def respond(handler: Handler, _: bytes) -> None:
        tags = ["a"] if len(handler.seen) == 1 else []
        link = f'</v2/acme/tags/list?n=9&last={"".join(tags)}>; rel="next"'
        handler.reply(200, json.dumps({"tags": tags}).encode(), ("Link", link))

    server = serve(respond)

    assert login().tags(server.repository) == ["a"]
    assert len(server.seen) == 2


@pytest.mark.parametrize("link", ["/v2/a; rel=next", "<a", "<a>; rel=next x", '<a>; title="b'])
def test_a_link_that_cannot_be_read_is_an_error(serve: Serve, login: Login, link: str) -> None:
    """The list may be incomplete."""
    server = serve(lambda handler, _: handler.reply(200, b'{"tags": ["a"]}', ("Link", link)))

    with pytest.raises(InvalidContentError, match="list of tags is malformed"):
        login().tags(server.repository)


def test_a_redirect_may_be_longer_than_the_content(serve: Serve) -> None:
    """Its page for people does not count as content."""

    def respond(handler: Handler, _: bytes) -> None:
        if handler.path == "/blob":
            handler.reply(200, b"{}")
        else:
            handler.reply(307, b"<a>Temporary Redirect</a>" * 20, ("Location", "/blob"))

    server = serve(respond)
    host = server.repository.partition("/")[0]

    assert Sessions({}).send("GET", f"http://{host}/v2/", {}, limit=2).content == b"{}"


def test_a_manifest_names_its_own_type(serve: Serve, login: Login) -> None:
    """A proxy may send each manifest as a stream of bytes."""
    content = json.dumps({"mediaType": INDEX, "manifests": []}).encode()
    header = ("Content-Type", "application/octet-stream")
    server = serve(lambda handler, _: handler.reply(200, content, header))

    manifest = login().manifest(server.repository, "v1")

    assert manifest is not None
    assert manifest.media_type == INDEX


@pytest.mark.parametrize(
    "body",
    [b"", b"7", b"null", b"\xff", b"[" * 200_000, b'{"a":' * 200_000, b"1" * 5000, b"<html>"],
)
def test_malformed_json_is_an_error_of_the_registry(
    serve: Serve, login: Login, body: bytes
) -> None:
    """No response causes an internal error."""
    server = serve(lambda handler, _: handler.reply(200, body))
    registries = login()

    for call in (registries.tags, lambda name: registries.manifest(name, "v1")):
        with pytest.raises(InvalidContentError, match="did not respond as a registry"):
            call(server.repository)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [([1, "a", None, "../b", "c\n"], ["a"]), (None, []), ([], []), (7, None), ("ab", None)],
)
def test_lists_of_tags_are_validated(
    serve: Serve, login: Login, tags: Any, expected: list[str] | None
) -> None:
    """Names that are not tags are ignored; anything but a list is an error."""
    server = serve(lambda handler, _: handler.reply(200, json.dumps({"tags": tags}).encode()))

    if expected is not None:
        assert login().tags(server.repository) == expected
    else:
        with pytest.raises(InvalidContentError, match="list of tags is malformed"):
            login().tags(server.repository)


@pytest.mark.parametrize(
    "link", ["<http://[>; rel=next", "<>; rel=next;;=", ";", "<x>; rel=", "\xb2"]
)
def test_malformed_links_are_no_internal_error(serve: Serve, login: Login, link: str) -> None:
    """The list ends, or is an error of the registry."""
    server = serve(lambda handler, _: handler.reply(200, b'{"tags": ["a"]}', ("Link", link)))

    with contextlib.suppress(InvalidContentError):
        assert "a" in login().tags(server.repository)


def test_a_malformed_delay_is_ignored(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A superscript digit is a digit for Python, but not a number."""
    monkeypatch.setattr("compiler.external.registry.http._wait", lambda _: False)
    server = serve(lambda handler, _: handler.reply(429, b"", ("Retry-After", "\xb2")))

    with pytest.raises(RegistryError, match="429"):
        Registries({}, attempts=2).tags(server.repository)
    assert len(server.seen) == 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_credentials_do_not_follow_redirects(serve: Serve, login: Login, status: int) -> None:
    """The target gets no authorization, and its challenge is not answered."""
    target = serve(
        lambda handler, _: handler.reply(401, b"", ("WWW-Authenticate", 'Basic realm="r"'))
    )

    def respond(handler: Handler, _: bytes) -> None:
        if handler.headers.get("Authorization") != BASIC:
            handler.reply(401, b"", ("WWW-Authenticate", 'Basic realm="r"'))
        else:
            handler.reply(status, b"", ("Location", f"http://{target.host}/elsewhere"))

    server = serve(respond)
    registries = login(server, target)

    with pytest.raises(RegistryError, match=f"redirects to {target.host}, which responds 401"):
        registries.manifest(server.repository, "v1")
    assert [request[:3] for request in target.seen] == [("GET", "/elsewhere", "")]


def test_uploads_are_not_redirected(serve: Serve, login: Login) -> None:
    """Their content stays with the registry."""
    target = serve(lambda handler, _: handler.reply(202))
    server = serve(
        lambda handler, _: handler.reply(307, b"", ("Location", f"http://{target.host}/"))
    )

    with pytest.raises(RegistryError, match="307") as caught:
        login().check_writable(server.repository)
    assert f"'http://{target.host}/'" in caught.value.diagnostics[0].help
    assert not target.seen


def test_a_refresh_token_is_not_forwarded(serve: Serve, login: Login) -> None:
    """The token server's redirect is an error."""
    target = serve(lambda handler, _: handler.reply(200, b'{"token": "x"}'))

    def respond(handler: Handler, _: bytes) -> None:
        if handler.path.startswith("/token"):
            handler.reply(307, b"", ("Location", f"http://{target.host}/token"))
        else:
            realm = f'Bearer realm="http://{handler.headers["Host"]}/token"'
            handler.reply(401, b"", ("WWW-Authenticate", realm))

    server = serve(respond)
    with pytest.raises(RegistryError, match=r"token server .* responded with 307"):
        login(server, entry={"identitytoken": SECRET}).tags(server.repository)
    assert not target.seen
    assert any(SECRET.encode() in body for *_, body in server.seen)


@pytest.mark.parametrize(
    ("host", "realm", "trusted"),
    [
        ("r.example", "https://auth.example/token", True),
        ("r.example", "http://auth.example/token", False),
        ("r.example", "http://r.example/token", False),
        ("lan.example:5000", "http://lan.example:5001/token", True),
        ("lan.example:5000", "http://other.example/token", False),
        ("lan.example:5000", "https://other.example/token", True),
        ("127.0.0.1:5000", "http://localhost:5001/token", True),
        ("127.0.0.1:5000", "http://auth.example/token", False),
        ("r.example", "HTTPS://auth.example:443/token?a=b#c", True),
    ],
)
def test_trusted_token_servers(host: str, realm: str, trusted: bool) -> None:  # noqa: FBT001
    """A token server needs TLS, unless the registry has none and both are one host."""
    server = parse_realm(realm)
    assert server is not None
    assert Sessions({PLAIN_HTTP: "lan.example:5000"}).trusts_realm(host, server) is trusted


@pytest.mark.parametrize(
    "realm",
    [
        "http://other.example\\\\@HOST/token",
        "http://other.example@HOST/token",
        "http://HOST\\\\token",
        "http://HOST/to ken",
        "http://HOST/to\x7fken",
        "http://HO\tST/token",
        "http://HOST\xe9/token",
        "https://HOST9999/token",
        "https://[::1/token",
        "ftp://HOST/token",
        "https://",
        "//HOST/token",
        "registry.example",
    ],
)
def test_invalid_token_servers(realm: str, serve: Serve, login: Login) -> None:
    """Parsers of URLs disagree about them: no credentials are sent to any host."""

    def respond(handler: Handler, _: bytes) -> None:
        value = realm.replace("HOST", handler.headers["Host"])
        handler.reply(401, b"", ("WWW-Authenticate", f'Bearer realm="{value}"'))

    server = serve(respond)
    with pytest.raises(InvalidContentError, match="names an invalid token server"):
        login(server).tags(server.repository)
    assert [authorization for _, _, authorization, _ in server.seen] == [""]


@pytest.mark.parametrize("status", [429, 503, 400])
def test_a_busy_token_server(
    status: int, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The delay that it asks for counts, and the error quotes it."""
    delays: list[float] = []
    monkeypatch.setattr("compiler.external.registry.http._wait", delays.append)
    body = b'{"errors": [{"code": "TOOMANYREQUESTS", "message": "the limit of pulls is reached"}]}'

    def respond(handler: Handler, _: bytes) -> None:
        if handler.path.startswith("/token"):
            handler.reply(status, body, ("Retry-After", "7"))
        else:
            realm = f'Bearer realm="http://{handler.headers["Host"]}/token"'
            handler.reply(401, b"", ("WWW-Authenticate", realm))

    server = serve(respond)
    message = f"the token server {server.host} responded with {status} the limit of pulls"
    with pytest.raises(RegistryError, match=message) as caught:
        Registries({"DOCKER_CONFIG": str(tmp_path)}, attempts=3).tags(server.repository)
    assert caught.value.diagnostics[0].code is Code.REGISTRY_ERROR
    assert delays == [7.0, 7.0]


def test_the_parameters_of_a_token_server(serve: Serve, login: Login) -> None:
    """The query of its URL is kept."""

    def respond(handler: Handler, _: bytes) -> None:
        if handler.path.startswith("/token"):
            handler.reply(200, b'{"token": "x"}')
        elif handler.headers.get("Authorization") == "Bearer x":
            handler.reply(200, b'{"tags": ["v1"]}')
        else:
            realm = f'Bearer realm="http://{handler.headers["Host"]}/token?a=b#c",service="s t"'
            handler.reply(401, b"", ("WWW-Authenticate", realm))

    server = serve(respond)
    assert login(server).tags(server.repository) == ["v1"]
    paths = [path for _, path, _, _ in server.seen if path.startswith("/token")]
    assert paths == ["/token?a=b&scope=repository%3Aacme%3Apull&service=s+t"]


def test_a_redirect_whose_host_is_ambiguous(serve: Serve, login: Login) -> None:
    """A backslash ends the host for some parsers, and is part of the user for others."""
    target = serve(lambda handler, _: handler.reply(200, b"{}"))
    server = serve(
        lambda handler, _: handler.reply(
            307, b"", ("Location", f"http://{target.host}\\@{handler.headers['Host']}/x")
        )
    )
    with pytest.raises(InvalidContentError, match="invalid address"):
        login(server).tags(server.repository)
    assert not target.seen


def test_tls_is_never_left() -> None:
    """A redirect, or the address of an upload, must not lead to plain HTTP."""
    for location in ("http://r.example/x", "ftp://r.example/", "http://[", "file:///etc/passwd"):
        with pytest.raises(UnexpectedResponseError):
            sessions.join_url("https://r.example/v2/", location)
    assert sessions.join_url("https://r.example/v2/", "/x#y") == "https://r.example/x"


@pytest.mark.parametrize(
    "challenges",
    [
        ["Negotiate", 'Basic realm="r"'],
        ['Negotiate, Basic realm="r"'],
        ["Bearer realm=http://HOST/token,service=r"],
        ['Basic realm="r", Bearer realm="http://HOST/token", service="r"'],
        ['Bearer realm="http://untrusted.example/token"', "Basic realm=r"],
    ],
)
def test_several_challenges(serve: Serve, login: Login, challenges: list[str]) -> None:
    """The first that can be answered is answered, in one header or in several."""

    def respond(handler: Handler, _: bytes) -> None:
        authorization = handler.headers.get("Authorization")
        if handler.path.startswith("/token"):
            token = b'{"access_token": "abc"}' if authorization == BASIC else b"{}"
            handler.reply(200, token)
        elif authorization in {BASIC, "Bearer abc"}:
            handler.reply(200, b'{"tags": ["a"]}')
        else:
            host = handler.headers["Host"]
            fields = [("WWW-Authenticate", text.replace("HOST", host)) for text in challenges]
            handler.reply(401, b"", *fields)

    server = serve(respond)

    assert login(server).tags(server.repository) == ["a"]


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{}", b'{"token": 7}', b'{"token": "a\\nb"}', b'{"token": "\\u00e9"}', b"[" * 99999],
)
def test_malformed_tokens(serve: Serve, login: Login, body: bytes) -> None:
    """A token that cannot be part of a header is an error."""

    def respond(handler: Handler, _: bytes) -> None:
        realm = f'Bearer realm="http://{handler.headers["Host"]}/token"'
        if handler.path.startswith("/token"):
            handler.reply(200, body)
        else:
            handler.reply(401, b"", ("WWW-Authenticate", realm))

    server = serve(respond)
    with pytest.raises(RegistryError, match=r"no valid token|did not respond as a registry"):
        login(server).tags(server.repository)


@pytest.mark.parametrize(("writable", "code"), [(True, None), (False, Code.REGISTRY_DENIED)])
def test_a_repository_that_does_not_exist_yet(
    serve: Serve,
    login: Login,
    writable: bool,  # noqa: FBT001
    code: Code | None,
) -> None:
    """Docker Hub denies reading it; whoever may write to it can create it."""

    def respond(handler: Handler, _: bytes) -> None:
        if handler.headers.get("Authorization") and handler.command == "POST" and writable:
            handler.reply(202, b"", ("Location", "/v2/acme/blobs/uploads/1"))
        elif handler.command == "DELETE":
            handler.reply(204)
        else:
            error = b'{"errors": [{"code": "UNAUTHORIZED", "message": "no\\u001b[31m access"}]}'
            handler.reply(401, error, ("WWW-Authenticate", "Basic realm=r"))

    server = serve(respond)
    registries = login(server)

    if code is None:
        assert registries.digest(server.repository, "v1") is None
        assert registries.manifest(server.repository, "v1") is None
        assert registries.tags(server.repository) == []
    else:
        with pytest.raises(RegistryError, match=r"denied \(401\): no\[31m access$") as caught:
            registries.tags(server.repository)
        assert caught.value.diagnostics[0].code is code


def test_a_registry_that_does_not_create_repositories(serve: Serve, login: Login) -> None:
    """Its own text is quoted, with the remedy."""
    text = "The repository with name 'acme' does not exist in the registry with id '1'"
    body = json.dumps({"errors": [{"code": "NAME_UNKNOWN", "message": text}, 7]}).encode()
    server = serve(lambda handler, _: handler.reply(404, body))

    with pytest.raises(RegistryError, match=text) as caught:
        login().check_writable(server.repository)
    assert caught.value.diagnostics[0].help.startswith("create the repository first")
    assert login().tags(server.repository) == []


RECORD = ReleaseRecord(release="v1", targets=()).to_text().encode()


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"[" * 100_000,
        b'{"version": 1}',
        b'{"version": 1, "release": "v1", "targets": []}',
        b'{"version": 1, "release": "v2", "targets": [{}]}',
        b'{"version": 1, "release": "v2", "targets": [7]}',
        None,
    ],
)
def test_a_damaged_record_does_not_block_others(
    serve: Serve, login: Login, damaged: bytes | None
) -> None:
    """Its error takes its place; the other records are returned."""
    blobs = {"v1": RECORD, "v2": b"" if damaged is None else damaged}
    digests = {name: f"sha256:{sha256(blob).hexdigest()}" for name, blob in blobs.items()}

    def respond(handler: Handler, _: bytes) -> None:
        kind, _slash, name = handler.path.removeprefix("/v2/acme/").partition("/")
        if kind == "manifests":
            digest = digests[name.removeprefix("release-")]
            layers = [{"mediaType": MEDIA_TYPE, "digest": digest}]
            handler.reply(200, json.dumps({"layers": layers}).encode())
        elif name == digests["v1"]:
            handler.reply(200, RECORD)
        else:
            handler.reply(200, RECORD if damaged is None else damaged)

    server = serve(respond)

    records = pull_records(login(), server.repository, ["v2", "v1"])

    assert list(records) == ["v2", "v1"]
    assert isinstance(records["v2"], InvalidContentError)
    assert records["v1"] == ReleaseRecord(release="v1", targets=())


NO_REPOSITORY, DENIED, REJECTED = "does not exist, and", "denied (404)", "cannot write to"
CODES = {
    "NAME_UNKNOWN": (NO_REPOSITORY, True),
    "NOT_FOUND": (NO_REPOSITORY, True),  # Harbor
    "BLOB_UNKNOWN": (REJECTED, True),
    "BLOB_UPLOAD_INVALID": (REJECTED, True),
    "BLOB_UPLOAD_UNKNOWN": (REJECTED, True),
    "DIGEST_INVALID": (REJECTED, True),
    "MANIFEST_BLOB_UNKNOWN": (REJECTED, True),
    "MANIFEST_INVALID": (REJECTED, True),
    "MANIFEST_UNKNOWN": (REJECTED, True),
    "NAME_INVALID": (REJECTED, True),
    "SIZE_INVALID": (REJECTED, True),
    "UNSUPPORTED": (REJECTED, True),
    "TOOMANYREQUESTS": (REJECTED, False),
    "DENIED": (DENIED, False),
    "UNAUTHORIZED": (DENIED, False),
}


@pytest.mark.parametrize("code", CODES)
def test_codes_of_a_missing_page(
    code: str, serve: Serve, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 404 with a code of the distribution specification: what is missing, or who is denied."""
    monkeypatch.setattr("compiler.external.registry.uploads.pause", lambda _: False)
    message, is_missing = CODES[code]
    body = json.dumps({"errors": [{"code": code, "message": "why"}]}).encode()
    server = serve(lambda handler, _: handler.reply(404, body))
    registries = login()

    with pytest.raises(RegistryError, match=re.escape(message)):
        registries.put_manifest(server.repository, "t", client.Manifest(DIGEST, "a/b", CONTENT))
    if is_missing:
        assert registries.manifest(server.repository, "t") is None
    else:
        with pytest.raises(RegistryError):
            registries.manifest(server.repository, "t")


def _date(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("status", "code", "after", "least", "most"),
    [
        (429, "TOOMANYREQUESTS", "7", 7, 7),
        (400, "TOOMANYREQUESTS", "7", 7, 7),
        (429, "", "date", 25, 30),
        (503, "", "9" * 400, 60, 60),
        (503, "", "Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        (503, "", "Wed, 21 Oct 99999 07:28:00 GMT", 0.5, 0.5),
        (503, "", "soon", 0.5, 0.5),
    ],
)
def test_the_delay_that_a_registry_asks_for(
    status: int,
    code: str,
    after: str,
    least: float,
    most: float,
    serve: Serve,
    login: Login,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a number of seconds or as a date, with any status."""
    delays: list[float] = []
    body = json.dumps({"errors": [{"code": code}]}).encode()
    after = _date(30) if after == "date" else after

    def respond(handler: Handler, _: bytes) -> None:
        answer = (200, CONTENT) if delays else (status, body)
        handler.reply(*answer, ("Retry-After", after))

    monkeypatch.setattr("compiler.external.registry.http._wait", delays.append)
    server = serve(respond)
    login()

    assert Registries({}, attempts=2).manifest(server.repository, "t") is not None
    assert least <= delays[0] <= most


@pytest.mark.parametrize("kind", [["x"], {}, 5, None])
def test_the_type_of_an_artifact_of_any_shape(kind: object, serve: Serve, login: Login) -> None:
    """It is neither a record nor a mark."""
    content = json.dumps({"layers": [{"mediaType": kind, "digest": DIGEST}]}).encode()
    server = serve(lambda handler, _: handler.reply(200, content))

    assert pull_records(login(), server.repository, ["1"]) == {}
