"""Registries over HTTP: logins, tokens, pages, faults that pass; against a server on loopback."""

from __future__ import annotations

import base64
import http.server
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme

from compiler.external.registry.client import PLAIN, Registries, RegistryError
from compiler.external.registry.credentials import Login, login
from compiler.external.registry.http import Sender


SECRET = "s3cret-of-a-user"  # noqa: S105
TOKEN = "token-that-was-given"  # noqa: S105
DIGEST = f"sha256:{'0' * 64}"


class Handler(http.server.BaseHTTPRequestHandler):
    """A registry that wants a token for everything, and answers a few questions."""

    protocol_version = "HTTP/1.1"
    faults: list[int]
    seen: list[tuple[str, str, str]]
    basic = False

    def _answer(self, code: int, body: bytes = b"", **headers: str) -> None:
        self.send_response_only(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _all(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        said = self.headers.get("Authorization", "")
        self.seen.append((self.command, self.path, said))
        place = urlsplit(self.path)
        if place.path == "/token":
            form = parse_qs(body) or parse_qs(place.query)
            known = said == f"Basic {base64.b64encode(f'ann:{SECRET}'.encode()).decode()}"
            known = known or form.get("refresh_token") == [SECRET]
            self._answer(200 if known else 401, json.dumps({"token": TOKEN}).encode())
        elif self.faults:
            self._answer(self.faults.pop(0), b"not now")
        elif said != (
            f"Basic {base64.b64encode(f'ann:{SECRET}'.encode()).decode()}"
            if self.basic
            else f"Bearer {TOKEN}"
        ):
            host = self.headers["Host"]
            how = f'Bearer realm="http://{host}/token",service="here"'
            self._answer(401, WWW_Authenticate='Basic realm="here"' if self.basic else how)
        elif place.path.startswith("/v2/page/"):
            self._answer(200, b"<html>Welcome</html>", Content_Type="text/html")
        elif place.path.endswith("/tags/list"):
            last = "last=b" in place.query
            following = {} if last else {"Link": f'<{place.path}?last=b&n=2>; rel="next"'}
            self._answer(
                200, json.dumps({"tags": ["c"] if last else ["a", "b"]}).encode(), **following
            )
        elif place.path.endswith("/manifests/there"):
            self._answer(200, b"{}", Docker_Content_Digest=DIGEST)
        elif self.command == "POST" and "/closed/" in place.path:
            self._answer(403, b'{"errors": [{"code": "DENIED"}]}')
        elif self.command == "POST":
            self._answer(202, Location="/v2/upload/1?state=x")
        elif self.command == "DELETE":
            self._answer(204)
        else:
            self._answer(404)

    do_GET = do_HEAD = do_POST = do_DELETE = _all  # noqa: N815 - as the server calls them

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[tuple[str, type[Handler]]]:
    """Give the address of such a registry, and what it saw."""
    handler = type("Own", (Handler,), {"faults": [], "seen": []})
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{running.server_address[1]}", handler
    running.shutdown()
    running.server_close()


def logged_in(folder: Path, settings: object) -> dict[str, str]:
    """Return an environment with these settings of Docker's."""
    (folder / "config.json").write_text(json.dumps(settings))
    return {"DOCKER_CONFIG": str(folder), "PATH": os.environ["PATH"], "HOME": str(folder)}


def kept(host: str) -> dict[str, object]:
    """Return settings with a login as `docker login` keeps it."""
    return {"auths": {host: {"auth": base64.b64encode(f"ann:{SECRET}".encode()).decode()}}}


def test_a_token_is_asked_for_once(server: tuple[str, type[Handler]], tmp_path: Path) -> None:
    """The challenge is answered with the user's login, and the token is used again."""
    host, handler = server
    registries = Registries(logged_in(tmp_path, kept(host)))

    assert registries.digest(f"{host}/acme", "there") == DIGEST
    assert registries.digest(f"{host}/acme", "elsewhere") is None
    asked = [urlsplit(path) for _, path, _ in handler.seen if path.startswith("/token")]
    assert [parse_qs(place.query)["scope"] for place in asked] == [["repository:acme:pull"]]


def test_a_registry_without_tokens(server: tuple[str, type[Handler]], tmp_path: Path) -> None:
    """Basic authentication will do."""
    host, handler = server
    handler.basic = True

    assert Registries(logged_in(tmp_path, kept(host))).digest(f"{host}/acme", "there") == DIGEST


def test_an_identity_token(server: tuple[str, type[Handler]], tmp_path: Path) -> None:
    """It is exchanged for the token of the repository."""
    host, _ = server
    settings = {"auths": {host: {"identitytoken": SECRET}}}

    assert Registries(logged_in(tmp_path, settings)).digest(f"{host}/acme", "there") == DIGEST


def test_without_a_login(server: tuple[str, type[Handler]], tmp_path: Path) -> None:
    """It is told to log in, and that is no answer to what is there."""
    host, _ = server

    with pytest.raises(RegistryError, match="log in, by `docker login`, for none is kept"):
        Registries(logged_in(tmp_path, {})).digest(f"{host}/acme", "there")


def test_pages_of_tags(server: tuple[str, type[Handler]], tmp_path: Path) -> None:
    """All pages are read."""
    host, _ = server

    assert Registries(logged_in(tmp_path, kept(host))).tags(f"{host}/acme") == ["a", "b", "c"]


@pytest.mark.parametrize("question", ["digest", "manifest", "tags"])
def test_a_web_page_is_no_answer(
    server: tuple[str, type[Handler]], tmp_path: Path, question: str
) -> None:
    """Whatever answers everything with a page is no registry that has everything."""
    host, _ = server
    registries = Registries(logged_in(tmp_path, kept(host)))
    words = [f"{host}/page"] if question == "tags" else [f"{host}/page", "v1"]

    with pytest.raises(RegistryError, match="does not answer as a registry"):
        getattr(registries, question)(*words)


def test_whether_it_can_be_written(server: tuple[str, type[Handler]], tmp_path: Path) -> None:
    """An upload is begun and taken back; a refusal says so without the login."""
    host, handler = server
    registries = Registries(logged_in(tmp_path, kept(host)))

    registries.check_writable(f"{host}/open")

    assert [method for method, _, _ in handler.seen][-2:] == ["POST", "DELETE"]
    with pytest.raises(RegistryError, match=r"closed be written to \(403\)") as caught:
        registries.check_writable(f"{host}/closed")
    assert str(caught.value).endswith("as who may, for the login that is kept is refused")
    assert SECRET not in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_faults_that_pass(
    server: tuple[str, type[Handler]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """500 and 429 are asked again; what does not pass is said."""
    host, handler = server
    waits: list[float] = []
    monkeypatch.setattr("compiler.external.registry.http._pause", waits.append)
    registries = Registries(logged_in(tmp_path, kept(host)))
    handler.faults[:] = [500, 429, 503]

    assert registries.digest(f"{host}/acme", "there") == DIGEST
    assert waits == [0.5, 1.0, 2.0]
    handler.faults[:] = [503] * 50
    with pytest.raises(RegistryError, match="503"):
        registries.digest(f"{host}/acme", "there")


def test_a_name_that_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is misspelt, most likely: that is said soon."""
    waits: list[float] = []
    monkeypatch.setattr("compiler.external.registry.http._pause", waits.append)

    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(RegistryError, match=r"^registry\.test does not answer: no such name"):
        Registries(logged_in(tmp_path, {})).digest("registry.test/acme", "there")
    assert waits == [0.5, 1.0]


def test_a_helper_gives_the_login(tmp_path: Path) -> None:
    """A credential helper is asked by the registry's name; Docker Hub's is its old address."""
    helper = tmp_path / "docker-credential-mine"
    helper.write_text(
        '#!/bin/sh\nread host\necho "{\\"Username\\": \\"$host\\", \\"Secret\\": \\"x\\"}"\n'
    )
    helper.chmod(0o755)
    env = logged_in(tmp_path, {"credsStore": "mine", "credHelpers": {"other.example": "none"}})
    env["PATH"] = f"{tmp_path}{os.pathsep}{env['PATH']}"

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", env["PATH"])

        assert login("registry.example", env) == Login("registry.example", "x")
        assert login("docker.io", env) == Login("https://index.docker.io/v1/", "x")
        assert login("other.example", env) is None


@pytest.mark.parametrize("host", ["r.example:5000", "docker.io"])
def test_logins_of_the_environment(host: str, tmp_path: Path) -> None:
    """DOCKER_AUTH_CONFIG comes first, as for the docker command; what it lacks is looked up."""
    key = "https://index.docker.io/v1/" if host == "docker.io" else host
    other = base64.b64encode(b"bob:x").decode()
    environment = logged_in(tmp_path, {"auths": {key: {"auth": other}}})

    for text in ("", "no JSON", '["auths"]', json.dumps({"auths": {"other.example": {}}})):
        assert login(host, {**environment, "DOCKER_AUTH_CONFIG": text}) == Login("bob", "x")

    given = {**environment, "DOCKER_AUTH_CONFIG": json.dumps(kept(key))}
    assert login(host, given) == Login("ann", SECRET)


def test_plain_http_is_for_loopback_and_who_is_named() -> None:
    """Nothing else is ever asked without TLS."""
    sender = Sender({PLAIN: "registry.lan:5000"})
    addresses = {
        host: sender.address(host)
        for host in (
            "localhost:5000",
            "127.0.0.1",
            "registry.lan:5000",
            "acme.example",
            "docker.io",
        )
    }

    assert addresses == {
        "localhost:5000": "http://localhost:5000",
        "127.0.0.1": "http://127.0.0.1",
        "registry.lan:5000": "http://registry.lan:5000",
        "acme.example": "https://acme.example",
        "docker.io": "https://registry-1.docker.io",
    }


@pytest.fixture
def secured(
    server: tuple[str, type[Handler]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[tuple[str, Path]]:
    """Give such a registry's host, which speaks TLS and asks for names, and authorities' files."""
    _, handler = server
    handler.basic = True
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("registry.test").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    running.socket = context.wrap_socket(running.socket, server_side=True)
    running.handle_error = lambda *_: None  # type: ignore[method-assign]
    threading.Thread(target=running.serve_forever, daemon=True).start()
    port = running.server_address[1]
    asked = socket.getaddrinfo

    def here(host: str, *more: Any, **options: Any) -> Any:
        assert host == "registry.test"
        return asked("127.0.0.1", *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", here)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    ann = authority.issue_cert("ann@registry.test")
    ann.private_key_pem.write_to_path(tmp_path / "ann.key")
    for blob in ann.cert_chain_pems:
        blob.write_to_path(tmp_path / "ann.cert", append=True)
    yield f"registry.test:{port}", tmp_path
    running.shutdown()
    running.server_close()


@pytest.mark.parametrize("place", [".config/docker/certs.d", "certs.d"])
def test_certificates_of_docker(secured: tuple[str, Path], tmp_path: Path, place: str) -> None:
    """The authority and the user's certificate are those that Docker has for the registry."""
    host, files = secured
    environment = logged_in(tmp_path, kept(host))
    folder = tmp_path / place / host
    folder.mkdir(parents=True)
    shutil.copy(files / "authority.pem", folder / "ca.crt")
    for name in ("ann.cert", "ann.key"):
        shutil.copy(files / name, folder)

    assert Registries(environment).digest(f"{host}/acme", "there") == DIGEST
    (folder / "ca.crt").write_text("nothing")
    with pytest.raises(RegistryError, match=r"ca\.crt is no certificate"):
        Registries(environment).digest(f"{host}/acme", "there")
    (folder / "ca.crt").unlink()
    with pytest.raises(RegistryError, match=r"does not speak TLS that is trusted here: .*certs\.d"):
        Registries(environment).digest(f"{host}/acme", "there")
    (folder / "ann.key").unlink()
    with pytest.raises(RegistryError, match=r"ann\.cert cannot be used: No such file"):
        Registries(environment).digest(f"{host}/acme", "there")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is no file")
def test_authorities_of_the_machine(
    secured: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who the machine trusts is trusted, not only those that a library brings along."""
    host, files = secured
    environment = logged_in(tmp_path, kept(host))
    folder = tmp_path / "certs.d" / host
    folder.mkdir(parents=True)
    for name in ("ann.cert", "ann.key"):
        shutil.copy(files / name, folder)
    monkeypatch.setenv("SSL_CERT_FILE", str(files / "authority.pem"))

    assert Registries(environment).digest(f"{host}/acme", "there") == DIGEST


ASKING = """
import os, sys
from compiler.external.registry.client import Registries
from compiler.external.registry.parallel import at_once
registries = Registries(os.environ)
try:
    at_once(lambda tag: registries.digest(sys.argv[1], tag), {str(n): str(n) for n in range(20)})
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("silent", [False, True])
def test_an_interrupt_does_not_wait_for_answers(tmp_path: Path, *, silent: bool) -> None:
    """Neither for one that never comes, nor for another attempt; what was not begun is left."""
    seen: list[str] = []
    all_there, free = threading.Event(), threading.Event()

    class Stubborn(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            seen.append(self.path)
            if len(seen) == 8:
                all_there.set()
            if silent:
                free.wait()
            self.send_response(503)
            self.send_header("Retry-After", "60")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stubborn) as running:
        running.daemon_threads = True
        threading.Thread(target=running.serve_forever, daemon=True).start()
        host = f"127.0.0.1:{running.server_address[1]}"
        asking = subprocess.Popen(
            [sys.executable, "-c", ASKING, f"{host}/acme"],
            env={**os.environ, "DOCKER_CONFIG": str(tmp_path)},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert all_there.wait(60)
        asking.send_signal(signal.SIGINT)
        _, said = asking.communicate(timeout=55)
        free.set()
        running.shutdown()

    assert asking.returncode == 130
    assert not said
    assert len(seen) == 8
