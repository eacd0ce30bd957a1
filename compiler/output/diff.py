"""Compare artifacts with the files on disk: which files a run would change. Only reads."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from compiler.codes import Code
from compiler.constants import BAKE_FILE, DOCKERFILE_SUFFIX, DOT_GIT, PLAN_FILE, STAGING
from compiler.errors import CompileError, Diagnostic, Location
from compiler.output.artifact import Artifact
from compiler.output.files import OPEN_FOLDER, is_inside, leads_inside, read
from compiler.output.manifest import is_leftover, is_marked, listed_files, plan_folders


JOURNAL = "folders"
"""The file in the project's staging folder that names each folder a run writes to, one a line."""
_LONGEST_JOURNAL = 16_384
"""Bytes of a journal that are read: a run writes to a few folders, but a checkout may have one."""


class Kind(StrEnum):
    """What happens to a file."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class Change(NamedTuple):
    """A file that differs from what it should be."""

    kind: Kind
    path: str
    """Relative to the project's folder, with `/`."""
    old: bytes | None
    """Its bytes on disk; None if it does not exist."""
    new: bytes | None
    """The bytes it should have; None if it should not exist."""


def diff(artifacts: Iterable[Artifact], root: Path, output: str) -> tuple[Change, ...]:
    """Return what has to change on disk, in the order in which it has to be written.

    Deletions of stale generated files come last.

    Args:
        artifacts: the files that should exist, in the order in which they have to be written.
        root: the project's folder.
        output: the output folder, relative to it.

    Raises:
        CompileError: with every file that is in the way, was not written by us, or cannot be read.
    """
    output = "" if output == "." else output
    with ExitStack() as stack:
        disk = _Disk(root, output, stack)
        folders: dict[str, _Folder] = {}
        changes = list(_differing(artifacts, disk, folders))
        if disk.problems:
            raise CompileError(disk.problems)
        current = folders.get(output) or disk.folder(output)
        changes += _stale(output, current, lambda path: path in disk.listed)
        for former in former_folders(disk.top):
            if former != output:
                changes += _stale(former, disk.folder(former), lambda _: False)
        return tuple(changes)


def diff_file(artifact: Artifact, root: Path) -> tuple[Change, ...]:
    """Return what has to change on disk for one file that does not belong to a matrix's output.

    Args:
        artifact: the file that should exist.
        root: the folder that its path is relative to, and that links must not leave.

    Raises:
        CompileError: something is in the way, was not written by us, or cannot be read.
    """
    with ExitStack() as stack:
        disk = _Disk(root, "", stack, "name another file")
        changes = tuple(_differing([artifact], disk, {}))
        if disk.problems:
            raise CompileError(disk.problems)
        return changes


def _differing(
    artifacts: Iterable[Artifact], disk: "_Disk", folders: dict[str, "_Folder"]
) -> Iterator[Change]:
    """Yield the files that have to be created or updated; note problems."""
    for artifact in artifacts:
        path = artifact.path
        parent, _, name = path.rpartition("/")
        if (folder := folders.get(parent)) is None:
            folder = folders[parent] = disk.folder(parent)
        folder.wanted.add(name)
        if name not in folder.entries and not folder.differs_in_case(name):
            yield Change(Kind.CREATE, path, None, artifact.content)
        elif (old := disk.replaceable(folder, name, path, artifact.content)) is not None:
            yield Change(Kind.UPDATE, path, old, artifact.content)


def former_folders(top: int) -> tuple[str, ...]:
    """Return the folders that earlier runs wrote to.

    They are named by the bake file, and by the journal of a run that was killed.
    """
    folders: list[str] = []
    with suppress(OSError):
        folders += plan_folders(read(BAKE_FILE, top))
    with suppress(OSError):
        journal = read(f"{STAGING}/{JOURNAL}", top)[:_LONGEST_JOURNAL]
        folders += journal.decode(errors="replace").split("\n")
    return tuple(f for f in dict.fromkeys(folders) if not f or is_inside(f))


def _stale(path: str, folder: "_Folder", is_listed: Callable[[str], bool]) -> Iterator[Change]:
    """Yield the deletion of every generated file that a folder should no longer have."""
    for name in sorted(folder.entries.keys() - folder.wanted):
        file = f"{path}/{name}" if path else name
        if not folder.entries[name].is_file(follow_symlinks=False):
            continue
        if is_leftover(name, folder.descriptor) or (
            name.endswith(DOCKERFILE_SUFFIX) and is_listed(file)
        ):
            with suppress(OSError):  # A file that we may not read is not ours to delete.
                yield Change(Kind.DELETE, file, read(name, folder.descriptor), None)


def ancestors(path: str) -> list[str]:
    """Return a folder with every folder above it, the outermost first."""
    parts = path.split("/")
    return ["/".join(parts[: n + 1]) for n in range(len(parts))] if path else []


class _Folder:
    """The listing of a folder; empty if the folder does not exist."""

    def __init__(self, descriptor: int = -1) -> None:
        self.descriptor = descriptor
        self.entries: dict[str, os.DirEntry[str]] = {}
        self.wanted: set[str] = set()
        if descriptor >= 0:
            with os.scandir(descriptor) as entries:
                self.entries = {entry.name: entry for entry in entries}

    def differs_in_case(self, name: str) -> bool:
        """Return whether a file exists under a name that differs in case only.

        That is so on the file systems of macOS, which ignore case.
        """
        if (other := self._by_case.get(name.casefold())) is None:
            return False
        try:
            os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return False
        self.entries[name] = self.entries[other]
        self.wanted.add(other)
        return True

    @cached_property
    def _by_case(self) -> dict[str, str]:
        return {name.casefold(): name for name in self.entries}


class _Disk:
    """The project's folder, and the problems found in it."""

    def __init__(
        self, root: Path, output: str, stack: ExitStack, other: str = "set another `output`"
    ) -> None:
        """Open a folder; `other` is how a user writes to another folder, for diagnostics."""
        self.root, self.output, self._other = root, output, other
        self.problems: list[Diagnostic] = []
        self._stack = stack
        self.top = self._open(str(root), None)

    def _open(self, path: str, top: int | None) -> int:
        descriptor = os.open(path, OPEN_FOLDER, dir_fd=top)
        self._stack.callback(os.close, descriptor)
        return descriptor

    def folder(self, path: str) -> _Folder:
        """Return a folder's listing; note a problem if it cannot be an output folder."""
        if not leads_inside(self.root, path):
            message = f"'{path}' is a link that leads outside the project or into {DOT_GIT}"
            self._refuse(Code.OUTPUT_FOLDER, path, message, f"remove the link, or {self._other}")
            return _Folder()
        try:
            return _Folder(self._open(path or ".", self.top))
        except FileNotFoundError:
            if dangling := self._dangling(path):
                message = f"'{dangling}' is a link to a file that does not exist"
                self._refuse(Code.OUTPUT_FOLDER, path, message, "remove the link")
        except NotADirectoryError:
            message = f"'{path}' cannot be a folder: a file is in the way"
            self._refuse(Code.OUTPUT_FOLDER, path, message, f"move the file, or {self._other}")
        except OSError as error:
            message = f"cannot read '{path}': {error.strerror}"
            self._refuse(Code.CANNOT_READ, path, message, f"repair it, or {self._other}")
        return _Folder()

    def _dangling(self, path: str) -> str:
        return next((head for head in ancestors(path) if (self.root / head).is_symlink()), "")

    def replaceable(self, folder: _Folder, name: str, path: str, new: bytes) -> bytes | None:
        """Return a file's bytes if it has to be replaced; note a problem if that is not allowed."""
        entry = folder.entries[name]
        if not entry.is_file(follow_symlinks=False):
            what = "link" if entry.is_symlink() else "folder" if entry.is_dir() else "special file"
            message = f"'{path}' cannot be written: a {what} is in the way"
            self._refuse(Code.NOT_A_FILE, path, message, f"move the {what} away")
            return None
        try:
            old = read(name, folder.descriptor)
        except OSError as error:
            message = f"cannot read '{path}': {error.strerror}"
            self._refuse(Code.CANNOT_READ, path, message, "make it readable for this user")
            return None
        if old == new:
            return None
        if not is_marked(old) and path not in self.listed:
            message = f"'{path}' exists, and compile-matrix did not write it"
            self._refuse(Code.NOT_OURS, path, message, "move it away, or delete it")
            return None
        return old

    @cached_property
    def listed(self) -> frozenset[str]:
        """The Dockerfiles that matrix.json lists: ours even if their first comment was removed."""
        try:
            return listed_files(read(f"{self.output or '.'}/{PLAN_FILE}", self.top))
        except OSError:
            return frozenset()

    def _refuse(self, code: Code, path: str, message: str, remedy: str) -> None:
        location = Location(path=path, line=0)
        self.problems.append(Diagnostic(code=code, message=message, location=location, help=remedy))
