"""HTTP sessions of registries: addresses, redirects and limits."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import TypeAlias
from urllib.parse import SplitResult, urldefrag, urlencode, urljoin, urlsplit

import requests
from urllib3 import exceptions

from compiler.external.registry.bodies import OpenBody, connection_error, read_body
from compiler.external.registry.responses import REDIRECTS, Response, UnexpectedResponseError
from compiler.external.registry.routes import INVALID_ADDRESS, Routes, is_loopback
from compiler.external.registry.scopes import server_name


PLAIN_HTTP = "COMPILE_MATRIX_PLAIN_HTTP"
"""The variable with a comma-separated list of registries that use HTTP without TLS.

Registries on loopback addresses do so by default.
"""
TIMEOUT = 60.0
"""Seconds within which a response must start, and then seconds within which it must end."""
MAX_RESPONSE = 4 * 2**20
"""Maximum number of bytes of a response, unless the caller allows more."""
_MAX_OTHER = 2**16
"""Maximum number of bytes of a redirect or an error, if the limit of the content is less."""
_MAX_REDIRECTS = 5
_HEADERS = {"User-Agent": "compile-matrix", "Accept-Encoding": "identity"}
"""Of all requests; limits apply to the bytes received, so nothing may be compressed."""
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_PORTS = {"http": 80, "https": 443}
"""The usual port of each scheme."""


Content: TypeAlias = bytes | Iterable[bytes] | Mapping[str, str]
"""What a request sends: bytes, their pieces, or the fields of a form.

Pieces are iterated over once for each attempt; they need the header `Content-Length`.
"""


def _plain_hosts(environment: Mapping[str, str]) -> set[str]:
    """Return the hosts that the user names as registries without TLS."""
    names = environment.get(PLAIN_HTTP, "").lower().split(",")
    return {name.strip() for name in names} - {""}


def is_plain_http(host: str, environment: Mapping[str, str]) -> bool:
    """Return whether the user names a host, other than this machine, as a registry without TLS."""
    return host.lower() in _plain_hosts(environment)


class Sessions:
    """The connections of all threads."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Take the environment: Docker's settings, proxies, registries with plain HTTP."""
        self._plain_http = _plain_hosts(environment)
        self._routes = Routes(environment)

    def address(self, host: str) -> str:
        """Return the URL of a registry."""
        plain = host in self._plain_http or is_loopback(host)
        return f"{'http' if plain else 'https'}://{server_name(host)}"

    def trusts_realm(self, host: str, server: SplitResult) -> bool:
        """Return whether credentials for a registry may be sent to the token server that it names.

        The token server needs TLS, unless the registry itself does without and both are the same
        host.
        """
        if server.scheme == "https":
            return True
        try:
            registry = urlsplit(self.address(host))
        except ValueError:
            return False
        loopback = is_loopback(server.netloc) and is_loopback(registry.netloc)
        same = server.hostname == registry.hostname or loopback
        return server.scheme == registry.scheme == "http" and same

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        authorization: str = "",
        body: Content | None = None,
        limit: int = MAX_RESPONSE,
        redirects: bool = True,
        streams: bool = False,
    ) -> Response:
        """Send a request and return the response.

        Redirects of GET and HEAD are followed without the authorization, and never from TLS to
        plain HTTP. Other requests are not redirected: their body may contain a secret.

        Args:
            method: the HTTP method.
            url: the URL.
            headers: the headers, without the authorization.
            authorization: the value of the header `Authorization`; not sent if empty.
            body: the content.
            limit: the maximum number of bytes of the response, unless it has no content.
            redirects: whether redirects are followed.
            streams: whether the caller reads the body of a response with status 200 itself.

        Raises:
            UnexpectedResponseError: the response exceeds a limit, or redirects to an address that
                must not be used.
            requests.RequestException: the connection failed.
        """
        own = {"Authorization": authorization} if authorization else {}
        response = self._exchange(
            method, url, {**headers, **own}, body, limit, redirected=False, streams=streams
        )
        count = 0
        while redirects and response.status in REDIRECTS and method in {"GET", "HEAD"}:
            location = response.headers.get("Location", "")
            if not location:
                return response
            count += 1
            if count > _MAX_REDIRECTS:
                raise UnexpectedResponseError(f"more than {_MAX_REDIRECTS} redirects")
            target = join_url(response.url, location)
            response = self._exchange(
                method, target, headers, None, limit, redirected=True, streams=streams
            )
        return response

    def _exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Content | None,
        limit: int,
        *,
        redirected: bool,
        streams: bool,
    ) -> Response:
        form = urlencode(body).encode() if isinstance(body, Mapping) else None
        connections, target = self._routes.find(url)
        try:
            started = connections.urlopen(
                method,
                target,
                body=body if form is None else form,
                headers={**_HEADERS, **headers, **(_FORM if form is not None else {})},
                timeout=TIMEOUT,
                redirect=False,
                retries=False,
                assert_same_host=False,
                preload_content=False,
            )
        except exceptions.LocationValueError:
            raise UnexpectedResponseError(INVALID_ADDRESS) from None
        except exceptions.SSLError as error:
            raise requests.exceptions.SSLError(str(error)) from None
        except (exceptions.HTTPError, OSError) as error:
            raise connection_error(error) from None
        opened = OpenBody(started) if streams and started.status == HTTPStatus.OK else None
        is_content = started.status in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}
        most = limit if is_content else max(limit, _MAX_OTHER)
        try:
            return Response(
                status=started.status,
                reason=started.reason or "",
                url=url,
                redirected=redirected,
                headers=started.headers,
                content=b"" if opened else read_body(started, most),
                body=opened,
            )
        finally:
            if not opened:
                started.close()  # does nothing to a connection whose response was read completely


def join_url(base: str, location: str) -> str:
    """Return the URL that a response refers to, without its fragment: it may get a query.

    Raises:
        UnexpectedResponseError: the URL is invalid, or leads from TLS to plain HTTP.
    """
    try:
        url = urldefrag(urljoin(base, location)).url
        scheme = urlsplit(url).scheme
    except ValueError:
        raise UnexpectedResponseError(INVALID_ADDRESS) from None
    if scheme not in {"http", "https"}:
        raise UnexpectedResponseError(INVALID_ADDRESS)
    if scheme == "http" and base.startswith("https:"):
        raise UnexpectedResponseError("it refers to an address without TLS")
    return url


def is_same_origin(url: str, address: str) -> bool:
    """Return whether a URL has the scheme, host and port of a registry's address."""
    return _origin(url) == _origin(address)


def _origin(url: str) -> tuple[str, str, int | None]:
    """Return the scheme, the host and the port of a URL, of which the usual port may be left out.

    >>> _origin("https://R.example:443/v2/") == _origin("https://r.example")
    True
    >>> _origin("https://r.example:80") == _origin("http://r.example")
    False
    """
    parts = urlsplit(url)
    try:
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        port = None
    if port is None or "@" in parts.netloc:
        return parts.scheme, parts.netloc, None
    return parts.scheme, parts.hostname or "", port
