"""Send requests to registries, with the user's credentials and with retries.

Safe to use from several threads. No secret is ever part of an error.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial

import requests

from compiler.external.references import split_repository
from compiler.external.registry.authorization import Authorizer, BusyServerError
from compiler.external.registry.certificates import CertificateError
from compiler.external.registry.parallel import pause as _wait
from compiler.external.registry.rejections import (
    is_missing,
    is_transient,
    rejection,
    requested_delay,
)
from compiler.external.registry.responses import (
    REDIRECTS,
    UNKNOWN_HOST,
    RegistryError,
    Response,
    UnexpectedResponseError,
    connection_reason,
    unexpected,
)
from compiler.external.registry.scopes import Scope, required_actions
from compiler.external.registry.sessions import (
    MAX_RESPONSE,
    PLAIN_HTTP,
    Sessions,
    is_same_origin,
)


ATTEMPTS = 8
"""Maximum number of attempts of a request that fails with transient errors."""
_MAX_DELAY = 15.0
"""Maximum number of seconds between two attempts, unless the registry asks for more."""
_PERMANENT = (requests.exceptions.SSLError, CertificateError, UnexpectedResponseError)
_UNKNOWN_HOST_ATTEMPTS = 3
"""Maximum number of attempts if the host name is unknown: most likely it is misspelt."""


class HttpClient:
    """Sends requests to registries."""

    def __init__(self, environment: Mapping[str, str], attempts: int = ATTEMPTS) -> None:
        """Create a client.

        Args:
            environment: defines the location of Docker's settings, proxies, and the registries
                that use plain HTTP.
            attempts: the maximum number of attempts of each request.
        """
        self._attempts = attempts
        self._sessions = Sessions(environment)
        self._authorizer = Authorizer(environment, self._sessions)
        self._lock = threading.Lock()
        self.requests = 0
        """The number of requests that were sent to registries."""

    def request(
        self,
        method: str,
        repository: str,
        path: str,
        *,
        accept: str = "*/*",
        attempts: int | None = None,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        limit: int = MAX_RESPONSE,
        pull_from: str = "",
        redirects: bool = True,
        streams: bool = False,
    ) -> Response | None:
        """Send a request and return the response; None if a read or deletion has status 404.

        Args:
            method: the HTTP method.
            repository: the repository, as the user writes it.
            path: the path within the repository, or a complete URL.
            accept: the accepted media types.
            attempts: the maximum number of attempts, if it is less than that of the client.
            body: the content to send; see `sessions.Content`.
            headers: further headers.
            limit: the maximum number of bytes of the response.
            pull_from: the path of another repository of the registry that is read, too.
            redirects: whether a redirect is followed; otherwise it counts as status 404.
            streams: whether the caller reads the body of a response with status 200 itself.

        Raises:
            DeniedError: the registry rejects the user's credentials.
            InvalidContentError: the response exceeds a limit, or is not that of a registry.
            RegistryError: the registry denies the request, or does not respond.
        """
        host, repository_path = _locate(repository)
        scope = Scope(host, repository_path, required_actions(method, path), pull_from)
        address = self._sessions.address(host)
        elsewhere = "://" in path
        url = path if elsewhere else f"{address}/v2/{repository_path}/{path}"
        all_headers = {"Accept": accept, **(headers or {})}
        own = not elsewhere or is_same_origin(url, address)

        def send() -> Response:
            return self._send_authorized(
                method,
                scope,
                url,
                own=own,
                headers=all_headers,
                body=body,
                limit=limit,
                redirects=redirects,
                streams=streams,
            )

        limited = self._attempts if attempts is None else min(attempts, self._attempts)
        response, attempt = self._retry(send, host, limited)
        reads = method not in {"POST", "PUT", "PATCH"}
        if reads and (
            is_missing(response, method) or (response.status in REDIRECTS and not redirects)
        ):
            return None
        if not response.ok:
            find = partial(self._authorizer.find_login, scope)
            error = rejection(response, method, repository, find)
            error.is_repeated, error.is_transient = attempt > 1, is_transient(response)
            raise error
        return response

    def _retry(
        self, send: Callable[[], Response], host: str, attempts: int
    ) -> tuple[Response, int]:
        """Send a request until it succeeds or fails permanently; count the attempts."""
        for attempt in range(1, attempts + 1):
            delay = min(0.25 * 2.0**attempt, _MAX_DELAY)
            try:
                response = send()
            except _PERMANENT as error:
                raise _permanent_error(host, error) from None
            except BusyServerError as error:
                if attempt == attempts:
                    raise error.as_registry_error() from None
                delay = requested_delay(error.response, delay)
            except requests.RequestException as error:
                reason = connection_reason(error)
                unknown = reason == UNKNOWN_HOST and attempt >= _UNKNOWN_HOST_ATTEMPTS
                if attempt == attempts or unknown:
                    raise _unreachable(host, reason) from None
            else:
                if not is_transient(response) or attempt == attempts:
                    return response, attempt
                delay = requested_delay(response, delay)
            if _wait(delay):
                raise _unreachable(host, "no further attempt")
        raise AssertionError  # the last attempt has returned or raised

    def _send_authorized(
        self,
        method: str,
        scope: Scope,
        url: str,
        *,
        own: bool,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes] | None,
        limit: int,
        redirects: bool,
        streams: bool,
    ) -> Response:
        """Send a request, and again with authorization if the registry demands another one.

        Only URLs of the registry's own server receive an authorization.
        """

        def send(authorization: str) -> Response:
            with self._lock:
                self.requests += 1
            return self._sessions.send(
                method,
                url,
                headers,
                authorization=authorization,
                body=body,
                limit=limit,
                redirects=redirects,
                streams=streams,
            )

        cached = self._authorizer.cached(scope) if own else ""
        response = send(cached)
        if response.redirected or not own:
            return response
        authorization = ""
        if response.status == requests.codes.unauthorized:
            challenge = response.headers.get("WWW-Authenticate", "")
            authorization = self._authorizer.authorize(scope, challenge)
        elif response.status == requests.codes.forbidden:
            authorization = self._authorizer.renew(scope, cached)
        return send(authorization) if authorization else response


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


def _permanent_error(host: str, error: Exception) -> RegistryError:
    """Return the error for a failure that another attempt cannot change."""
    if isinstance(error, CertificateError):
        return RegistryError(host, str(error), help_="correct Docker's settings")
    if isinstance(error, UnexpectedResponseError):
        return unexpected(host, f"unexpected response of {host}: {error}")
    return RegistryError(
        host,
        f"cannot establish a trusted TLS connection to {host}",
        help_="add its certificate authority to this machine, or to Docker's settings as "
        f"certs.d/{host}/ca.crt; for a registry without TLS, set {PLAIN_HTTP}={host}",
    )


def _unreachable(host: str, reason: str) -> RegistryError:
    return RegistryError(
        host,
        f"cannot reach {host}: {reason}",
        help_="check the name and the network, or retry later",
    )
