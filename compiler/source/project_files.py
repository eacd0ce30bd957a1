"""Read the files of the project: each once, only inside its folder, and recorded as an input."""

import errno
import os
import posixpath
import re
import stat
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from compiler.codes import Code
from compiler.constants import DOT_GIT, FOLDER, LINK, PRESENT
from compiler.errors import Diagnostic, Location, did_you_mean
from compiler.source.file_globs import find_files, is_glob
from compiler.source.file_system import DISK, FileSystem
from compiler.source.links import link_target


MAX_BYTES = 16 * 1024 * 1024
"""The size limit of a template or data file, in bytes."""

NEAR = "paths are relative to the folder of matrix.yaml"
"""The help for a missing file without a near match."""


_REMEDIES = {
    errno.ELOOP: "mend the link",
    errno.ENOTDIR: "remove the file in place of a folder of this path",
}
"""Error number -> what to do about a path that cannot be read."""


_MOST_NAMES = 10_000
"""The maximum number of files whose names are compared for a hint."""

_HALF = re.compile("[\ud800-\udfff]")
"""Lone surrogates, which an expression can return; no file name can contain them."""


class FileError(Exception):
    """A file cannot be used: code, message and help."""

    def __init__(self, code: Code, message: str, help_: str) -> None:
        super().__init__(message)
        self.code, self.message, self.help = code, message, help_

    def at(self, location: Location) -> Diagnostic:
        """Return the diagnostic at the location that names the file."""
        return Diagnostic(code=self.code, message=self.message, location=location, help=self.help)


class Files:
    """Reads files below a folder, by paths relative to it."""

    def __init__(self, root: Path, shown: str = "", disk: FileSystem = DISK) -> None:
        """Take the folder, and the prefix that users see before a path, such as `images/`."""
        self._shown, self.disk = shown, disk
        # Not `abspath`, which takes `link/..` for the folder that contains the link.
        full = os.path.join(os.getcwd(), root)
        self._real, self._exists = disk.real(full), disk.exists(full)
        self.digests: dict[str, str | None] = {}
        """Path -> `sha256:...` of a file that was read, `folder`, `present`, or None if missing."""
        self.matches: dict[str, list[str]] = {}
        """Glob, or path of a part -> the files that it finds."""
        self.asked: set[str] = set()
        """Paths that were looked up, even if they could not be read."""

    def shown(self, path: str) -> str:
        """Return a path as users see it."""
        return f"{self._shown}{path}"

    def real(self, path: str) -> str:
        """Return the absolute path of what a path leads to."""
        return self.disk.real(os.path.join(self._real, path))

    def is_folder(self, path: str) -> bool:
        """Return whether a path leads to a folder."""
        try:
            return stat.S_ISDIR(self.disk.mode(self.real(path)))
        except OSError:
            return False

    def read(self, path: str, *, limit: int = MAX_BYTES) -> bytes:
        """Read a file.

        Raises:
            FileError: it is missing, not a file, too large, unreadable or outside the folder.
        """
        full, real = self._inside(path)
        try:
            if not self._exists:  # `missing/..`, which `real` takes for the folder above
                raise FileNotFoundError
            mode = self._mode(real)
            if stat.S_ISDIR(mode):
                raise FileError(
                    Code.NOT_A_FILE, f"{self.shown(path)} is a folder", "name a file in it"
                )
            if not stat.S_ISREG(mode):  # reading a pipe or a device may never end
                raise FileError(
                    Code.NOT_A_FILE, f"{self.shown(path)} is not a regular file", "name a text file"
                )
            size = self.disk.size(real)
            if size > limit:
                raise FileError(
                    Code.TOO_LARGE,
                    f"{self.shown(path)} has {size:,} bytes; the limit is {limit:,}",
                    "take out what does not belong there",
                )
            content = self.disk.read(real, limit + 1)
        except FileNotFoundError:
            self.digests[path] = None
            raise FileError(
                Code.MISSING_FILE, f"there is no file {self.shown(path)}", self._near(full)
            ) from None
        except OSError as error:
            raise self._unreadable(path, error) from None
        self.digests[path] = f"sha256:{sha256(content).hexdigest()}"
        return content

    def find(self, pattern: str) -> list[str]:
        """Return the files that match a glob, and record the result as an input.

        Raises:
            FileError: it finds none, or leads out of the folder.
        """
        full, _ = self._inside(pattern)
        paths = self.matches[pattern] = find_files(self._real, pattern, self.disk.entries)
        if paths:
            return paths
        if not is_glob(pattern) and self.disk.exists(full):
            raise FileError(
                Code.NOT_A_FILE,
                f"{self.shown(pattern)} is hidden, a link or not a regular file",
                "name a regular file below the folder of matrix.yaml",
            )
        raise FileError(
            Code.MISSING_FILE,
            f"no file matches {pattern!r}" if is_glob(pattern) else f"there is no file {pattern!r}",
            "hidden files and links do not count" if is_glob(pattern) else self._near(full),
        )

    def absent(self, path: str) -> bool:
        """Return whether a path is missing, and record that as an input."""
        if self.disk.exists(os.path.join(self._real, path)):
            return False
        self.digests[path] = None
        return True

    def exists(self, path: str) -> bool:
        """Return whether a path below the folder exists, and record that as an input.

        Paths that are not recorded as inputs, outside the folder or below `.git`, count as
        existing.
        """
        try:
            full, _ = self._inside(path)
        except FileError:
            return True
        exists = self.disk.exists(full)
        if path != ".":
            target = link_target(self.disk, full)
            recorded = PRESENT if target is None else f"{LINK}{target}"
            self.digests.setdefault(path, recorded if exists else None)
        return exists

    def dot_git(self, folder: str) -> str:
        """Return FOLDER if a folder contains a folder `.git`, PRESENT for a file, empty without.

        Whether it exists is recorded as an input. Nothing in it is read.
        """
        path = posixpath.normpath(f"{folder}/{DOT_GIT}")
        try:
            mode = self.disk.mode(os.path.join(self._inside(folder)[1], DOT_GIT))
        except (FileError, OSError):
            self.digests.setdefault(path, None)
            return ""
        self.digests.setdefault(path, PRESENT)
        return FOLDER if stat.S_ISDIR(mode) else PRESENT

    def named(self, folder: str, suffix: str) -> frozenset[str]:
        """Return the paths in a folder that end with a suffix, and record that they exist."""
        try:
            names = [name for name, _ in self.disk.entries(self._inside(folder)[1])]
        except (FileError, OSError):
            return frozenset()
        paths = {posixpath.normpath(f"{folder}/{n}") for n in names if n.endswith(suffix)}
        for path in paths:
            self.digests.setdefault(path, PRESENT)
        return frozenset(paths)

    def require_folder(self, path: str) -> None:
        """Check that a folder exists.

        Raises:
            FileError: it is missing, not a folder, or outside the folder.
        """
        full, real = self._inside(path)
        try:
            is_folder = stat.S_ISDIR(self._mode(real))
        except FileNotFoundError:
            raise FileError(
                Code.MISSING_CONTEXT, f"missing folder: {self.shown(path)}", self._near(full)
            ) from None
        except OSError as error:
            raise self._unreadable(path, error) from None
        if not is_folder:
            raise FileError(
                Code.MISSING_CONTEXT, f"{self.shown(path)} is not a folder", "name its folder"
            )
        self.digests[path] = FOLDER

    def names(self, folder: str) -> list[str]:
        """Return the paths of all files below a folder, sorted; for near-miss hints.

        Returns none for an unreadable folder, and at most as many as a hint can use.
        """
        try:
            _, top = self._inside(folder)
        except FileError:
            return []
        paths: list[str] = []
        folders = [""]
        while folders and len(paths) <= _MOST_NAMES:
            where = folders.pop()
            with suppress(OSError):
                for name, kind in self.disk.entries(os.path.join(top, where)):
                    path = os.path.join(where, name)
                    (folders if stat.S_ISDIR(kind) else paths).append(path)
        return sorted(paths)

    def _inside(self, path: str) -> tuple[str, str]:
        """Return the absolute path, and the same without links."""
        if "\0" in path or not path or _HALF.search(path):
            raise FileError(
                Code.BAD_PATH,
                f"invalid path {path!r}",
                "use a path inside the folder of matrix.yaml",
            )
        if path.startswith(("/", "~")) or "\\" in path:
            raise FileError(
                Code.OUTSIDE_PROJECT,
                f"{path!r} is not below the folder of matrix.yaml",
                "write it relative to matrix.yaml, with `/`",
            )
        self.asked.add(path)
        full = os.path.join(self._real, path)
        real = self.disk.real(full)
        if real != self._real and not real.startswith(self._real.rstrip("/") + "/"):
            raise FileError(
                Code.OUTSIDE_PROJECT,
                f"{path!r} leads out of the folder of matrix.yaml",
                "use a folder next to or below matrix.yaml",
            )
        below = real[len(self._real) :].lower().split("/")
        if DOT_GIT in below or DOT_GIT in path.lower().split("/"):
            raise FileError(
                Code.GIT_FOLDER,
                f"{path!r} is in the folder {DOT_GIT}, which can contain credentials",
                f"move the file out of {DOT_GIT}",
            )
        return full, real

    def _mode(self, real: str) -> int:
        """Return type and mode of what is at a path without links."""
        mode = self.disk.mode(real)
        if stat.S_ISLNK(mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), real)
        return mode

    def _near(self, full: str) -> str:
        """Return help for a missing path: a near match in its folder."""
        folder, name = os.path.split(full)
        if not self._exists:
            return NEAR
        try:
            neighbours = sorted(name for name, _ in self.disk.entries(self.disk.real(folder)))
        except OSError:
            return NEAR
        return did_you_mean(name, neighbours, otherwise=NEAR)

    def _unreadable(self, path: str, error: OSError) -> FileError:
        reason = (error.strerror or str(error)).lower()
        message = f"{self.shown(path)} cannot be read: {reason}"
        return FileError(Code.UNREADABLE_FILE, message, unreadable_remedy(error))


def unreadable_remedy(error: OSError) -> str:
    """Return what to do about a path that cannot be read."""
    return _REMEDIES.get(error.errno or 0, "give this user the right to read it")
