"""Read the user's registry credentials from Docker's settings, or from a credential helper.

The variable DOCKER_AUTH_CONFIG has precedence over both, as in the docker command since 28.3.
Secrets are never printed or stored.
"""

import base64
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple


DOCKER_HUB = "docker.io"
AUTH_VARIABLE = "DOCKER_AUTH_CONFIG"
"""The variable with credentials in the format of Docker's settings; GitLab's runners set it."""
_HUB_KEY = "https://index.docker.io/v1/"
_TOKEN_USER = "<token>"  # noqa: S105 - the user name of helpers whose secret is an identity token
_HELPER_TIMEOUT = 60


class Credentials(NamedTuple):
    """A user's credentials for one registry."""

    user: str
    secret: str
    identity_token: str = ""
    """A token that is exchanged for access tokens, instead of user and secret."""


def find_credentials(host: str, environment: Mapping[str, str]) -> Credentials | None:
    """Return the user's credentials for a registry, in the docker command's order of precedence."""
    settings = _read_settings(environment)
    keys = (_HUB_KEY, "index.docker.io", DOCKER_HUB) if host == DOCKER_HUB else (host,)
    variable = _parse_settings(environment.get(AUTH_VARIABLE, "").encode())
    credentials = _stored_credentials(variable, keys)
    if credentials is not None:
        return credentials
    helpers = settings.get("credHelpers")
    store = settings.get("credsStore")
    for key in keys:
        helper = (helpers.get(key) if isinstance(helpers, dict) else None) or store
        credentials = _run_helper(helper, key, environment) if isinstance(helper, str) else None
        if credentials is not None:
            return credentials
    return _stored_credentials(settings, keys)


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
    try:
        return _parse_settings((settings_folder(environment) / "config.json").read_bytes())
    except OSError:
        return {}


def _parse_settings(content: bytes) -> Mapping[str, Any]:
    try:
        settings = json.loads(content)
    except ValueError:
        return {}
    return settings if isinstance(settings, dict) else {}


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
    try:
        completed = subprocess.run(  # noqa: S603 - the user's own helper
            [f"docker-credential-{helper}", "get"],
            input=key.encode(),
            env=dict(environment),
            capture_output=True,
            timeout=_HELPER_TIMEOUT,
            check=False,
        )
        response = json.loads(completed.stdout) if completed.returncode == 0 else None
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    if not isinstance(response, dict) or not response.get("Secret"):
        return None
    user, secret = str(response.get("Username", "")), str(response["Secret"])
    return Credentials("", "", secret) if user == _TOKEN_USER else Credentials(user, secret)
