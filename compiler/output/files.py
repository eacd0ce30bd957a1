"""Paths and bytes of a project's files, read through open folders; imports nothing slow."""

import os
import stat
from hashlib import sha256

from compiler.constants import DOT_GIT


READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
"""Open a file for reading; a named pipe does not block."""
READ_OURS = READ | os.O_NOFOLLOW
"""Open a file that we have written, which is never a link."""
OPEN_FOLDER = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

CHUNK = 1 << 13
"""Bytes of the first read; most generated files are smaller."""


def digest(content: bytes) -> str:
    """Return the digest of a file's bytes, as `sha256:` and 64 hexadecimal digits."""
    return "sha256:" + sha256(content).hexdigest()


def read(name: str, folder: int, flags: int = READ_OURS) -> bytes:
    """Return the bytes of a file in an open folder.

    Raises:
        OSError: it cannot be read, or is neither empty nor a regular file.
    """
    file = os.open(name, flags, dir_fd=folder)
    try:
        content = os.read(file, CHUNK)
        if len(content) < CHUNK:
            return content
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"not a file: {name}")
        chunks = [content]
        while content := os.read(file, max(status.st_size - CHUNK, CHUNK)):
            chunks.append(content)
        return b"".join(chunks)
    finally:
        os.close(file)


def write_all(file: int, content: bytes) -> None:
    """Write every byte to an open file."""
    written = os.write(file, content)
    while written < len(content):
        written += os.write(file, memoryview(content)[written:])


def is_inside(path: str) -> bool:
    """Return whether a path is relative, normalised, and stays below the folder it starts in."""
    return "\0" not in path and not {"", ".", ".."}.intersection(path.split("/"))


def leads_inside(root: str | os.PathLike[str], path: str) -> bool:
    """Return whether a path lies in the project's folder after all links are followed.

    The folder `.git` in it does not count as the project's.
    """
    top = os.path.realpath(root)
    real = os.path.realpath(f"{top}/{path}")
    return os.path.commonpath((top, real)) == top and DOT_GIT not in real[len(top) :].split("/")
