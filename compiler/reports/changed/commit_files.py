"""A project as of a commit: files at the paths that they have in the working tree, never on disk.

Paths outside the work tree are those of the disk. A Git LFS pointer stands for the file of the
working tree if that is the one it names.
"""

import errno
import os
import stat
from collections import deque
from collections.abc import Iterator

from compiler.external.git_lfs import is_pointer_to
from compiler.external.git_line_ends import Conversion
from compiler.external.git_objects import Entry
from compiler.external.git_tree import Folder, below
from compiler.reports.changed.commit_view import CommitView
from compiler.source.file_system import DISK, FOLDER_DIGEST, file_digest, hash_file, link_digest


_MOST_LINKS = 40
"""Links that Linux follows for one path."""


class CommitFiles:
    """The files of a commit, as a file system; its digests are those of `WorkTreeFiles`."""

    def __init__(self, view: CommitView) -> None:
        """Take the files."""
        self._view, self._top = view, view.tree.top

    def exists(self, path: str) -> bool:
        """Return whether there is anything at a path, a dangling link included."""
        above, name = os.path.split(path)
        try:
            self.mode(os.path.join(self.real(above), name))
        except OSError:
            return False
        return True

    def mode(self, path: str) -> int:
        """Return type and mode of what is at a path, as `st_mode`."""
        relative = below(self._top, path)
        if relative is None:
            return DISK.mode(path)
        if not relative:
            return stat.S_IFDIR
        folder, entry = self._entry(relative)
        return folder.file_mode(entry)

    def real(self, path: str) -> str:
        """Return the path without links, also if it does not exist."""
        if below(self._top, path) is None:
            return DISK.real(path)
        remaining, done, followed = path[len(self._top) :].split("/"), list[str](), 0
        while remaining:
            part = remaining.pop(0)
            if part == ".." and not done:
                return DISK.real(os.path.join(os.path.dirname(self._top), *remaining))
            if part == "..":
                done.pop()
            elif part not in {"", "."}:
                target = self._target("/".join(done), part) if followed < _MOST_LINKS else None
                if target is None:
                    done.append(part)
                    continue
                followed += 1
                if target.startswith("/"):
                    if below(self._top, target) is None:
                        return DISK.real(os.path.join(target, *remaining))
                    done, target = [], target[len(self._top) :]
                remaining[:0] = target.split("/")
        return "/".join([self._top.rstrip("/"), *done])

    def link(self, path: str) -> str:
        """Return the target of a link."""
        relative = below(self._top, path)
        if relative is None:
            return DISK.link(path)
        return os.fsdecode(self._view.content(*self._entry(relative)))

    def entries(self, folder: str) -> Iterator[tuple[str, int]]:
        """Yield the names in a folder, each with its type as in `st_mode`."""
        relative = below(self._top, folder)
        if relative is None:
            yield from DISK.entries(folder)
            return
        opened = self._view.folder(relative)
        if opened is None:
            raise _missing(folder)
        for name, entry in opened.entries.items():
            yield name, stat.S_IFMT(opened.file_mode(entry))

    def read(self, path: str, limit: int) -> bytes:
        """Return the first bytes of a regular file, at most `limit`."""
        relative = below(self._top, path)
        if relative is None:
            return DISK.read(path, limit)
        folder, entry = self._entry(relative)
        checked_out = self._checked_out(folder, entry, relative)
        if checked_out is not None:
            return DISK.read(checked_out, limit)
        content = self._view.content(folder, entry, limit)
        return DISK.read(path, limit) if is_pointer_to(content, path) else content[:limit]

    def size(self, path: str) -> int:
        """Return the size of a regular file."""
        relative = below(self._top, path)
        if relative is None:
            return DISK.size(path)
        folder, entry = self._entry(relative)
        checked_out = self._checked_out(folder, entry, relative)
        if checked_out is not None:
            return DISK.size(checked_out)
        written = self._view.written(entry)
        return folder.tree.objects.size(entry.object_id) if written is None else len(written)

    def expect(self, folder: str) -> None:
        """Read the folders of the commit together."""
        relative = below(self._top, folder)
        if relative is not None:
            deque(self._view.tree.load(relative), maxlen=0)

    def digest(self, path: str) -> str:
        """Return a text that is equal for equal files, links and special files only."""
        relative = below(self._top, path)
        if relative is None:
            return DISK.digest(path)
        if not relative:
            return FOLDER_DIGEST
        folder, entry = self._entry(relative)
        mode = folder.file_mode(entry)
        if stat.S_ISDIR(mode):
            return FOLDER_DIGEST
        if stat.S_ISLNK(mode):
            return link_digest(os.fsdecode(self._view.content(folder, entry)))
        checked_out = self._checked_out(folder, entry, relative)
        if checked_out is None:
            return file_digest(mode, entry.object_id)
        return file_digest(mode, hash_file(checked_out, folder.tree.objects.hash_of_blob))

    def _entry(self, relative: str) -> tuple[Folder, Entry]:
        """Return what is at a path below the top, with its folder.

        Raises:
            FileNotFoundError: there is nothing.
        """
        above, _, name = relative.rpartition("/")
        folder = self._view.folder(above)
        entry = None if folder is None else folder.entries.get(name)
        if folder is None or entry is None:
            raise _missing(f"{self._top}/{relative}")
        return folder, entry

    def _target(self, folder: str, name: str) -> str | None:
        """Return the target of a link; None for anything else."""
        opened = self._view.folder(folder)
        entry = None if opened is None else opened.entries.get(name)
        if opened is None or entry is None or not stat.S_ISLNK(opened.file_mode(entry)):
            return None
        return os.fsdecode(self._view.content(opened, entry))

    def _checked_out(self, folder: Folder, entry: Entry, relative: str) -> str | None:
        """Return a file with the bytes of a checkout; None if they are those of the repository."""
        name = relative.rpartition("/")[2]
        if self._view.written(entry) is not None or folder.conversion(name) is not Conversion.ANY:
            return None
        return folder.tree.line_ends.checked_out(folder.path, name)


def _missing(path: str) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
