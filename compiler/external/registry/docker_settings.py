"""Read Docker's settings: files `config.json`, and the variable DOCKER_AUTH_CONFIG."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from compiler.external.git_repository import read_small_file
from compiler.external.json_object import load_object
from compiler.external.registry.credential_helpers import InvalidSettingsError


AUTH_VARIABLE = "DOCKER_AUTH_CONFIG"
"""The variable with credentials in the format of Docker's settings; GitLab's runners set it."""
SETTINGS_FILE = "config.json"
"""The name of the file in a folder of settings."""


def settings_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder of the docker command's settings."""
    home = environment.get("HOME") or os.path.expanduser("~")
    return Path(environment.get("DOCKER_CONFIG") or Path(home, ".docker"))


def read_variable(environment: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the settings in `AUTH_VARIABLE`; empty if it is not set or is empty.

    Raises:
        InvalidSettingsError: it contains something else.
    """
    text = environment.get(AUTH_VARIABLE, "").strip()
    settings = load_object(text.encode(errors="surrogateescape")) if text else {}
    if settings is None:
        raise InvalidSettingsError(
            f"the variable {AUTH_VARIABLE} is not a JSON object", "correct or remove it"
        )
    return settings


def read_settings(folder: Path) -> Mapping[str, Any]:
    """Return the settings in a folder; empty if there are none, or the file is empty.

    Raises:
        InvalidSettingsError: they cannot be read.
    """
    path = folder / SETTINGS_FILE
    try:
        content = read_small_file(str(path))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        reason = error.strerror or "it is not a regular file of at most 1 MiB"
        raise InvalidSettingsError(
            f"cannot read Docker's settings {path}: {reason}",
            "correct the file's permissions, or replace it with a regular file",
        ) from None
    settings = load_object(content) if content.strip() else {}
    if settings is None:
        raise InvalidSettingsError(
            f"Docker's settings {path} are not a JSON object", "correct or remove the file"
        )
    return settings
