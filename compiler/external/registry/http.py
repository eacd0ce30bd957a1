"""Send requests to registries, with the user's credentials and with retries.

Safe to use from several threads. No secret is ever part of an error.
"""

import base64
import re
import threading
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import requests

from compiler.external.references import split_repository
from compiler.external.registry.certificates import CertificateError
from compiler.external.registry.credentials import Credentials, find_credentials
from compiler.external.registry.parallel import ABANDONED
from compiler.external.registry.responses import (
    UNKNOWN_HOST,
    RegistryError,
    connection_reason,
    parse_json,
    rejection,
)
from compiler.external.registry.sessions import PLAIN_HTTP, Sessions


ATTEMPTS = 8
"""Maximum number of attempts of a request that fails with transient errors."""
TIMEOUT = 60.0
"""Seconds within which a response must start."""
_MAX_DELAY = 15.0
"""Maximum number of seconds between two attempts, unless the registry asks for more."""
_MAX_REQUESTED_DELAY = 60.0
"""Maximum number of seconds that `Retry-After` can ask for."""
_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
_CHALLENGE_FIELD = re.compile(r'(\w+)="([^"]*)"')
_UNKNOWN_HOST_ATTEMPTS = 3
"""Maximum number of attempts if the host name is unknown: most likely it is misspelt."""


class HttpClient:
    """Sends requests to registries and caches their access tokens."""

    def __init__(self, environment: Mapping[str, str], attempts: int = ATTEMPTS) -> None:
        """Create a client.

        Args:
            environment: defines the location of Docker's settings, proxies, and the registries
                that use plain HTTP.
            attempts: the maximum number of attempts of each request.
        """
        self._environment, self._attempts = environment, attempts
        self._sessions = Sessions(environment)
        self._lock = threading.Lock()
        self._authorizations: dict[tuple[str, str], str] = {}
        self.requests = 0
        """The number of requests that were sent to registries."""

    def request(
        self,
        method: str,
        repository: str,
        path: str,
        *,
        accept: str = "*/*",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response | None:
        """Send a request and return the response; None for status 404.

        Args:
            method: the HTTP method.
            repository: the repository, as the user writes it.
            path: the path within the repository, or a complete URL.
            accept: the accepted media types.
            body: the content to send.
            headers: further headers.

        Raises:
            RegistryError: the registry denies the request, or does not respond.
        """
        host, repository_path = _locate(repository)
        url = (
            path if "://" in path else f"{self._sessions.address(host)}/v2/{repository_path}/{path}"
        )
        all_headers = {"Accept": accept, **(headers or {})}

        def send() -> requests.Response:
            return self._send_authorized(method, host, repository_path, url, all_headers, body)

        response = self._retry(send, host)
        if response.status_code == requests.codes.not_found:
            return None
        if not response.ok:
            stored = find_credentials(host, self._environment) is not None
            raise rejection(response, method, repository, credentials=stored)
        return response

    def _retry(self, send: Callable[[], requests.Response], host: str) -> requests.Response:
        """Send a request until it succeeds or fails permanently."""
        for attempt in range(1, self._attempts + 1):
            delay = min(0.25 * 2.0**attempt, _MAX_DELAY)
            try:
                response = send()
            except requests.exceptions.SSLError:
                raise RegistryError(
                    host,
                    f"cannot establish a trusted TLS connection to {host}",
                    help_="add its certificate authority to this machine, or to Docker's settings "
                    f"as certs.d/{host}/ca.crt; for a registry without TLS, set "
                    f"{PLAIN_HTTP}={host}",
                ) from None
            except CertificateError as error:
                raise RegistryError(host, str(error), help_="correct Docker's settings") from None
            except requests.RequestException as error:
                reason = connection_reason(error)
                unknown = reason == UNKNOWN_HOST and attempt >= _UNKNOWN_HOST_ATTEMPTS
                if attempt == self._attempts or unknown:
                    raise _unreachable(host, reason) from None
            else:
                if response.status_code not in _TRANSIENT or attempt == self._attempts:
                    return response
                requested = response.headers.get("Retry-After", "")
                if requested.isdigit():
                    delay = min(float(requested), _MAX_REQUESTED_DELAY)
            if _wait(delay):
                raise _unreachable(host, "no further attempt")
        raise AssertionError  # the last attempt has returned or raised

    def _send_authorized(
        self,
        method: str,
        host: str,
        path: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> requests.Response:
        """Send a request, and again with authorization if the registry demands it."""
        scope = f"{path}:{'pull' if method in {'GET', 'HEAD'} else 'pull,push'}"
        same_host = urlsplit(url).netloc == urlsplit(self._sessions.address(host)).netloc
        authorization = self._authorizations.get((host, scope), "") if same_host else ""
        response = self._send(method, url, headers, authorization, body)
        if response.status_code != requests.codes.unauthorized or not same_host:
            return response
        challenge = response.headers.get("WWW-Authenticate", "")
        authorization = self._authorize(host, challenge, scope)
        if not authorization:
            return response
        with self._lock:
            self._authorizations[host, scope] = authorization
        return self._send(method, url, headers, authorization, body)

    def _authorize(self, host: str, challenge: str, scope: str) -> str:
        """Return the Authorization header for a registry's challenge; empty if there is none."""
        credentials = find_credentials(host, self._environment)
        scheme, _, parameters = challenge.partition(" ")
        if scheme.lower() == "basic":
            return _basic(credentials) if credentials else ""
        fields = dict(_CHALLENGE_FIELD.findall(parameters))
        realm = fields.get("realm", "")
        if scheme.lower() != "bearer" or not realm.startswith(("https://", "http://")):
            return ""
        if realm.startswith("http://") and self._sessions.address(host).startswith("https://"):
            return ""  # credentials are not sent without encryption
        query = {"service": fields.get("service", ""), "scope": f"repository:{scope}"}
        response = self._request_token(realm, query, credentials)
        if response.status_code in _TRANSIENT:
            raise requests.RequestException(f"token server: {response.status_code}")
        if not response.ok:
            return ""
        content = parse_json(response, host)
        token = content.get("token") or content.get("access_token") or ""
        return f"Bearer {token}" if token else ""

    def _request_token(
        self, realm: str, query: Mapping[str, str], credentials: Credentials | None
    ) -> requests.Response:
        session = self._sessions.get(realm)
        if credentials and credentials.identity_token:
            form = {
                "grant_type": "refresh_token",
                "refresh_token": credentials.identity_token,
                "client_id": "compile-matrix",
                **query,
            }
            return session.post(realm, data=form, timeout=TIMEOUT)
        headers = {"Authorization": _basic(credentials)} if credentials else {}
        return session.get(realm, params=query, headers=headers, timeout=TIMEOUT)

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        authorization: str,
        body: bytes | None,
    ) -> requests.Response:
        if authorization:
            headers = {**headers, "Authorization": authorization}
        with self._lock:
            self.requests += 1
        session = self._sessions.get(url)
        return session.request(method, url, headers=headers, data=body, timeout=TIMEOUT)


def _locate(repository: str) -> tuple[str, str]:
    """Return the host and the path of a repository."""
    location = split_repository(repository)
    if location is None:
        raise RegistryError(
            repository,
            f"invalid repository: {repository!r}",
            help_="correct the tags or `publish.staging` in matrix.yaml",
        )
    return location


def _unreachable(host: str, reason: str) -> RegistryError:
    return RegistryError(
        host,
        f"cannot reach {host}: {reason}",
        help_="check the name and the network, or retry later",
    )


def _wait(seconds: float) -> bool:
    """Wait before another attempt; return whether the result is no longer needed."""
    return ABANDONED.get(threading.Event()).wait(seconds)


def _basic(credentials: Credentials) -> str:
    text = f"{credentials.user}:{credentials.secret}"
    return f"Basic {base64.b64encode(text.encode()).decode()}"
