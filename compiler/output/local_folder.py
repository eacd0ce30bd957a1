"""The folder `.compile-matrix/` of a project: logs, selections, release records, saved state.

Its own .gitignore keeps the folder out of Git. A checkout may contain anything under these names,
so neither the folder nor a file in it is opened through a link. Imports nothing slow.
"""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from compiler.constants import LOCAL_FOLDER
from compiler.output.files import APPEND, CREATE, OPEN_FOLDER, read, write_all


_IGNORE = ".gitignore"
_LINK_IN_PATH = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EMLINK})


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


def load_local(project: str | os.PathLike[str], name: str) -> bytes:
    """Return the bytes of a file of the folder, given the project's path.

    Raises:
        OSError: it does not exist or cannot be read, or a link is in the way.
    """
    folder = os.open(project, OPEN_FOLDER)
    try:
        return read_local(folder, name)
    finally:
        os.close(folder)


def write_local(project: str | os.PathLike[str], name: str, content: bytes) -> None:
    """Write a file of the folder: replaced as a whole, or left as it was.

    Args:
        project: the project's folder.
        name: the file's name, or its path in a folder of the folder: `logs/a.log`.
        content: the new bytes.

    Raises:
        OSError: it cannot be written, or a link is in the way of its folder.
    """
    with _opened(project, name) as (folder, file_name):
        _replace(folder, file_name, content)


def append_local(project: str | os.PathLike[str], name: str, content: bytes) -> None:
    """Append to a file of the folder; create it if missing.

    Raises:
        OSError: it cannot be written, or it is a link or another special file.
    """
    with _opened(project, name) as (folder, file_name):
        file = os.open(file_name, APPEND, 0o666, dir_fd=folder)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise OSError(errno.EINVAL, "it is not a regular file")
            write_all(file, content)
        finally:
            os.close(file)


def remove_local(project: str | os.PathLike[str], name: str) -> None:
    """Remove a file of the folder, or the link in its place; do nothing if it does not exist.

    Raises:
        OSError: it cannot be removed, or a link is in the way of its folder.
    """
    with _opened(project, name) as (folder, file_name), suppress(FileNotFoundError):
        os.unlink(file_name, dir_fd=folder)


@contextmanager
def _opened(project: str | os.PathLike[str], name: str) -> Iterator[tuple[int, str]]:
    """Provide the open folder of a file and the file's name in it; explain failures."""
    inner, _, file_name = name.rpartition("/")
    folders: list[int] = []
    try:
        folders.append(_create(project))
        if inner:
            with suppress(FileExistsError):
                os.mkdir(inner, dir_fd=folders[0])
            folders.append(os.open(inner, OPEN_FOLDER | os.O_NOFOLLOW, dir_fd=folders[0]))
        yield folders[-1], file_name
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in _LINK_IN_PATH:
            reason = f"a link or another file is in the way of {LOCAL_FOLDER}/ or this file"
        path = os.path.join(project, LOCAL_FOLDER, name)
        raise OSError(error.errno, reason, path) from error
    finally:
        for folder in folders:
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
