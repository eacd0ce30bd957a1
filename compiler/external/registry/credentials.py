"""Read the user's registry credentials from Docker's settings, or from a credential helper.

The variable DOCKER_AUTH_CONFIG has precedence over both, as in the docker command since 28.3.
Secrets are never printed or stored.
"""

import base64
import json
import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple


DOCKER_HUB = "docker.io"
AUTH_VARIABLE = "DOCKER_AUTH_CONFIG"
"""The variable with credentials in the format of Docker's settings; GitLab's runners set it."""
_HUB_KEY = "https://index.docker.io/v1/"
_TOKEN_USER = "<token>"  # noqa: S105 - the user name of helpers whose secret is an identity token
_HELPER_TIMEOUT = 60


_NOT_STORED = "credentials not found"
"""What a helper prints if it has no credentials for a registry; it then fails as well."""
_MAX_QUOTE = 200
"""Maximum number of characters of a helper's own message in an error."""


class InvalidSettingsError(Exception):
    """Docker's settings are invalid, or the credential helper that they name fails."""

    def __init__(self, message: str, help_: str) -> None:
        super().__init__(message)
        self.message, self.help = message, help_


class Credentials(NamedTuple):
    """A user's credentials for one registry."""

    user: str
    secret: str
    identity_token: str = ""
    """A token that is exchanged for access tokens, instead of user and secret."""


def find_credentials(host: str, environment: Mapping[str, str]) -> Credentials | None:
    """Return the user's credentials for a registry, in the docker command's order of precedence.

    Raises:
        InvalidSettingsError: the settings cannot be read, or the credential helper fails.
    """
    keys = (_HUB_KEY, "index.docker.io", DOCKER_HUB) if host == DOCKER_HUB else (host,)
    variable = _parse_settings(environment.get(AUTH_VARIABLE, "").encode()) or {}
    credentials = _stored_credentials(variable, keys)
    if credentials is not None:
        return credentials
    settings = _read_settings(environment)
    helpers = settings.get("credHelpers")
    store = settings.get("credsStore")
    for key in keys:
        helper = (helpers.get(key) if isinstance(helpers, dict) else None) or store
        credentials = _run_helper(helper, key, environment) if isinstance(helper, str) else None
        if credentials is not None:
            return credentials
    return _stored_credentials(settings, keys)


def settings_with_variable(environment: Mapping[str, str]) -> Mapping[str, Any] | None:
    """Return Docker's settings with the credentials of `AUTH_VARIABLE` in front of all others.

    They are for programs that do not know the variable. Settings that cannot be read count as
    empty. None if the variable contains no credentials.
    """
    variable = _parse_settings(environment.get(AUTH_VARIABLE, "").encode()) or {}
    own = variable.get("auths")
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


def _stored_credentials(settings: Mapping[str, Any], keys: tuple[str, ...]) -> Credentials | None:
    """Return the credentials that settings contain for one of a registry's names."""
    entries = settings.get("auths")
    for key, entry in entries.items() if isinstance(entries, dict) else ():
        if isinstance(entry, dict) and (key in keys or _host(key) in keys):
            credentials = _decode_entry(entry)
            if credentials is not None:
                return credentials
    return None


def settings_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder of the docker command's settings."""
    home = environment.get("HOME") or os.path.expanduser("~")
    return Path(environment.get("DOCKER_CONFIG") or Path(home, ".docker"))


def _read_settings(environment: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the content of Docker's `config.json`; empty if there is none."""
    path = settings_folder(environment) / "config.json"
    try:
        settings = _parse_settings(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        reason = error.strerror or str(error)
        raise InvalidSettingsError(
            f"cannot read Docker's settings {path}: {reason}", "correct the file's permissions"
        ) from None
    if settings is None:
        raise InvalidSettingsError(
            f"Docker's settings {path} are not a JSON object", "correct or remove the file"
        )
    return settings


def _parse_settings(content: bytes) -> Mapping[str, Any] | None:
    """Return settings; None if the text is not a JSON object."""
    try:
        settings = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return settings if isinstance(settings, dict) else None


def _host(key: str) -> str:
    """Return the host of a key, which can be a URL.

    >>> _host("https://registry.example/v2/")
    'registry.example'
    """
    return key.rpartition("://")[2].partition("/")[0]


def _decode_entry(entry: Mapping[str, Any]) -> Credentials | None:
    user, secret = entry.get("username"), entry.get("password")
    if isinstance(auth := entry.get("auth"), str) and auth:
        try:
            user, _, secret = base64.b64decode(auth).decode().strip("\0").partition(":")
        except ValueError:
            return None
    token = entry.get("identitytoken")
    if isinstance(token, str) and token:
        return Credentials(str(user or ""), "", token)
    return Credentials(str(user), str(secret)) if user and secret else None


def _run_helper(helper: str, key: str, environment: Mapping[str, str]) -> Credentials | None:
    """Return the credentials that a helper has for a key; None if it has none."""
    program = f"docker-credential-{helper}"
    named = f"credential helper {program}"
    remedy = "correct the helper, or the name in `credsStore` or `credHelpers` of config.json"
    try:
        completed = subprocess.run(  # noqa: S603 - the user's own helper
            [program, "get"],
            input=key.encode(),
            env=dict(environment),
            capture_output=True,
            timeout=_HELPER_TIMEOUT,
            check=False,
        )
    except FileNotFoundError:
        raise InvalidSettingsError(
            f"{named} is not on PATH",
            "install it, or remove its name from `credsStore` or `credHelpers` of config.json",
        ) from None
    except subprocess.TimeoutExpired:
        raise InvalidSettingsError(
            f"{named} does not finish within {_HELPER_TIMEOUT} seconds", remedy
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InvalidSettingsError(f"cannot run {named}: {reason}", remedy) from None
    if completed.returncode:
        output = completed.stdout.strip() or completed.stderr.strip()
        message = " ".join(output.decode(errors="replace").split())[:_MAX_QUOTE]
        if message.startswith(_NOT_STORED):
            return None
        printable = "".join(character for character in message if character.isprintable())
        raise InvalidSettingsError(
            f"{named} failed: {printable or f'exit code {completed.returncode}'}", remedy
        )
    response = _parse_settings(completed.stdout)
    if response is None:
        raise InvalidSettingsError(f"{named} did not print a JSON object", remedy)
    if not response.get("Secret"):
        return None
    user, secret = str(response.get("Username", "")), str(response["Secret"])
    return Credentials("", "", secret) if user == _TOKEN_USER else Credentials(user, secret)
