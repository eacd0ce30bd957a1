"""Authorize requests: answer a registry's challenge with the user's credentials or a token.

Credentials are sent only to the registry that they belong to and to the token server that it
names, over TLS; see `Sessions.trusts_realm`. Safe to use from several threads.
"""

import base64
import threading
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import SplitResult, urlencode

from compiler.codes import Code
from compiler.external.json_object import quote
from compiler.external.registry.challenges import Challenge, parse_challenges, parse_realm
from compiler.external.registry.credential_helpers import (
    ACCESS_TOKEN,
    Credentials,
    InvalidSettingsError,
)
from compiler.external.registry.credentials import find_credentials, login_advice
from compiler.external.registry.rejections import DENIED, is_transient, quote_reason
from compiler.external.registry.responses import (
    DeniedError,
    RegistryError,
    Response,
    parse_json,
    unexpected,
)
from compiler.external.registry.scopes import Scope
from compiler.external.registry.sessions import Sessions


_MAX_TOKEN_RESPONSE = 2**20


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


class _Grant(NamedTuple):
    """The last authorization for a scope, and where it comes from."""

    authorization: str
    """The value of the header."""
    credentials: Credentials | None
    challenge: str
    """All `WWW-Authenticate` headers that it answers, joined with commas."""


class Authorizer:
    """Answers challenges and caches the access tokens."""

    def __init__(self, environment: Mapping[str, str], sessions: Sessions) -> None:
        """Take the environment, which defines the location of Docker's settings."""
        self._environment, self._sessions = environment, sessions
        self._lock = threading.Lock()
        self._grants: dict[Scope, _Grant] = {}

    def cached(self, scope: Scope) -> str:
        """Return the last authorization for a scope; empty if there is none."""
        grant = self._grants.get(scope)
        return grant.authorization if grant else ""

    def find_login(self, scope: Scope) -> tuple[bool, str]:
        """Return whether the user has credentials for a scope, and how to change them.

        Raises:
            InvalidSettingsError: Docker's settings are invalid, or a credential helper fails.
        """
        credentials = find_credentials(scope, self._environment)
        return credentials is not None, login_advice(scope, self._environment)

    def authorize(self, scope: Scope, challenge: str) -> str:
        """Return the value of `Authorization` for a challenge; empty if there is none.

        Args:
            scope: the access that the request needs.
            challenge: all `WWW-Authenticate` headers, joined with commas.

        Raises:
            DeniedError: the token server denies access.
            RegistryError: it does not respond as a token server, Docker's settings are invalid, or
                a credential helper fails.
            BusyServerError: the token server is overloaded.
            requests.RequestException: the token server is unreachable.
        """
        try:
            credentials = find_credentials(scope, self._environment)
        except InvalidSettingsError as error:
            raise RegistryError(
                scope.host, error.message, code=Code.REGISTRY_DENIED, help_=error.help
            ) from None
        return self._grant(scope, challenge, credentials)

    def renew(self, scope: Scope, rejected: str) -> str:
        """Return another authorization for a scope than a rejected one; empty if there is none.

        A password of a credential helper can have expired. Some registries, such as ECR, then
        answer 403, without a challenge, as they do if the account lacks the permission.

        Raises:
            RegistryError, BusyServerError, requests.RequestException: as `authorize`.
        """
        grant = self._grants.get(scope)
        if grant is None or not rejected:
            return ""
        if grant.authorization != rejected:
            return grant.authorization  # another thread has renewed it
        if grant.credentials is None or not grant.credentials.helper:
            return ""
        try:
            credentials = find_credentials(scope, self._environment)
        except InvalidSettingsError:
            return ""  # what the registry reports is the error
        if credentials in {None, grant.credentials}:
            return ""
        return self._grant(scope, grant.challenge, credentials)

    def _grant(self, scope: Scope, challenge: str, credentials: Credentials | None) -> str:
        """Answer a challenge with credentials, and cache the authorization."""
        challenges = parse_challenges(challenge)
        authorization, untrusted = self._answer_bearer(scope, challenges, credentials)
        if not authorization and credentials and not credentials.identity_token:
            basic = any(challenge.scheme == "basic" for challenge in challenges)
            authorization = _basic(credentials) if basic and credentials.secret else ""
        if untrusted and not authorization:
            raise RegistryError(
                scope.host,
                f"the token server of {scope.host} does not use TLS: {quote(untrusted)}",
                code=Code.REGISTRY_ERROR,
                help_="credentials are not sent without TLS; correct the registry's settings",
            )
        if authorization:
            with self._lock:
                self._grants[scope] = _Grant(authorization, credentials, challenge)
        return authorization

    def _answer_bearer(
        self, scope: Scope, challenges: Sequence[Challenge], credentials: Credentials | None
    ) -> tuple[str, str]:
        """Return the answer to challenges that demand a token, and the last untrusted server.

        A token for the registry among the credentials is used as it is.
        """
        untrusted = ""
        for challenge in challenges:
            if challenge.scheme != "bearer":
                continue
            if credentials and credentials.registry_token:
                return f"Bearer {credentials.registry_token}", ""
            realm = challenge.parameters.get("realm", "")
            server = parse_realm(realm)
            if not realm:
                continue
            if server is None:
                message = f"{scope.host} names an invalid token server: {quote(realm)}"
                raise unexpected(scope.host, message)
            if self._sessions.trusts_realm(scope.host, server):
                service = challenge.parameters.get("service", "")
                token = self._token(scope, server, service, credentials)
                return (f"Bearer {token}" if token else ""), untrusted
            untrusted = realm
        return "", untrusted

    def _token(
        self, scope: Scope, realm: SplitResult, service: str, credentials: Credentials | None
    ) -> str:
        """Return an access token; empty if the token server demands credentials and none exist."""
        host = scope.host
        query = {"scope": scope.text} | ({"service": service} if service else {})
        response = self._request_token(realm, query, credentials)
        server = realm.netloc
        if is_transient(response):
            raise BusyServerError(host, server, response)
        if response.status in DENIED and credentials is None:
            return ""
        if response.status in DENIED:
            error = DeniedError(
                host,
                f"the token server {server} denied access to {host} ({response.status}): "
                f"{quote_reason(response)}",
                code=Code.REGISTRY_DENIED,
                help_=f"{login_advice(scope, self._environment)}, with valid credentials",
            )
            error.is_logged_in = True
            raise error
        if not response.ok:
            raise unexpected(host, _answer(server, response))
        content = parse_json(response, host)
        token = content.get("token") or content.get("access_token")
        if not isinstance(token, str) or not ACCESS_TOKEN.match(token):
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
