"""Read trees and blobs of a repository through one process, `git cat-file --batch`."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import new
from typing import TYPE_CHECKING, NamedTuple

from compiler.external.git import Git
from compiler.external.git_process import GitError, Started


if TYPE_CHECKING:
    from hashlib import _Hash as Hash

FILE = 0o100644
FOLDER = 0o040000
LINK = 0o120000
SUBMODULE = 0o160000
_MODES = {b"100644": FILE, b"40000": FOLDER}
_CHUNK = 1 << 20
_BATCH = 500
"""Requests at once: all of them fit into a pipe, so that writing them does not wait."""
_ENTRIES = {n: re.compile(rb"([0-7]+) ([^\0]+)\0(.{%d})" % (n // 2), re.DOTALL) for n in (40, 64)}
"""Number of digits of an object ID -> what an entry of a tree looks like."""
_ALGORITHMS = {40: "sha1", 64: "sha256"}
"""Number of digits of an object ID -> the hash of its repository."""


class Entry(NamedTuple):
    """What a tree contains under a name."""

    mode: int
    object_id: str


class Objects:
    """The objects of one repository."""

    def __init__(self, process: Started) -> None:
        """Take `git cat-file --batch`."""
        self._process = process
        self._digits = 40

    def resolve(self, expression: str) -> str:
        """Return the ID of the object that an expression names.

        Raises:
            GitError: it names none.
        """
        if "\n" in expression:
            raise GitError("a line end in the name of an object")
        self._write(expression)
        object_id, size = self._answered(expression)
        self._skip(size + 1)
        self._digits = len(object_id)
        return object_id

    def hash_of_blob(self, size: int) -> "Hash":
        """Return the hash from which the ID of a blob is made; its bytes are to be added."""
        start = b"blob %d\0" % size
        return new(_ALGORITHMS[self._digits], start, usedforsecurity=False)

    def read(self, object_id: str, limit: int = -1) -> bytes:
        """Return the content of an object, at most the first `limit` bytes.

        Raises:
            GitError: the repository does not have the object.
        """
        size = self._request(object_id)
        content = self._process.read(size if limit < 0 else min(size, limit))
        self._skip(size + 1 - len(content))
        return content

    def size(self, object_id: str) -> int:
        """Return the size of an object.

        Raises:
            GitError: the repository does not have the object.
        """
        size = self._request(object_id)
        self._skip(size + 1)
        return size

    def _request(self, object_id: str) -> int:
        """Ask for an object and return its size; its content and a newline follow."""
        self._write(object_id)
        return self._answered(object_id)[1]

    def _write(self, request: str) -> None:
        self._process.write(request.encode(errors="surrogateescape") + b"\n")

    def _answered(self, request: str) -> tuple[str, int]:
        """Return the ID and the size of the next object."""
        match self._process.line().split():
            case [object_id, _, size] if size.isdigit():
                return object_id.decode(), int(size)
            case _:
                raise GitError(f"the object {request} is missing")

    def _skip(self, size: int) -> None:
        while size > 0:
            size -= len(self._process.read(min(size, _CHUNK)))

    def tree(self, object_id: str) -> Mapping[str, Entry]:
        """Return the entries of a tree.

        Args:
            object_id: an ID, or an expression that names a tree.

        Raises:
            GitError: the repository does not have the tree.
        """
        return self._entries(self.read(object_id))

    def trees(self, object_ids: Sequence[str]) -> list[Mapping[str, Entry]]:
        """Return the entries of many trees; this is faster than to ask for one at a time.

        Raises:
            GitError: the repository does not have one of them.
        """
        trees: list[Mapping[str, Entry]] = []
        for start in range(0, len(object_ids), _BATCH):
            batch = object_ids[start : start + _BATCH]
            self._write("\n".join(batch))
            for object_id in batch:
                _, size = self._answered(object_id)
                content = self._process.read(size)
                self._skip(1)
                trees.append(self._entries(content))
        return trees

    def _entries(self, content: bytes) -> dict[str, Entry]:
        """Read the content of a tree."""
        return {
            os.fsdecode(name): Entry(_MODES.get(mode) or int(mode, 8), object_id.hex())
            for mode, name, object_id in _ENTRIES[self._digits].findall(content)
        }


@contextmanager
def objects_of(git: Git) -> Iterator[Objects]:
    """Provide the objects of a repository.

    Raises:
        GitError: Git cannot be started.
    """
    with git.started(("cat-file", "--batch")) as process:
        yield Objects(process)
