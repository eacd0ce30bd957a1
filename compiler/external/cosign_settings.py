"""Write the credentials of repositories in the form in which cosign finds them.

cosign reads one file of Docker's settings. It knows neither the variable DOCKER_AUTH_CONFIG nor
buildx's settings for single repositories. But it looks up `HOST/REPOSITORY` in `auths`
before `HOST`.
"""

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from compiler.external.json_object import as_object
from compiler.external.references import split_repository
from compiler.external.registry.credential_helpers import InvalidSettingsError
from compiler.external.registry.credentials import find_credentials, variable_credentials
from compiler.external.registry.docker_settings import (
    SETTINGS_FILE,
    read_settings,
    read_variable,
    settings_folder,
)
from compiler.external.registry.repository_settings import find_repository_settings
from compiler.external.registry.scopes import DOCKER_HUB, Scope
from compiler.external.registry.stored_credentials import (
    encode_entry,
    key_host,
    stored_credentials,
)


def provide_settings(
    references: Iterable[str],
    actions: frozenset[str],
    environment: Mapping[str, str],
    folder: str,
) -> Mapping[str, str]:
    """Return the variables with which cosign finds the credentials of images.

    Args:
        references: the images as `REPOSITORY@DIGEST`.
        actions: what cosign does to their repositories, as token servers name it.
        environment: the variables of this process.
        folder: a temporary folder, for a file with credentials.

    Raises:
        InvalidSettingsError: buildx's settings cannot be read or decoded, or the file cannot be
            written.
    """
    settings = _make_settings(references, actions, environment)
    if settings is None:
        return environment
    try:
        own = tempfile.mkdtemp(dir=folder)
        with open(os.path.join(own, SETTINGS_FILE), "x", encoding="utf-8") as file:
            json.dump(settings, file)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InvalidSettingsError(f"cannot write credentials: {reason}", "try again") from None
    return {**environment, "DOCKER_CONFIG": own}


def _make_settings(
    references: Iterable[str], actions: frozenset[str], environment: Mapping[str, str]
) -> Mapping[str, Any] | None:
    """Return the settings for cosign; None if the user's own file is sufficient.

    Credentials of the variable have precedence over those for a repository. The user's own
    settings count as empty if they cannot be read.
    """
    variable: Mapping[str, Any] = {}
    settings: Mapping[str, Any] = {}
    with suppress(InvalidSettingsError):
        variable = as_object(read_variable(environment).get("auths"))
    with suppress(InvalidSettingsError):
        settings = read_settings(settings_folder(environment))
    hosts, own = {}, {}
    for host, path in sorted(_repositories(references)):
        entry = _repository_entry(Scope(host, path, actions), environment)
        if entry is not None:
            hosts[host] = _host_entry(host, settings)
            own[f"{'index.docker.io' if host == DOCKER_HUB else host}/{path}"] = entry
    if not variable and not own:
        return None
    without_helper = (*own, *variable, *map(key_host, variable))
    return {
        **settings,
        "auths": {**hosts, **as_object(settings.get("auths")), **own, **variable},
        # An empty name means: no helper, not even `credsStore`.
        "credHelpers": {
            **as_object(settings.get("credHelpers")),
            **dict.fromkeys(without_helper, ""),
        },
    }


def _repositories(references: Iterable[str]) -> set[tuple[str, str]]:
    """Return the host and the path of each repository of images."""
    locations = {split_repository(name.partition("@")[0]) for name in references}
    return {location for location in locations if location is not None}


def _repository_entry(scope: Scope, environment: Mapping[str, str]) -> Mapping[str, str] | None:
    """Return the entry of `auths` for a repository that has settings of its own."""
    if find_repository_settings(scope, environment) is None or variable_credentials(
        scope.host, environment
    ):
        return None
    credentials = find_credentials(scope, environment)
    return encode_entry(credentials) if credentials else None


def _host_entry(host: str, settings: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the entry of `auths` for a registry, which is empty if it has no credentials.

    Without an entry of its exact name, cosign would use that of one of its repositories.
    """
    with suppress(InvalidSettingsError):
        credentials = stored_credentials(settings, host, "Docker's settings")
        return encode_entry(credentials) if credentials else {}
    return {}
