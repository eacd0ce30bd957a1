"""HTTP sessions of registries: addresses, proxies, certificates, redirects and limits."""

import re
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from compiler.external.registry.certificates import tls_adapter
from compiler.external.registry.credentials import DOCKER_HUB
from compiler.external.registry.responses import Response, UnexpectedResponseError


PLAIN_HTTP = "COMPILE_MATRIX_PLAIN_HTTP"
"""The variable with a comma-separated list of registries that use HTTP without TLS.

Registries on loopback addresses do so by default.
"""
TIMEOUT = 60.0
"""Seconds within which a response must start, and then seconds within which it must end."""
MAX_RESPONSE = 4 * 2**20
"""Maximum number of bytes of a response, unless the caller allows more."""
_MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CHUNK = 2**16
_LOOPBACK = re.compile(r"(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?\Z")


class Sessions:
    """The sessions of all threads; a session is used by one thread at a time.

    Idle sessions are kept with their connections, because threads live shorter than connections.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Take the environment: Docker's settings, proxies, registries with plain HTTP."""
        self._environment = environment
        names = environment.get(PLAIN_HTTP, "").split(",")
        self._plain_http = {name.strip() for name in names} - {""}
        self._idle: dict[bool, deque[requests.Session]] = {False: deque(), True: deque()}
        """Whether a session is for loopback addresses -> the idle ones."""

    def address(self, host: str) -> str:
        """Return the URL of a registry."""
        plain = host in self._plain_http or _LOOPBACK.match(host) is not None
        name = "registry-1.docker.io" if host == DOCKER_HUB else host
        return f"{'http' if plain else 'https'}://{name}"

    def trusts_realm(self, host: str, realm: str) -> bool:
        """Return whether credentials for a registry may be sent to the token server that it names.

        The token server needs TLS, unless the registry itself does without and both are the same
        host.
        """
        try:
            server, registry = urlsplit(realm), urlsplit(self.address(host))
        except ValueError:
            return False
        if server.scheme == "https" and server.hostname:
            return True
        loopback = _LOOPBACK.match(server.netloc) and _LOOPBACK.match(registry.netloc)
        same = server.hostname == registry.hostname or loopback is not None
        return server.scheme == registry.scheme == "http" and same

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        authorization: str = "",
        body: bytes | Mapping[str, str] | None = None,
        limit: int = MAX_RESPONSE,
    ) -> Response:
        """Send a request and return the complete response.

        Redirects of GET and HEAD are followed without the authorization, and never from TLS to
        plain HTTP. Other requests are not redirected: their body may contain a secret.

        Args:
            method: the HTTP method.
            url: the URL.
            headers: the headers, without the authorization.
            authorization: the value of the header `Authorization`; not sent if empty.
            body: the content, or the fields of a form.
            limit: the maximum number of bytes of the response.

        Raises:
            UnexpectedResponseError: the response exceeds a limit, or redirects to an address that
                must not be used.
            requests.RequestException: the connection failed.
        """
        own = {"Authorization": authorization} if authorization else {}
        response = self._exchange(method, url, {**headers, **own}, body, limit, redirected=False)
        redirects = 0
        while response.status in _REDIRECTS and method in {"GET", "HEAD"}:
            location = response.headers.get("Location", "")
            if not location:
                return response
            redirects += 1
            if redirects > _MAX_REDIRECTS:
                raise UnexpectedResponseError(f"more than {_MAX_REDIRECTS} redirects")
            target = join_url(response.url, location)
            response = self._exchange(method, target, headers, None, limit, redirected=True)
        return response

    def _exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Mapping[str, str] | None,
        limit: int,
        *,
        redirected: bool,
    ) -> Response:
        with self._session(url) as session:
            try:
                started = session.request(
                    method,
                    url,
                    headers=headers,
                    data=body,
                    timeout=TIMEOUT,
                    allow_redirects=False,
                    stream=True,
                )
            except (
                requests.exceptions.InvalidSchema,
                requests.exceptions.InvalidURL,
                requests.exceptions.MissingSchema,
            ):
                raise UnexpectedResponseError("it refers to an invalid address") from None
            with started:
                return Response(
                    status=started.status_code,
                    reason=started.reason or "",
                    url=url,
                    redirected=redirected,
                    headers=started.headers,
                    content=_read(started, limit),
                )

    @contextmanager
    def _session(self, url: str) -> Iterator[requests.Session]:
        """Take a session for a URL: with proxies, except for loopback addresses."""
        host = urlsplit(url).netloc
        loopback = _LOOPBACK.match(host) is not None
        idle = self._idle[loopback]
        try:
            session = idle.pop()
        except IndexError:
            session = _new_session(loopback=loopback)
        if url.startswith("https://") and (prefix := f"https://{host}/") not in session.adapters:
            session.mount(prefix, tls_adapter(host, self._environment))
        try:
            yield session
        finally:
            idle.append(session)


def _new_session(*, loopback: bool) -> requests.Session:
    """Return a session; only those for other than loopback addresses use proxies."""
    session = requests.Session()
    session.trust_env = not loopback
    session.auth = _keep_request  # otherwise ~/.netrc would replace the header
    session.headers["User-Agent"] = "compile-matrix"
    session.headers["Accept-Encoding"] = "identity"  # limits apply to the bytes received
    return session


def join_url(base: str, location: str) -> str:
    """Return the URL that a response refers to.

    Raises:
        UnexpectedResponseError: the URL is invalid, or leads from TLS to plain HTTP.
    """
    try:
        url = urljoin(base, location)
        scheme = urlsplit(url).scheme
    except ValueError:
        raise UnexpectedResponseError("it refers to an invalid address") from None
    if scheme not in {"http", "https"}:
        raise UnexpectedResponseError("it refers to an invalid address")
    if scheme == "http" and base.startswith("https:"):
        raise UnexpectedResponseError("it refers to an address without TLS")
    return url


def _read(response: requests.Response, limit: int) -> bytes:
    """Read a body within the limits of size and time."""
    deadline = time.monotonic() + TIMEOUT
    content = bytearray()
    try:
        while chunk := response.raw.read1(_CHUNK, decode_content=False):
            content += chunk
            if len(content) > limit:
                raise UnexpectedResponseError(f"it exceeds {limit / 2**20:g} MiB")
            if time.monotonic() > deadline:
                raise UnexpectedResponseError(f"it takes longer than {TIMEOUT:g} seconds")
    except HTTPError as error:
        raise requests.exceptions.ConnectionError(str(error)) from None
    return bytes(content)


def _keep_request(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
