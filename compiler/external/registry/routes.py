"""Connections to registries: through which proxy, and with which certificates.

`requests` chooses both, once for each host. The requests themselves are sent by urllib3, on which
it is built: the layer of `requests` would cost most of the time of a release.
"""

import re
import threading
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple, cast
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool

from compiler.external.registry.certificates import tls_adapter
from compiler.external.registry.deadlines import limit_responses
from compiler.external.registry.parallel import MAX_WORKERS
from compiler.external.registry.responses import UnexpectedResponseError


INVALID_ADDRESS = "it refers to an invalid address"
_LOOPBACK = re.compile(r"(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?\Z")


@lru_cache(maxsize=1024)
def is_loopback(host: str) -> bool:
    """Return whether a host, with or without a port, is this machine."""
    return _LOOPBACK.match(host) is not None


class _Route(NamedTuple):
    """How the requests to a host are sent."""

    connections: HTTPConnectionPool
    """Open connections, for all threads."""
    start: str
    """Scheme and host, if requests must name them in front of the path: to a proxy without TLS."""


class Routes:
    """The connections to all hosts; safe to use from several threads."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Take the environment, which defines the location of Docker's settings."""
        self._environment = environment
        self._lock = threading.Lock()
        self._routes: dict[tuple[str, str], _Route] = {}
        """Scheme and host -> how its requests are sent."""

    def find(self, url: str) -> tuple[HTTPConnectionPool, str]:
        """Return the connections for a URL, and the target that a request on them must name.

        Raises:
            CertificateError: a certificate in Docker's settings cannot be used.
            UnexpectedResponseError: the URL is invalid.
        """
        parts = urlsplit(url)
        if "\\" in parts.netloc:  # other parsers read it as the end of the host
            raise UnexpectedResponseError(INVALID_ADDRESS)
        key = parts.scheme, parts.netloc.rpartition("@")[2]
        with self._lock:
            if key not in self._routes:
                self._routes[key] = self._find_route(*key)
            route = self._routes[key]
        return route.connections, route.start + urlunsplit(
            ("", "", parts.path or "/", parts.query, "")
        )

    def _find_route(self, scheme: str, host: str) -> _Route:
        """Choose certificates and a proxy; loopback addresses are reached without a proxy."""
        address = f"{scheme}://{host}"
        adapter = (
            tls_adapter(host, self._environment)
            if scheme == "https"
            else HTTPAdapter(pool_maxsize=MAX_WORKERS)
        )
        with requests.Session() as session:
            session.trust_env = not is_loopback(host)
            try:
                request = requests.Request("GET", f"{address}/").prepare()
                settings = session.merge_environment_settings(request.url, {}, None, None, None)
                connections = adapter.get_connection_with_tls_context(
                    request, settings["verify"], proxies=settings["proxies"], cert=settings["cert"]
                )
            except (ValueError, requests.RequestException):
                raise UnexpectedResponseError(INVALID_ADDRESS) from None
            limit_responses(cast("HTTPConnectionPool", connections))
            names_host = adapter.request_url(request, settings["proxies"]) != "/"
        return _Route(cast("HTTPConnectionPool", connections), address if names_host else "")
