"""Authorize requests: answer a registry's challenge with the user's credentials or a token.

Credentials are sent only to the registry that they belong to and to the token server that it
names, over TLS; see `Sessions.trusts_realm`. Safe to use from several threads.
"""

import base64
import re
import threading
from collections.abc import Mapping
from urllib.parse import SplitResult, urlencode

from compiler.codes import Code
from compiler.external.registry.challenges import parse_challenges, parse_realm
from compiler.external.registry.credential_helpers import Credentials, InvalidSettingsError
from compiler.external.registry.credentials import find_credentials
from compiler.external.registry.rejections import DENIED, is_transient, quote_reason
from compiler.external.registry.responses import (
    DeniedError,
    RegistryError,
    Response,
    parse_json,
    unexpected,
)
from compiler.external.registry.sessions import Sessions


_MAX_TOKEN_RESPONSE = 2**20
_VISIBLE = re.compile(r"[\x21-\x7e]+\Z")
"""What an access token consists of: it becomes part of a header."""


class BusyServerError(Exception):
    """A token server failed with an error that another attempt may avoid."""

    def __init__(self, host: str, server: str, response: Response) -> None:
        """Take the registry, the host of its token server, and the response of that."""
        super().__init__(_answer(server, response))
        self.host, self.response = host, response

    def as_registry_error(self) -> RegistryError:
        """Return the error of the last attempt."""
        return RegistryError(
            self.host,
            str(self),
            code=Code.REGISTRY_ERROR,
            help_="correct what the token server reports, or retry later",
        )


class Authorizer:
    """Answers challenges and caches the access tokens."""

    def __init__(self, environment: Mapping[str, str], sessions: Sessions) -> None:
        """Take the environment, which defines the location of Docker's settings."""
        self._environment, self._sessions = environment, sessions
        self._lock = threading.Lock()
        self._authorizations: dict[tuple[str, str], str] = {}

    def cached(self, host: str, scope: str) -> str:
        """Return the last authorization for a scope; empty if there is none."""
        return self._authorizations.get((host, scope), "")

    def authorize(self, host: str, scope: str, header: str) -> str:
        """Return the value of `Authorization` for a challenge; empty if there is none.

        Args:
            host: the registry.
            scope: the repository and the actions, such as `acme/server:pull`.
            header: all `WWW-Authenticate` headers, joined with commas.

        Raises:
            DeniedError: the token server denies access.
            RegistryError: it does not respond as a token server.
            BusyServerError: the token server is overloaded.
            requests.RequestException: the token server is unreachable.
        """
        credentials = self.credentials(host)
        challenges = parse_challenges(header)
        untrusted = ""
        authorization = ""
        for challenge in challenges:
            realm = challenge.parameters.get("realm", "")
            if challenge.scheme == "bearer" and realm:
                server = parse_realm(realm)
                if server is None:
                    raise unexpected(host, f"{host} names an invalid token server: {realm!a}"[:300])
                if self._sessions.trusts_realm(host, server):
                    service = challenge.parameters.get("service", "")
                    token = self._token(host, scope, server, service, credentials)
                    authorization = f"Bearer {token}" if token else ""
                    break
                untrusted = realm
        if not authorization and credentials and not credentials.identity_token:
            basic = any(challenge.scheme == "basic" for challenge in challenges)
            authorization = _basic(credentials) if basic else ""
        if untrusted and not authorization:
            raise RegistryError(
                host,
                f"the token server of {host} does not use TLS: {untrusted!a}",
                code=Code.REGISTRY_ERROR,
                help_="credentials are not sent without TLS; correct the registry's settings",
            )
        if authorization:
            with self._lock:
                self._authorizations[host, scope] = authorization
        return authorization

    def credentials(self, host: str) -> Credentials | None:
        """Return the user's credentials for a registry; None if there are none.

        Raises:
            RegistryError: Docker's settings are invalid, or a credential helper fails.
        """
        try:
            return find_credentials(host, self._environment)
        except InvalidSettingsError as error:
            raise RegistryError(
                host, error.message, code=Code.REGISTRY_DENIED, help_=error.help
            ) from None

    def _token(
        self,
        host: str,
        scope: str,
        realm: SplitResult,
        service: str,
        credentials: Credentials | None,
    ) -> str:
        """Return an access token; empty if the token server demands credentials and none exist."""
        query = {"scope": f"repository:{scope}"} | ({"service": service} if service else {})
        response = self._request_token(realm, query, credentials)
        server = realm.netloc
        if is_transient(response):
            raise BusyServerError(host, server, response)
        if response.status in DENIED and credentials is None:
            return ""
        if response.status in DENIED:
            raise DeniedError(
                host,
                f"the token server {server} denied access to {host} ({response.status}): "
                f"{quote_reason(response)}",
                code=Code.REGISTRY_DENIED,
                help_="run `docker login` with valid credentials",
            )
        if not response.ok:
            raise unexpected(host, _answer(server, response))
        content = parse_json(response, host)
        token = content.get("token") or content.get("access_token")
        if not isinstance(token, str) or not _VISIBLE.match(token):
            raise unexpected(host, f"the token server {server} returned no valid token")
        return token

    def _request_token(
        self, realm: SplitResult, query: Mapping[str, str], credentials: Credentials | None
    ) -> Response:
        if credentials and credentials.identity_token:
            form = {
                "grant_type": "refresh_token",
                "refresh_token": credentials.identity_token,
                "client_id": "compile-matrix",
                **query,
            }
            url = realm.geturl()
            return self._sessions.send("POST", url, {}, body=form, limit=_MAX_TOKEN_RESPONSE)
        authorization = _basic(credentials) if credentials else ""
        parameters = "&".join(filter(None, (realm.query, urlencode(query))))
        url = realm._replace(query=parameters).geturl()
        return self._sessions.send(
            "GET", url, {}, authorization=authorization, limit=_MAX_TOKEN_RESPONSE
        )


def _answer(server: str, response: Response) -> str:
    """Return the part of an error that says what a token server responded."""
    status = f"{response.status} {quote_reason(response)}".rstrip()
    return f"the token server {server} responded with {status}"


def _basic(credentials: Credentials) -> str:
    text = f"{credentials.user}:{credentials.secret}"
    return f"Basic {base64.b64encode(text.encode()).decode()}"
