"""Staging folders: where new contents are written before they replace the old ones.

Each folder that a run writes to has one, so that a rename never leaves the file system.
"""

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from compiler.constants import STAGING
from compiler.output.diff import Kind, ancestors, former_folders
from compiler.output.files import CREATE, OPEN_FOLDER, leads_inside, write_all


_LEVELS = 10
"""The levels of folders in a staging folder that are removed; a run creates one."""


class StagedFolder:
    """A folder that is written to, and its staging folder on the same file system.

    The staging folder is inside it. For a folder that this run has created, it is inside the
    project's staging folder instead and replaces the empty folder as a whole: one rename for any
    number of files.
    """

    def __init__(self, path: str, top: int, new: str = "") -> None:
        """Open a folder and create its staging folder.

        Args:
            path: the folder, relative to the project's; empty for that one.
            top: the project's open folder.
            new: the path of the staging folder if this run has created the folder.

        Raises:
            OSError: one of them cannot be opened or created.
        """
        self._path, self._top, self._new = path, top, new
        self._is_replaced = False
        self._folder = os.open(path or ".", OPEN_FOLDER, dir_fd=top)
        parent, name = (top, new) if new else (self._folder, STAGING)
        try:
            os.mkdir(name, dir_fd=parent)
            self._staging = os.open(name, OPEN_FOLDER, dir_fd=parent)
        except OSError:
            os.close(self._folder)
            raise

    def stage(self, name: str, content: bytes) -> None:
        """Write the new content of a file."""
        file = os.open(name, CREATE, 0o666, dir_fd=self._staging)
        try:
            write_all(file, content)
        finally:
            os.close(file)

    def commit(self, name: str, kind: Kind) -> None:
        """Replace a file with its staged content, or delete it."""
        if kind is Kind.DELETE:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self._folder)
        elif self._new:
            os.rename(self._new, self._path, src_dir_fd=self._top, dst_dir_fd=self._top)
            self._new, self._is_replaced = "", True
        elif not self._is_replaced:
            os.rename(name, name, src_dir_fd=self._staging, dst_dir_fd=self._folder)

    def close(self) -> None:
        """Remove the staging folder."""
        os.close(self._staging)
        _sweep(self._folder)
        os.close(self._folder)


def remove_leftovers(root: Path, top: int) -> None:
    """Remove what a killed run left: staged files, and folders that it created and left empty."""
    killed = STAGING in os.listdir(top)
    folders = [folder for folder in former_folders(top) if folder and leads_inside(root, folder)]
    for path in folders:
        with suppress(OSError):
            folder = os.open(path, OPEN_FOLDER, dir_fd=top)
            _sweep(folder)
            os.close(folder)
    if killed:
        remove_empty((folder for path in folders for folder in ancestors(path)), top)
    _sweep(top)


def remove_empty(paths: Iterable[str], top: int) -> None:
    """Remove the empty folders among these, the innermost first."""
    for path in sorted(set(paths), reverse=True):
        with suppress(OSError):
            os.rmdir(path, dir_fd=top)


def _sweep(folder: int) -> None:
    """Remove the staging folder of a folder."""
    with suppress(OSError):
        staging = os.open(STAGING, OPEN_FOLDER | os.O_NOFOLLOW, dir_fd=folder)
        try:
            _empty(staging, _LEVELS)
        finally:
            os.close(staging)
        os.rmdir(STAGING, dir_fd=folder)


def _empty(folder: int, levels: int) -> None:
    """Remove the contents of a staging folder: files, and staging folders of files.

    Raises:
        OSError: one of them cannot be removed, or there are more levels of folders.
    """
    with os.scandir(folder) as entries:
        listed = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in listed:
        if not is_folder:
            os.unlink(name, dir_fd=folder)
            continue
        if not levels:
            raise OSError(errno.ELOOP, "it contains too many levels of folders", name)
        inner = os.open(name, OPEN_FOLDER | os.O_NOFOLLOW, dir_fd=folder)
        try:
            _empty(inner, levels - 1)
        finally:
            os.close(inner)
        os.rmdir(name, dir_fd=folder)
