"""A registry on loopback whose accounts may do different things in its repositories."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

from support.loopback import Handler, serving
from support.model_registry import ModelRegistry, split_path


Reply = tuple[int, Mapping[str, str], bytes]
Rights = Mapping[str, Mapping[str, str]]
"""Account -> path of a repository -> its actions, such as `pull,push`."""


def entry(account: str, secret: str = "secret") -> dict[str, str]:  # noqa: S107 - of a test
    """Return the entry of `auths` for an account."""
    return {"auth": base64.b64encode(f"{account}:{secret}".encode()).decode()}


def failure(status: int, code: str, message: str) -> Reply:
    """Return a response with an error as the specification defines it."""
    return status, {}, json.dumps({"errors": [{"code": code, "message": message}]}).encode()


class AccountRegistry:
    """A registry with basic authentication, or with a token server."""

    def __init__(self, rights: Rights, *, tokens: bool = False) -> None:
        """Create an empty registry.

        Args:
            rights: what each account may do; all have the password `secret`.
            tokens: whether the registry demands tokens of a token server.
        """
        self.rights, self.tokens = rights, tokens
        self.model = ModelRegistry()
        self.address = ""
        self.seen: list[tuple[str, str, str]] = []
        """Method, path and account of each request; the account may be unknown, or empty."""

    def special(self, method: str, path: str, authorization: str) -> Reply | None:
        """Return a response that the registry gives instead of performing a request."""
        del method, path, authorization
        return None

    def respond(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Perform a request."""
        parts, authorization = urlsplit(url), headers.get("Authorization", "")
        account, granted = self._account(authorization)
        self.seen.append((method, parts.path, account))
        if parts.path == "/token":
            return self._issue(account, parse_qs(parts.query)["scope"][0])
        special = self.special(method, parts.path, authorization)
        if special is not None:
            return special
        path, kind, reference = split_path(parts.path)
        needed = {(path, "pull" if method in {"GET", "HEAD"} else "push")}
        needed |= {(name, "pull") for name in parse_qs(parts.query).get("from", ())}
        if not needed <= granted:
            return self._demand(account)
        name, rest = f"{self.address}/{path}", f"{kind}/{reference}"
        return self.model.request(method, name, rest, parts.query, headers, body)

    def _account(self, authorization: str) -> tuple[str, set[tuple[str, str]]]:
        """Return the account of an authorization, and its repositories with actions."""
        scheme, _, value = authorization.partition(" ")
        if scheme == "Bearer":
            account, _, scope = value.partition("|")
            return account, self._granted(account) & _parse(scope.replace("|", " "))
        try:
            account, _, secret = base64.b64decode(value).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "?", set()
        plain = not self.tokens and secret == "secret"  # noqa: S105 - of a test
        return account, self._granted(account) if plain else set()

    def _granted(self, account: str) -> set[tuple[str, str]]:
        rights = self.rights.get(account, {})
        return {(path, action) for path in rights for action in rights[path].split(",")}

    def _issue(self, account: str, scope: str) -> Reply:
        """Issue a token, which contains its account and all scopes that were asked for."""
        if account not in self.rights:
            return failure(401, "UNAUTHORIZED", "invalid credentials")
        token = f"{account}|{scope.replace(' ', '|')}"
        return 200, {}, json.dumps({"token": token}).encode()

    def _demand(self, account: str) -> Reply:
        realm = f'Bearer realm="http://{self.address}/token"' if self.tokens else 'Basic realm="r"'
        status, _, body = failure(401, "UNAUTHORIZED", f"{account or 'nobody'} may not")
        return status, {"WWW-Authenticate": realm}, body


def _parse(scope: str) -> set[tuple[str, str]]:
    """Return the repositories and the actions of a scope."""
    parts = [text.split(":") for text in scope.split()]
    return {(path, action) for _, path, actions in parts for action in actions.split(",")}


@contextmanager
def serve(registry: AccountRegistry) -> Iterator[None]:
    """Run a registry."""

    class AccountHandler(Handler):
        def answer(self, body: bytes) -> None:
            headers = dict(self.headers.items())
            status, more, content = registry.respond(self.command, self.path, headers, body)
            self.send(status, content, more.items())

    with serving(AccountHandler) as server:
        registry.address = server.host
        yield
