"""Find the user's credentials for a request: in Docker's settings, or from a credential helper.

The variable DOCKER_AUTH_CONFIG has precedence, as in the docker command since 28.3; then buildx's
settings for single repositories; then the general ones. Secrets are never printed or stored.
"""

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from compiler.external.json_object import as_object
from compiler.external.registry.credential_helpers import (
    Credentials,
    InvalidSettingsError,
    run_helper,
)
from compiler.external.registry.docker_settings import (
    AUTH_VARIABLE,
    SETTINGS_FILE,
    read_settings,
    read_variable,
    settings_folder,
)
from compiler.external.registry.repository_settings import find_repository_settings
from compiler.external.registry.scopes import Scope
from compiler.external.registry.stored_credentials import registry_keys, stored_credentials


def find_credentials(scope: Scope, environment: Mapping[str, str]) -> Credentials | None:
    """Return the user's credentials for a request, in the order of precedence of buildx.

    Raises:
        InvalidSettingsError: settings cannot be read or decoded, or the credential helper fails.
    """
    credentials = variable_credentials(scope.host, environment)
    if credentials is not None:
        return credentials
    folder = find_repository_settings(scope, environment) or settings_folder(environment)
    settings = read_settings(folder)
    for helper, key in _helpers(settings, registry_keys(scope.host)):
        credentials = run_helper(helper, key, environment)
        if credentials is not None:
            return credentials
    return stored_credentials(settings, scope.host, f"Docker's settings {folder / SETTINGS_FILE}")


def login_advice(scope: Scope, environment: Mapping[str, str]) -> str:
    """Return how to change the credentials for a request."""
    try:
        if variable_credentials(scope.host, environment) is not None:
            return f"correct or unset {AUTH_VARIABLE}"
        folder = find_repository_settings(scope, environment)
    except InvalidSettingsError:
        folder = None
    if folder is None:
        return "run `docker login`"
    arguments = ("--config", shlex.quote(str(folder)), "login", scope.host)
    return f"run `docker {' '.join(arguments)}`"


def variable_credentials(host: str, environment: Mapping[str, str]) -> Credentials | None:
    """Return the credentials for a registry that `AUTH_VARIABLE` contains.

    Raises:
        InvalidSettingsError: the variable, or its credentials, cannot be decoded.
    """
    return stored_credentials(read_variable(environment), host, f"the variable {AUTH_VARIABLE}")


def _helpers(settings: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield the credential helpers to run for a registry, each with the key to ask for.

    A registry in `credHelpers` does not use `credsStore`; with an empty name, it has no helper.
    """
    named = as_object(settings.get("credHelpers"))
    helpers = {name.lower(): helper for name, helper in named.items()}
    own = {key: helpers[key] for key in keys if key in helpers}
    default = None if any(not helper for helper in own.values()) else settings.get("credsStore")
    for key in keys:
        helper = own.get(key, default)
        if isinstance(helper, str) and helper:
            yield helper, key
