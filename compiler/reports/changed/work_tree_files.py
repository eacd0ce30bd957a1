"""The working tree, with digests that are comparable with those of a commit.

A file is known by the ID that its bytes have as a blob. A file that Git reports as unchanged is not
read; any other file is hashed as Git hashes a blob. Of its mode, the executable bit counts: no
commit records setuid, setgid and sticky bits.
"""

import os
import stat
from collections.abc import Mapping

from compiler.external.git_lfs import POINTER_BYTES, is_pointer_to
from compiler.external.git_line_ends import Conversion
from compiler.external.git_objects import LINK, Entry
from compiler.external.git_tree import CommitTree, Folder, below
from compiler.source.file_system import SPECIAL, Disk, file_digest, hash_file, is_same_file


_NONE: Mapping[str, Entry] = {}


class WorkTreeFiles(Disk):
    """The disk, with the digests of `CommitFiles`."""

    def __init__(self, tree: CommitTree) -> None:
        """Take the commit with which files will be compared."""
        self._tree = tree
        self._plain: dict[str, Mapping[str, Entry]] = {}
        """Path of a folder whose files are unchanged -> what the commit has in it."""
        self._others: set[str] = set()
        """What was looked at and is not certainly as in the commit."""

    def is_unchanged(self, folder: str) -> bool:
        """Return whether everything in a folder that was looked at is as in the commit.

        That also means that nothing is missing which the commit has.
        """
        relative = below(self._tree.top, folder)
        if relative is None or self._tree.differs_below(relative):
            return False
        return all(below(folder, path) is None for path in self._others)

    def mode(self, path: str) -> int:
        """Return type and mode of what is at a path, as `st_mode`."""
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            self._compare_link(path)
        return mode

    def expect(self, folder: str) -> None:
        """Read the folders of the commit together."""
        relative = below(self._tree.top, folder)
        for opened in self._tree.load(relative) if relative is not None else ():
            if opened.is_plain():
                path = os.path.join(opened.tree.top, opened.path).rstrip("/")
                self._plain[path] = opened.entries

    def digest(self, path: str) -> str:
        """Return a text that is equal for equal files, links and special files only."""
        above, _, name = path.rpartition("/")
        entry = self._plain.get(above, _NONE).get(name)
        if entry is not None and stat.S_ISREG(entry.mode):
            return file_digest(entry.mode, entry.object_id)
        mode = os.lstat(path).st_mode & ~SPECIAL
        if stat.S_ISREG(mode):
            return file_digest(mode, self._blob(path, mode))
        if stat.S_ISLNK(mode):
            self._compare_link(path)
        else:
            self._others.add(path)
        return super().digest(path)

    def _blob(self, path: str, mode: int) -> str:
        """Return the ID of a file's bytes."""
        folder, entry = self._committed(path)
        if folder is None or entry is None or not stat.S_ISREG(folder.file_mode(entry)):
            self._others.add(path)
            return hash_file(path, self._tree.objects.hash_of_blob)
        if is_same_file(mode, entry.mode) and self._is_unchanged(path, folder, entry):
            return entry.object_id
        self._others.add(path)
        blob = hash_file(path, self._tree.objects.hash_of_blob)
        if blob != entry.object_id:
            content = folder.tree.objects.read(entry.object_id, POINTER_BYTES)
            if is_pointer_to(content, path):
                return entry.object_id
        return blob

    def _committed(self, path: str) -> tuple[Folder | None, Entry | None]:
        """Return what the commit has at a path, with its folder."""
        above, name = os.path.split(path)
        relative = below(self._tree.top, above)
        folder = None if relative is None else self._tree.folder(relative)
        return folder, None if folder is None else folder.entries.get(name)

    def _is_unchanged(self, path: str, folder: Folder, entry: Entry) -> bool:
        """Return whether a file certainly has the bytes that the repository has of it."""
        name = os.path.basename(path)
        if folder.differs(name):
            return False
        conversion = folder.conversion(name)
        if conversion is Conversion.TO_LF:  # which removes bytes
            return folder.tree.line_ends.sizes.get(entry.object_id) == self.size(path)
        return conversion is Conversion.NONE

    def _compare_link(self, path: str) -> None:
        """Note a link that is not certainly as in the commit."""
        folder, entry = self._committed(path)
        is_link = folder is not None and entry is not None and entry.mode == LINK
        if folder is None or not is_link or folder.differs(os.path.basename(path)):
            self._others.add(path)
