"""Access to registries: credentials, tokens, pages, retries; against a server on loopback."""

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
from support import loopback
from support.loopback import Server, serving, start

from compiler.codes import Code
from compiler.errors import Repository
from compiler.external.registry.client import PLAIN_HTTP, Registries, RegistryError
from compiler.external.registry.credential_helpers import Credentials
from compiler.external.registry.credentials import find_credentials
from compiler.external.registry.parallel import MAX_WORKERS
from compiler.external.registry.scopes import Scope
from compiler.external.registry.sessions import Sessions


SECRET = "s3cret-of-a-user"  # noqa: S105
TOKEN = "token-from-the-server"  # noqa: S105
DIGEST = f"sha256:{'0' * 64}"


class Handler(loopback.Handler):
    """A small registry that requires a token, or basic authentication, for every request."""

    failures: list[int]
    seen: list[tuple[str, str, str]]
    """Method, path and authorization of each request."""
    basic = False

    def _respond(self, code: int, body: bytes = b"", **headers: str) -> None:
        self.send(code, body, ((name.replace("_", "-"), value) for name, value in headers.items()))

    def answer(self, body: bytes) -> None:
        """Respond to a request."""
        authorization = self.headers.get("Authorization", "")
        self.seen.append((self.command, self.path, authorization))
        url = urlsplit(self.path)
        if url.path == "/token":
            form = parse_qs(body.decode()) or parse_qs(url.query)
            known = authorization == f"Basic {base64.b64encode(f'ann:{SECRET}'.encode()).decode()}"
            known = known or form.get("refresh_token") == [SECRET]
            self._respond(200 if known else 401, json.dumps({"token": TOKEN}).encode())
        elif self.failures:
            self._respond(self.failures.pop(0), b"unavailable")
        elif authorization != (
            f"Basic {base64.b64encode(f'ann:{SECRET}'.encode()).decode()}"
            if self.basic
            else f"Bearer {TOKEN}"
        ):
            host = self.headers["Host"]
            challenge = f'Bearer realm="http://{host}/token",service="here"'
            self._respond(401, WWW_Authenticate='Basic realm="here"' if self.basic else challenge)
        elif url.path.startswith("/v2/page/"):
            self._respond(200, b"<html>Welcome</html>", Content_Type="text/html")
        elif url.path.endswith("/tags/list"):
            last = "last=b" in url.query
            following = {} if last else {"Link": f'<{url.path}?last=b&n=2>; rel="next"'}
            self._respond(
                200, json.dumps({"tags": ["c"] if last else ["a", "b"]}).encode(), **following
            )
        elif url.path.endswith("/manifests/present"):
            self._respond(200, b"{}", Docker_Content_Digest=DIGEST)
        elif self.command == "POST" and "/closed/" in url.path:
            self._respond(403, b'{"errors": [{"code": "DENIED"}]}')
        elif self.command == "POST":
            self._respond(202, Location="/v2/upload/1?state=x")
        elif self.command == "DELETE":
            self._respond(204)
        else:
            self._respond(404)


@pytest.fixture
def server() -> Iterator[tuple[str, type[Handler]]]:
    """Provide the address of such a registry, and its handler."""
    handler = type("OwnHandler", (Handler,), {"failures": [], "seen": []})
    with serving(handler) as running:
        yield running.host, handler


def with_settings(folder: Path, settings: object) -> dict[str, str]:
    """Return an environment with these settings of Docker."""
    (folder / "config.json").write_text(json.dumps(settings))
    return {"DOCKER_CONFIG": str(folder), "PATH": os.environ["PATH"], "HOME": str(folder)}


def stored(host: str) -> dict[str, object]:
    """Return settings with credentials as `docker login` stores them."""
    return {"auths": {host: {"auth": base64.b64encode(f"ann:{SECRET}".encode()).decode()}}}


def test_a_token_is_requested_once(server: tuple[str, type[Handler]], tmp_path: Path) -> None:
    """The token is requested with the user's credentials, and reused."""
    host, handler = server
    registries = Registries(with_settings(tmp_path, stored(host)))

    assert registries.digest(f"{host}/acme", "present") == DIGEST
    assert registries.digest(f"{host}/acme", "missing") is None
    urls = [urlsplit(path) for _, path, _ in handler.seen if path.startswith("/token")]
    assert [parse_qs(url.query)["scope"] for url in urls] == [["repository:acme:pull"]]


def test_basic_authentication(server: tuple[str, type[Handler]], tmp_path: Path) -> None:
    """A registry without a token server accepts user and password."""
    host, handler = server
    handler.basic = True

    assert (
        Registries(with_settings(tmp_path, stored(host))).digest(f"{host}/acme", "present")
        == DIGEST
    )


def test_an_identity_token(server: tuple[str, type[Handler]], tmp_path: Path) -> None:
    """It is exchanged for an access token of the repository."""
    host, _ = server
    settings = {"auths": {host: {"identitytoken": SECRET}}}

    assert Registries(with_settings(tmp_path, settings)).digest(f"{host}/acme", "present") == DIGEST


def test_without_credentials(server: tuple[str, type[Handler]], tmp_path: Path) -> None:
    """Denied access is an error with a remedy: the image does not count as missing."""
    host, _ = server

    with pytest.raises(RegistryError, match=r"acme denied \(401\)") as caught:
        Registries(with_settings(tmp_path, {})).digest(f"{host}/acme", "present")

    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == Code.REGISTRY_DENIED
    assert diagnostic.location == Repository(name=f"{host}/acme")
    assert diagnostic.help == "no credentials are stored: run `docker login`"


def test_pages_of_tags(server: tuple[str, type[Handler]], tmp_path: Path) -> None:
    """All pages are read."""
    host, _ = server

    assert Registries(with_settings(tmp_path, stored(host))).tags(f"{host}/acme") == ["a", "b", "c"]


@pytest.mark.parametrize("method", ["digest", "manifest", "tags"])
def test_a_web_page_is_not_a_registry(
    server: tuple[str, type[Handler]], tmp_path: Path, method: str
) -> None:
    """A server that responds to everything with a page does not contain everything."""
    host, _ = server
    registries = Registries(with_settings(tmp_path, stored(host)))
    arguments = [f"{host}/page"] if method == "tags" else [f"{host}/page", "v1"]

    with pytest.raises(RegistryError, match="did not respond as a registry"):
        getattr(registries, method)(*arguments)


def test_write_access(server: tuple[str, type[Handler]], tmp_path: Path) -> None:
    """An upload is started and cancelled; an error contains no secret."""
    host, handler = server
    registries = Registries(with_settings(tmp_path, stored(host)))

    registries.check_writable(f"{host}/open")

    assert [method for method, _, _ in handler.seen][-2:] == ["POST", "DELETE"]
    with pytest.raises(RegistryError, match=r"closed denied \(403\)") as caught:
        registries.check_writable(f"{host}/closed")
    assert caught.value.diagnostics[0].help.startswith("the stored credentials were rejected")
    assert SECRET not in repr(caught.value.diagnostics)
    assert TOKEN not in repr(caught.value.diagnostics)


def test_transient_errors_are_retried(
    server: tuple[str, type[Handler]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """500 and 429 are retried; the last failure is reported."""
    host, handler = server
    delays: list[float] = []
    monkeypatch.setattr("compiler.external.registry.http._wait", delays.append)
    registries = Registries(with_settings(tmp_path, stored(host)))
    handler.failures[:] = [520, 429, 503]

    assert registries.digest(f"{host}/acme", "present") == DIGEST
    assert delays == [0.5, 1.0, 2.0]
    handler.failures[:] = [503] * 50
    with pytest.raises(RegistryError, match="503"):
        registries.digest(f"{host}/acme", "present")


def test_an_unknown_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is most likely misspelt, so there are few attempts."""
    delays: list[float] = []
    monkeypatch.setattr("compiler.external.registry.http._wait", delays.append)

    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(RegistryError, match=r"^cannot reach registry\.test: unknown host name"):
        Registries(with_settings(tmp_path, {})).digest("registry.test/acme", "present")
    assert delays == [0.5, 1.0]


def test_a_credential_helper(tmp_path: Path) -> None:
    """It is called with the registry's host; for Docker Hub with its old URL."""
    helper = tmp_path / "docker-credential-mine"
    helper.write_text(
        '#!/bin/sh\nread host\necho "{\\"Username\\": \\"$host\\", \\"Secret\\": \\"x\\"}"\n'
    )
    helper.chmod(0o755)
    env = with_settings(tmp_path, {"credsStore": "mine"})
    env["PATH"] = f"{tmp_path}{os.pathsep}{env['PATH']}"

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", env["PATH"])

        for host, key in (("r.example", "r.example"), ("docker.io", "https://index.docker.io/v1/")):
            found = find_credentials(Scope(host, "acme/app"), env)
            assert found == Credentials(key, "x", helper="mine")


@pytest.mark.parametrize("host", ["r.example:5000", "docker.io"])
def test_credentials_in_the_environment(host: str, tmp_path: Path) -> None:
    """DOCKER_AUTH_CONFIG has precedence, as in the docker command; other registries fall back."""
    key = "https://index.docker.io/v1/" if host == "docker.io" else host
    other = base64.b64encode(b"bob:x").decode()
    environment = with_settings(tmp_path, {"auths": {key: {"auth": other}}})

    for text in ("", "{}", json.dumps({"auths": {"other.example": {}}})):
        own = {**environment, "DOCKER_AUTH_CONFIG": text}
        assert find_credentials(Scope(host, "acme/app"), own) == Credentials("bob", "x")

    overridden = {**environment, "DOCKER_AUTH_CONFIG": json.dumps(stored(key))}
    assert find_credentials(Scope(host, "acme/app"), overridden) == Credentials("ann", SECRET)


def test_plain_http_is_for_loopback_and_listed_hosts() -> None:
    """All other registries are accessed with TLS."""
    sessions = Sessions({PLAIN_HTTP: "registry.lan:5000"})
    addresses = {
        host: sessions.address(host)
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
    """Provide a registry with TLS that requires client certificates, and the certificates."""
    _, handler = server
    handler.basic = True
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("registry.test").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    running = Server(("127.0.0.1", 0), handler)
    running.socket = context.wrap_socket(running.socket, server_side=True)
    start(running)
    port = running.server_address[1]
    getaddrinfo = socket.getaddrinfo

    def loopback(host: str, *more: Any, **options: Any) -> Any:
        assert host == "registry.test"
        return getaddrinfo("127.0.0.1", *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", loopback)
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


@pytest.mark.slow
@pytest.mark.parametrize("settings", [".config/docker/certs.d", "certs.d"])
def test_certificates_of_docker(secured: tuple[str, Path], tmp_path: Path, settings: str) -> None:
    """The authority and the client certificate in Docker's settings are used."""
    host, files = secured
    environment = with_settings(tmp_path, stored(host))
    folder = tmp_path / settings / host
    folder.mkdir(parents=True)
    shutil.copy(files / "authority.pem", folder / "ca.crt")
    for name in ("ann.cert", "ann.key"):
        shutil.copy(files / name, folder)

    assert Registries(environment).digest(f"{host}/acme", "present") == DIGEST
    (folder / "ca.crt").write_text("nothing")
    with pytest.raises(RegistryError, match=r"invalid PEM certificate: .*ca\.crt"):
        Registries(environment).digest(f"{host}/acme", "present")
    (folder / "ca.crt").unlink()
    with pytest.raises(RegistryError, match="cannot establish a trusted TLS connection"):
        Registries(environment).digest(f"{host}/acme", "present")
    (folder / "ann.key").unlink()
    with pytest.raises(RegistryError, match=r"cannot read certificate .*ann\.cert: No such file"):
        Registries(environment).digest(f"{host}/acme", "present")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no certificate file")
def test_authorities_of_the_machine(
    secured: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine's own authorities are trusted, not only those of a Python package."""
    host, files = secured
    environment = with_settings(tmp_path, stored(host))
    folder = tmp_path / "certs.d" / host
    folder.mkdir(parents=True)
    for name in ("ann.cert", "ann.key"):
        shutil.copy(files / name, folder)
    monkeypatch.setenv("SSL_CERT_FILE", str(files / "authority.pem"))

    assert Registries(environment).digest(f"{host}/acme", "present") == DIGEST


PROGRAM = """
import os, sys
from compiler.external.registry.client import Registries
from compiler.external.registry.parallel import run_parallel
registries = Registries(os.environ)
try:
    tags = {str(n): str(n) for n in range(100)}
    run_parallel(lambda tag: registries.digest(sys.argv[1], tag), tags)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.slow
@pytest.mark.parametrize("silent", [False, True])
def test_an_interrupt_ends_requests(tmp_path: Path, *, silent: bool) -> None:
    """Neither a missing response nor a retry delays the end; no further request starts."""
    seen: list[str] = []
    all_received, released = threading.Event(), threading.Event()

    class Unavailable(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            seen.append(self.path)
            if len(seen) == MAX_WORKERS:
                all_received.set()
            if silent:
                released.wait()
            self.send_response(503)
            self.send_header("Retry-After", "60")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with serving(Unavailable) as running:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, f"{running.host}/acme"],
            env={**os.environ, "DOCKER_CONFIG": str(tmp_path)},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert all_received.wait(60)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=55)
        released.set()

    assert process.returncode == 130
    assert not stderr
    assert len(seen) == MAX_WORKERS
