"""The folder `.compile-matrix/` of a project: logs, selections, release records, saved state.

Its own .gitignore keeps all of it out of Git. Neither the folder nor the files that this module
opens may be links. Imports nothing slow.
"""

import fcntl
import os
from contextlib import suppress

from compiler.constants import LOCAL_FOLDER
from compiler.output.files import CREATE, OPEN_FOLDER, read, write_all


_IGNORE = ".gitignore"


def create(project: str | os.PathLike[str]) -> str:
    """Create the folder unless it exists, and return its path.

    Raises:
        OSError: it cannot be created, or something else has its name.
    """
    os.close(_create(project))
    return os.path.join(project, LOCAL_FOLDER)


def read_local(project: int, name: str) -> bytes:
    """Return the bytes of a file of the folder, given the project's open folder.

    Raises:
        OSError: it does not exist or cannot be read, or a link is in the way.
    """
    folder = os.open(LOCAL_FOLDER, OPEN_FOLDER | os.O_NOFOLLOW, dir_fd=project)
    try:
        return read(name, folder)
    finally:
        os.close(folder)


def write_local(project: str | os.PathLike[str], name: str, content: bytes) -> None:
    """Write a file of the folder: replaced as a whole, or left as it was.

    Raises:
        OSError: it cannot be written.
    """
    folder = _create(project)
    try:
        _replace(folder, name, content)
    finally:
        os.close(folder)


def _create(project: str | os.PathLike[str]) -> int:
    """Create the folder unless it exists, and return it open, locked against other runs."""
    path = os.path.join(project, LOCAL_FOLDER)
    with suppress(FileExistsError):
        os.mkdir(path)
    folder = os.open(path, OPEN_FOLDER | os.O_NOFOLLOW)
    try:
        with suppress(OSError):  # A file system without locks works without them.
            fcntl.flock(folder, fcntl.LOCK_EX)
        if _IGNORE not in os.listdir(folder):
            _replace(folder, _IGNORE, b"*\n")
    except OSError:
        os.close(folder)
        raise
    return folder


def _replace(folder: int, name: str, content: bytes) -> None:
    temporary = f"{name}.tmp"
    with suppress(FileNotFoundError):  # Left by a run that was killed.
        os.unlink(temporary, dir_fd=folder)
    file = os.open(temporary, CREATE, 0o666, dir_fd=folder)
    try:
        write_all(file, content)
    finally:
        os.close(file)
    os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
