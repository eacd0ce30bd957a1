"""What the project's files are read from: the disk, or a Git commit that looks like a disk.

All paths are absolute. Only `real` follows links.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from hashlib import sha256
from io import BufferedReader
from typing import TYPE_CHECKING, Protocol


if TYPE_CHECKING:
    from hashlib import _Hash as Hash

FOLDER_DIGEST = sha256(b"folder").hexdigest()
"""The digest of every folder."""

_CHUNK = 1 << 20
"""Bytes that are read at once."""
SPECIAL = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX
"""Bits of a mode that images contain and commits do not."""
_MODE = SPECIAL | stat.S_IXUSR
_COMPARED = stat.S_IFMT(0o777777) | _MODE
_PREFIXES = {stat.S_IXUSR: "x"}
"""Mode -> what comes before the digest of a file's bytes."""


class FileSystem(Protocol):
    """Reads folders, files and links; every method but `exists` and `real` raises OSError."""

    def exists(self, path: str) -> bool:
        """Return whether there is anything at a path, a dangling link included."""

    def mode(self, path: str) -> int:
        """Return type and mode of what is at a path, as `st_mode`."""

    def real(self, path: str) -> str:
        """Return the path without links, also if it does not exist."""

    def link(self, path: str) -> str:
        """Return the target of a link."""

    def entries(self, folder: str) -> Iterator[tuple[str, int]]:
        """Yield the names in a folder, each with its type as in `st_mode`."""

    def read(self, path: str, limit: int) -> bytes:
        """Return the first bytes of a regular file, at most `limit`."""

    def size(self, path: str) -> int:
        """Return the size of a regular file."""

    def expect(self, folder: str) -> None:
        """Take note that most of what is below a folder will be read."""

    def digest(self, path: str) -> str:
        """Return a text that is equal for equal files, links and special files only."""


class Disk:
    """The disk; a digest is that of a file's bytes."""

    def exists(self, path: str) -> bool:
        """Return whether there is anything at a path, a dangling link included."""
        return os.path.lexists(path)

    def mode(self, path: str) -> int:
        """Return type and mode of what is at a path, as `st_mode`."""
        return os.lstat(path).st_mode

    def real(self, path: str) -> str:
        """Return the path without links, also if it does not exist."""
        return os.path.realpath(path)

    def link(self, path: str) -> str:
        """Return the target of a link."""
        return os.readlink(path)

    def entries(self, folder: str) -> Iterator[tuple[str, int]]:
        """Yield the names in a folder, each with its type as in `st_mode`."""
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_symlink():
                    yield entry.name, stat.S_IFLNK
                elif entry.is_file():
                    yield entry.name, stat.S_IFREG
                elif entry.is_dir():
                    yield entry.name, stat.S_IFDIR
                else:
                    yield entry.name, stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode)

    def read(self, path: str, limit: int) -> bytes:
        """Return the first bytes of a regular file, at most `limit`."""
        with open_regular(path) as file:
            return file.read(limit)

    def size(self, path: str) -> int:
        """Return the size of a regular file."""
        return os.lstat(path).st_size

    def expect(self, folder: str) -> None:
        """Do nothing."""

    def digest(self, path: str) -> str:
        """Return a text that is equal for equal files, links and special files only."""
        state = os.lstat(path)
        if stat.S_ISREG(state.st_mode):
            return file_digest(state.st_mode, hash_file(path, lambda _: sha256()))
        return other_digest(state, path)


DISK = Disk()


def is_same_file(mode: int, other: int) -> bool:
    """Return whether two modes are those of regular files that are equal if their bytes are."""
    return not (mode ^ other) & _COMPARED and stat.S_ISREG(mode)


def file_digest(mode: int, content: str) -> str:
    """Return the digest of a file, by its mode and the digest of its bytes.

    >>> file_digest(0o644, "0a"), file_digest(0o755, "0a"), file_digest(0o4755, "0a")
    ('0a', 'x0a', '4100 0a')
    """
    bits = mode & _MODE
    return f"{_PREFIXES.get(bits, f'{bits:o} ')}{content}" if bits else content


def link_digest(target: str) -> str:
    """Return the digest of a link, by its target."""
    return sha256(b"link\0" + os.fsencode(target)).hexdigest()


def other_digest(state: os.stat_result, path: str) -> str:
    """Return the digest of what is not a file: a link, a folder, a pipe or a device."""
    if stat.S_ISLNK(state.st_mode):
        return link_digest(os.readlink(path))
    if stat.S_ISDIR(state.st_mode):
        return FOLDER_DIGEST
    kind = stat.S_IFMT(state.st_mode)
    return sha256(f"special\0{kind}\0{state.st_rdev}".encode()).hexdigest()


def hash_file(path: str, begin: Callable[[int], "Hash"]) -> str:
    """Return the digest of a regular file's bytes.

    Args:
        path: the file; a link is not followed.
        begin: returns a new hash, for the size of the file.

    Raises:
        OSError: it cannot be read, or is not a regular file.
    """
    file = _open(path)
    try:
        digest = begin(os.fstat(file).st_size)
        while chunk := os.read(file, _CHUNK):
            digest.update(chunk)
    finally:
        os.close(file)
    return digest.hexdigest()


def open_regular(path: str) -> BufferedReader:
    """Open a regular file for reading; do not block on a pipe, do not follow a link.

    Raises:
        OSError: it cannot be read, or is not a regular file.
    """
    return os.fdopen(_open(path), "rb")


def _open(path: str) -> int:
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK | os.O_NOFOLLOW
    file = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(errno.EINVAL, "it is not a regular file", path)
    return file
