"""Find the repository of a folder: only a real `.git`, never a folder that looks like one.

Git itself takes any folder with HEAD, objects/ and refs/ for a bare repository, and a branch can
contain such a folder as ordinary files.
"""

import os
import stat
from collections.abc import Iterable
from typing import NamedTuple

from compiler.constants import DOT_GIT


_MAX_BYTES = 1 << 20
_GITFILE = b"gitdir: "


class Repository(NamedTuple):
    """Where the parts of a repository are; all paths are absolute."""

    work_tree: str
    """The folder that contains `.git`."""
    git_dir: str
    """The folder with the HEAD and the index of this work tree."""
    common_dir: str
    """The folder with the objects and references that all its work trees share."""

    def prefix(self, folder: str | os.PathLike[str]) -> str:
        """Return a folder's path in the work tree: empty, or with `/` at the end."""
        path = os.path.relpath(os.path.realpath(folder), self.work_tree)
        return "" if path == "." else f"{path}/"

    def is_own(self) -> bool:
        """Return whether the work tree and the repository belong to the user of this process."""
        users = {os.geteuid()}
        sudo = os.environ.get("SUDO_UID", "")
        if os.geteuid() == 0 and sudo.isdecimal():
            users.add(int(sudo))
        folders = (self.work_tree, os.path.join(self.work_tree, DOT_GIT), self.git_dir)
        return all(os.lstat(folder).st_uid in users for folder in folders)

    def is_listed(self, safe_directories: Iterable[str]) -> bool:
        """Return whether values of `safe.directory` allow a repository of another user."""
        return any(
            value == "*"
            or os.path.normpath(value) in {self.work_tree, self.git_dir}
            or (value.endswith("/*") and f"{self.work_tree}/".startswith(value[:-1]))
            for value in safe_directories
        )


def find_repository(folder: str | os.PathLike[str]) -> Repository | None:
    """Return the repository whose work tree contains a folder, on the same file system, or None."""
    path = os.path.realpath(folder)
    device = os.stat(path).st_dev
    while os.stat(path).st_dev == device:
        repository = repository_at(path)
        parent = os.path.dirname(path)
        if repository is not None or parent == path:
            return repository
        path = parent
    return None


def repository_at(work_tree: str) -> Repository | None:
    """Return the repository of the `.git` in a folder, or None."""
    path = os.path.join(work_tree, DOT_GIT)
    try:
        if not os.path.isdir(path):
            target = read_small_file(path)
            if not target.startswith(_GITFILE):
                return None
            path = os.path.join(work_tree, os.fsdecode(target[len(_GITFILE) :].rstrip(b"\r\n")))
        common = path
        if os.path.lexists(os.path.join(path, "commondir")):
            other = read_small_file(os.path.join(path, "commondir")).rstrip(b"\r\n")
            common = os.path.join(path, os.fsdecode(other))
        if not os.path.lexists(os.path.join(path, "HEAD")):
            return None
        if not all(os.path.isdir(os.path.join(common, name)) for name in ("objects", "refs")):
            return None
    except (OSError, ValueError):
        return None
    return Repository(work_tree, os.path.realpath(path), os.path.realpath(common))


def read_small_file(path: str) -> bytes:
    """Return the bytes of a regular file of at most 1 MiB.

    Raises:
        OSError: it cannot be read, is larger, or is a pipe or a device.
    """
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_BYTES:
            raise OSError(f"not a small regular file: {path}")
        content = b""
        while chunk := os.read(file, _MAX_BYTES + 1 - len(content)):
            content += chunk
            if len(content) > _MAX_BYTES:
                raise OSError(f"not a small regular file: {path}")
        return content
    finally:
        os.close(file)
