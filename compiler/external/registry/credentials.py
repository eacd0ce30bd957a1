"""Docker's settings -> the user's login at a registry: kept there, or by a credential helper.

The variable DOCKER_AUTH_CONFIG comes before both, as the docker command has it since 28.3.

Takes the environment and a host; returns a `Login`, or nothing. Never prints or keeps a secret
elsewhere.
"""

import base64
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple


HUB = "docker.io"
AUTH = "DOCKER_AUTH_CONFIG"
"""The variable that may hold logins, before those of the settings; GitLab's runners have it."""
_HUB_KEY = "https://index.docker.io/v1/"
_TOKEN_USER = "<token>"  # noqa: S105 - what helpers give for a user where the secret is a token
_PATIENCE = 60


class Login(NamedTuple):
    """Who the user is at a registry."""

    user: str
    secret: str
    identity_token: str = ""
    """A token to get others by, instead of user and secret."""


def login(host: str, environment: Mapping[str, str]) -> Login | None:
    """Return the user's login at a registry, as the docker command would use it."""
    settings = _settings(environment)
    keys = (_HUB_KEY, "index.docker.io", HUB) if host == HUB else (host,)
    found = _among(_parsed(environment.get(AUTH, "").encode()), keys)
    if found is not None:
        return found
    helpers = settings.get("credHelpers")
    store = settings.get("credsStore")
    for key in keys:
        helper = (helpers.get(key) if isinstance(helpers, dict) else None) or store
        found = _by_helper(helper, key, environment) if isinstance(helper, str) else None
        if found is not None:
            return found
    return _among(settings, keys)


def _among(settings: Mapping[str, Any], keys: tuple[str, ...]) -> Login | None:
    """Return the login that settings themselves hold for one of these names of a registry."""
    auths = settings.get("auths")
    for key, entry in auths.items() if isinstance(auths, dict) else ():
        if isinstance(entry, dict) and (key in keys or _host(key) in keys):
            found = _kept(entry)
            if found is not None:
                return found
    return None


def settings_folder(environment: Mapping[str, str]) -> Path:
    """Return where the docker command keeps the user's settings."""
    home = environment.get("HOME") or os.path.expanduser("~")
    return Path(environment.get("DOCKER_CONFIG") or Path(home, ".docker"))


def _settings(environment: Mapping[str, str]) -> Mapping[str, Any]:
    try:
        return _parsed((settings_folder(environment) / "config.json").read_bytes())
    except OSError:
        return {}


def _parsed(content: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _host(key: str) -> str:
    """Return the host of a key, which may be an address.

    >>> _host("https://registry.example/v2/")
    'registry.example'
    """
    return key.rpartition("://")[2].partition("/")[0]


def _kept(entry: Mapping[str, Any]) -> Login | None:
    user, secret = entry.get("username"), entry.get("password")
    if isinstance(auth := entry.get("auth"), str) and auth:
        try:
            user, _, secret = base64.b64decode(auth).decode().strip("\0").partition(":")
        except ValueError:
            return None
    token = entry.get("identitytoken")
    if isinstance(token, str) and token:
        return Login(str(user or ""), "", token)
    return Login(str(user), str(secret)) if user and secret else None


def _by_helper(helper: str, key: str, environment: Mapping[str, str]) -> Login | None:
    try:
        done = subprocess.run(  # noqa: S603 - the user's own helper
            [f"docker-credential-{helper}", "get"],
            input=key.encode(),
            env=dict(environment),
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
        said = json.loads(done.stdout) if done.returncode == 0 else None
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    if not isinstance(said, dict) or not said.get("Secret"):
        return None
    user, secret = str(said.get("Username", "")), str(said["Secret"])
    return Login("", "", secret) if user == _TOKEN_USER else Login(user, secret)
