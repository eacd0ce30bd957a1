"""Find a registry's credentials in `auths` of Docker's settings, and decode them."""

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from compiler.external.registry.credential_helpers import (
    Credentials,
    InvalidSettingsError,
    valid_text,
)
from compiler.external.registry.scopes import DOCKER_HUB, server_name


_HUB_KEY = "https://index.docker.io/v1/"


def registry_keys(host: str) -> tuple[str, ...]:
    """Return the keys by which settings name a registry, the preferred one first."""
    if host == DOCKER_HUB:
        return _HUB_KEY, "index.docker.io", DOCKER_HUB, server_name(DOCKER_HUB)
    return (host,)


def stored_credentials(settings: Mapping[str, Any], host: str, named: str) -> Credentials | None:
    """Return the credentials that settings contain for a registry; None if there are none.

    An entry with the exact name of the registry has precedence over other spellings of it, such
    as URLs. Entries behind the first one with credentials may be malformed.

    Args:
        settings: Docker's settings.
        host: the registry.
        named: what an error calls the settings.

    Raises:
        InvalidSettingsError: the credentials cannot be decoded.
    """
    remedy = "correct or remove it"
    entries = settings.get("auths") or {}
    if not isinstance(entries, dict):
        raise InvalidSettingsError(f"`auths` of {named} must be an object", remedy)
    for entry in _candidates(entries, registry_keys(host)):
        try:
            credentials = _decode_entry(entry)
        except ValueError:
            raise InvalidSettingsError(
                f"the credentials for {host} in {named} cannot be decoded", remedy
            ) from None
        if credentials is not None:
            return credentials
    return None


def key_host(key: str) -> str:
    """Return the host of a key of `auths`, which can be a URL.

    >>> key_host("https://Registry.example/v2/")
    'registry.example'
    """
    return key.rpartition("://")[2].partition("/")[0].lower()


def encode_entry(credentials: Credentials) -> dict[str, str]:
    """Return the entry of `auths` for credentials."""
    pair = f"{credentials.user}:{credentials.secret}" if credentials.secret else ""
    entry = {
        "username": "" if pair else credentials.user,
        "auth": base64.b64encode(pair.encode()).decode(),
        "identitytoken": credentials.identity_token,
        "registrytoken": credentials.registry_token,
    }
    return {name: value for name, value in entry.items() if value}


def _candidates(entries: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[Any]:
    """Yield the entries of a registry: those with an exact key before other spellings."""
    yield from (entries[key] for key in keys if key in entries)
    yield from (
        entry for key, entry in entries.items() if key not in keys and key_host(key) in keys
    )


def _decode_entry(entry: Any) -> Credentials | None:
    """Return the credentials of an entry of `auths`; None if it has none, as with a helper.

    Raises:
        ValueError: they are malformed.
    """
    if not isinstance(entry, dict):
        raise ValueError("no object")  # noqa: TRY004 - as of content that cannot be decoded
    user, secret = entry.get("username"), entry.get("password")
    if isinstance(auth := entry.get("auth"), str) and auth:
        decoded = base64.b64decode("".join(auth.split()), validate=True).decode()
        user, colon, secret = decoded.strip("\0").partition(":")
        if not colon:
            raise ValueError("no user")
    identity_token, registry_token = (
        value if isinstance(value := entry.get(name), str) else ""
        for name in ("identitytoken", "registrytoken")
    )
    if identity_token:
        credentials = Credentials(str(user or ""), "", identity_token, registry_token)
    elif user and secret:
        credentials = Credentials(str(user), str(secret), "", registry_token)
    else:
        credentials = Credentials("", "", "", registry_token)
    return valid_text(credentials) if any(credentials) else None
