"""Find the settings with credentials for single repositories and actions that buildx reads.

They are folders below buildx's own settings, each with a `config.json` of Docker's format:
`config/HOST[/REPOSITORY][@ACTION,...]`. `docker --config FOLDER login` writes such a file, and so
does GitHub's action for that command, with its input `scope`. Described at
https://docs.docker.com/build/building/registry-auth/.
"""

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from compiler.external.registry.credential_helpers import InvalidSettingsError
from compiler.external.registry.docker_settings import SETTINGS_FILE, settings_folder
from compiler.external.registry.scopes import Scope, server_name


_MISSING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG})
"""The errors of a folder that does not exist."""


class _Candidate(NamedTuple):
    """A folder of settings."""

    folder: Path
    has_repository: bool
    actions: frozenset[str]
    """The actions that a request must need; empty for all requests."""

    @property
    def rank(self) -> tuple[object, ...]:
        """The order of precedence, the lowest first."""
        is_read_only = self.actions == {"pull"}
        return not self.has_repository, -len(self.actions), is_read_only, self.folder.parts


def find_repository_settings(scope: Scope, environment: Mapping[str, str]) -> Path | None:
    """Return the folder of the settings for a request; None if only the general ones apply.

    A folder for the repository has precedence over one for the registry, then the one that names
    most actions of the request. Like buildx, this does not read the settings. A request that mounts
    a blob writes to its own repository, whose settings apply.

    Raises:
        InvalidSettingsError: a folder cannot be read.
    """
    top = _buildx_folder(environment) / "config"
    host = server_name(scope.host)
    *parents, name = host, *scope.repository.split("/")
    candidates = [
        *_candidates(top.joinpath(*parents), name, has_repository=True),
        *_candidates(top, host, has_repository=False),
        *_candidates(top / host, "", has_repository=False),
    ]
    matching = [candidate for candidate in candidates if candidate.actions <= scope.actions]
    return min(matching, key=lambda candidate: candidate.rank).folder if matching else None


def _buildx_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder of buildx's settings."""
    return Path(environment.get("BUILDX_CONFIG") or settings_folder(environment) / "buildx")


def _candidates(parent: Path, name: str, *, has_repository: bool) -> Iterator[_Candidate]:
    """Yield the folders of settings in a folder that have a name, alone or with actions.

    Raises:
        InvalidSettingsError: the folder cannot be read.
    """
    try:
        for entry in os.listdir(parent):
            plain, _, actions = entry.partition("@")
            if plain == name and _has_settings(parent / entry):
                named = frozenset(action.strip() for action in actions.split(",")) - {""}
                yield _Candidate(parent / entry, has_repository, named)
    except OSError as error:
        if error.errno not in _MISSING:
            raise InvalidSettingsError(
                f"cannot read the credentials of buildx in {parent}: {error.strerror}",
                "correct the permissions of the folder",
            ) from None


def _has_settings(folder: Path) -> bool:
    """Return whether a folder contains settings, of whatever kind of file.

    Raises:
        OSError: the folder cannot be read.
    """
    try:
        return not stat.S_ISDIR(os.lstat(folder / SETTINGS_FILE).st_mode)
    except OSError as error:
        if error.errno in _MISSING:
            return False
        raise
