"""HTTP sessions of registries: addresses, proxies and certificates."""

import re
import threading
from collections.abc import Mapping
from urllib.parse import urlsplit

import requests

from compiler.external.registry.certificates import tls_adapter
from compiler.external.registry.credentials import DOCKER_HUB


PLAIN_HTTP = "COMPILE_MATRIX_PLAIN_HTTP"
"""The variable with a comma-separated list of registries that use HTTP without TLS.

Registries on loopback addresses do so by default.
"""
_LOOPBACK = re.compile(r"(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?\Z")


class Sessions:
    """The sessions of all threads; a session is used by its own thread only."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Take the environment: Docker's settings, proxies, registries with plain HTTP."""
        self._environment = environment
        names = environment.get(PLAIN_HTTP, "").split(",")
        self._plain_http = {name.strip() for name in names} - {""}
        self._threads = threading.local()

    def address(self, host: str) -> str:
        """Return the URL of a registry."""
        plain = host in self._plain_http or _LOOPBACK.match(host) is not None
        name = "registry-1.docker.io" if host == DOCKER_HUB else host
        return f"{'http' if plain else 'https'}://{name}"

    def get(self, url: str) -> requests.Session:
        """Return this thread's session for a URL: with proxies, except for loopback addresses."""
        host = urlsplit(url).netloc
        loopback = _LOOPBACK.match(host) is not None
        name = "loopback" if loopback else "remote"
        session: requests.Session | None = getattr(self._threads, name, None)
        if session is None:
            session = requests.Session()
            session.trust_env = not loopback
            session.auth = _keep_request  # otherwise ~/.netrc would replace the header
            session.headers["User-Agent"] = "compile-matrix"
            setattr(self._threads, name, session)
        if url.startswith("https://") and (prefix := f"https://{host}/") not in session.adapters:
            session.mount(prefix, tls_adapter(host, self._environment))
        return session


def _keep_request(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
