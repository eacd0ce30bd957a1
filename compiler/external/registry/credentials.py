"""Read the user's registry credentials from Docker's settings, or from a credential helper.

The variable DOCKER_AUTH_CONFIG has precedence over both, as in the docker command since 28.3.
Secrets are never printed or stored.
"""

import base64
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from compiler.external.git_repository import read_small_file
from compiler.external.json_object import load_object
from compiler.external.registry.credential_helpers import (
    Credentials,
    InvalidSettingsError,
    run_helper,
    valid_text,
)


DOCKER_HUB = "docker.io"
AUTH_VARIABLE = "DOCKER_AUTH_CONFIG"
"""The variable with credentials in the format of Docker's settings; GitLab's runners set it."""
_HUB_KEY = "https://index.docker.io/v1/"
_VARIABLE = f"the variable {AUTH_VARIABLE}"
_REMEDY = "correct or remove it"


def find_credentials(host: str, environment: Mapping[str, str]) -> Credentials | None:
    """Return the user's credentials for a registry, in the docker command's order of precedence.

    Raises:
        InvalidSettingsError: settings cannot be read or decoded, or the credential helper fails.
    """
    keys = (_HUB_KEY, "index.docker.io", DOCKER_HUB) if host == DOCKER_HUB else (host,)
    credentials = _stored_credentials(_read_variable(environment), keys, _VARIABLE)
    if credentials is not None:
        return credentials
    settings = _read_settings(environment)
    named = f"Docker's settings {_settings_path(environment)}"
    helpers = settings.get("credHelpers")
    store = settings.get("credsStore")
    for key in keys:
        helper = (helpers.get(key) if isinstance(helpers, dict) else None) or store
        credentials = run_helper(helper, key, environment) if isinstance(helper, str) else None
        if credentials is not None:
            return credentials
    return _stored_credentials(settings, keys, named)


def settings_with_variable(environment: Mapping[str, str]) -> Mapping[str, Any] | None:
    """Return Docker's settings with the credentials of `AUTH_VARIABLE` in front of all others.

    They are for programs that do not know the variable. Settings that cannot be read count as
    empty. None if the variable contains no credentials.
    """
    own: Any = None
    with suppress(InvalidSettingsError):
        own = _read_variable(environment).get("auths")
    if not isinstance(own, dict) or not own:
        return None
    settings: Mapping[str, Any] = {}
    with suppress(InvalidSettingsError):
        settings = _read_settings(environment)
    stored, helpers = settings.get("auths"), settings.get("credHelpers")
    return {
        **settings,
        "auths": {**(stored if isinstance(stored, dict) else {}), **own},
        # An empty name means: no helper, not even `credsStore`.
        "credHelpers": {
            **(helpers if isinstance(helpers, dict) else {}),
            **dict.fromkeys((*own, *map(_host, own)), ""),
        },
    }


def _stored_credentials(
    settings: Mapping[str, Any], keys: tuple[str, ...], named: str
) -> Credentials | None:
    """Return the credentials that settings contain for one of a registry's names.

    Raises:
        InvalidSettingsError: they cannot be decoded.
    """
    entries = settings.get("auths") or {}
    if not isinstance(entries, dict):
        raise InvalidSettingsError(f"`auths` of {named} must be an object", _REMEDY)
    for key, entry in entries.items():
        if key in keys or _host(key) in keys:
            try:
                credentials = _decode_entry(entry)
            except ValueError:
                raise InvalidSettingsError(
                    f"the credentials for {keys[-1]} in {named} cannot be decoded", _REMEDY
                ) from None
            if credentials is not None:
                return credentials
    return None


def settings_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder of the docker command's settings."""
    home = environment.get("HOME") or os.path.expanduser("~")
    return Path(environment.get("DOCKER_CONFIG") or Path(home, ".docker"))


def _settings_path(environment: Mapping[str, str]) -> Path:
    return settings_folder(environment) / "config.json"


def _read_variable(environment: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the settings in `AUTH_VARIABLE`; empty if it is not set or is empty.

    Raises:
        InvalidSettingsError: it contains something else.
    """
    text = environment.get(AUTH_VARIABLE, "").strip()
    settings = load_object(text.encode(errors="surrogateescape")) if text else {}
    if settings is None:
        raise InvalidSettingsError(f"{_VARIABLE} is not a JSON object", _REMEDY)
    return settings


def _read_settings(environment: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the content of Docker's `config.json`; empty if there is none."""
    path = _settings_path(environment)
    try:
        settings = load_object(read_small_file(str(path)))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        reason = error.strerror or "it is not a regular file of at most 1 MiB"
        raise InvalidSettingsError(
            f"cannot read Docker's settings {path}: {reason}",
            "correct the file's permissions, or replace it with a regular file",
        ) from None
    if settings is None:
        raise InvalidSettingsError(
            f"Docker's settings {path} are not a JSON object", "correct or remove the file"
        )
    return settings


def _host(key: str) -> str:
    """Return the host of a key, which can be a URL.

    >>> _host("https://registry.example/v2/")
    'registry.example'
    """
    return key.rpartition("://")[2].partition("/")[0]


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
    token = entry.get("identitytoken")
    if isinstance(token, str) and token:
        return valid_text(Credentials(str(user or ""), "", token))
    return valid_text(Credentials(str(user), str(secret))) if user and secret else None
