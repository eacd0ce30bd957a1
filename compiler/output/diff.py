"""Artifacts against the disk: what would change; only reads."""

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from compiler.codes import Code
from compiler.constants import BAKE_FILE, DOCKERFILE_SUFFIX, PLAN_FILE
from compiler.errors import CompileError, Diagnostic, Location
from compiler.output.artifact import Artifact
from compiler.output.manifest import (
    OPEN,
    STAGING,
    bears,
    is_inside,
    is_rest,
    leads_inside,
    listed,
    plans,
    read,
)


JOURNAL = "folders"
"""The file in the project's staging folder that names every folder a run writes to, one a line."""


class Kind(StrEnum):
    """What happens to a file."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class Change(NamedTuple):
    """A file that is not as it should be: how it is and how it should be."""

    kind: Kind
    path: str
    """Relative to the project's folder, with `/`."""
    old: bytes | None
    """What it holds; None where it does not exist."""
    new: bytes | None
    """What it should hold; None where it should not exist."""


def diff(artifacts: Iterable[Artifact], root: Path, output: str) -> tuple[Change, ...]:
    """Compare what should be with what is.

    Takes the artifacts in the order in which they are to be written, and the output folder.
    Returns the changes in that order, then the deletion of generated files that are no longer.
    Refuses, all at once, to replace what we did not write or cannot read.
    """
    output = "" if output == "." else output
    with ExitStack() as stack:
        disk = _Disk(root, output, stack)
        folders: dict[str, _Folder] = {}
        changes: list[Change] = []
        for artifact in artifacts:
            path = artifact.path
            where, _, name = path.rpartition("/")
            if (folder := folders.get(where)) is None:
                folder = folders[where] = disk.folder(where)
            folder.wanted.add(name)
            if name not in folder.entries and not folder.folded(name):
                changes.append(Change(Kind.CREATE, path, None, artifact.content))
            elif (old := disk.ours(folder, name, path, artifact.content)) is not None:
                changes.append(Change(Kind.UPDATE, path, old, artifact.content))
        if disk.problems:
            raise CompileError(disk.problems)
        changes += _stale(output, folders.get(output) or disk.folder(output), disk.listed)
        for former in formers(disk.top):
            if former != output:
                changes += _stale(former, disk.folder(former), frozenset())
        return tuple(changes)


def formers(top: int) -> tuple[str, ...]:
    """Return the folders that the bake file, or the rest of a killed run, says are written to."""
    folders: list[str] = []
    with suppress(OSError):
        folders += plans(read(BAKE_FILE, top))
    with suppress(OSError):
        folders += read(f"{STAGING}/{JOURNAL}", top).decode(errors="replace").split("\n")
    return tuple(f for f in dict.fromkeys(folders) if not f or is_inside(f))


def _stale(path: str, folder: "_Folder", listed: frozenset[str]) -> Iterator[Change]:
    """Yield the deletion of every generated file in a folder that is wanted there no more."""
    for name in sorted(folder.entries.keys() - folder.wanted):
        where = f"{path}/{name}" if path else name
        if not folder.entries[name].is_file(follow_symlinks=False):
            continue
        if is_rest(name, folder.descriptor) or (
            name.endswith(DOCKERFILE_SUFFIX) and where in listed
        ):
            with suppress(OSError):  # What we may not read is not ours to delete.
                yield Change(Kind.DELETE, where, read(name, folder.descriptor), None)


def heads(path: str) -> list[str]:
    """Return a folder and every folder above it, the outermost first."""
    parts = path.split("/")
    return ["/".join(parts[: n + 1]) for n in range(len(parts))] if path else []


def unified(changes: Iterable[Change]) -> Iterator[str]:
    """Yield the lines of a unified diff that `patch` and git understand."""
    import difflib

    for change in changes:
        before, after = f"a/{change.path}", f"b/{change.path}"
        lines = difflib.unified_diff(
            _lines(change.old),
            _lines(change.new),
            "/dev/null" if change.old is None else before,
            "/dev/null" if change.new is None else after,
        )
        for line in lines:
            yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(content: bytes | None) -> list[str]:
    # Not splitlines: a form feed ends no line in a diff.
    lines = (content or b"").decode(errors="replace").split("\n")
    return [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


class _Folder:
    """A folder as it is listed: empty where there is none."""

    def __init__(self, descriptor: int = -1) -> None:
        self.descriptor = descriptor
        self.entries: dict[str, os.DirEntry[str]] = {}
        self.wanted: set[str] = set()
        if descriptor >= 0:
            with os.scandir(descriptor) as entries:
                self.entries = {entry.name: entry for entry in entries}

    def folded(self, name: str) -> bool:
        """Tell whether the file exists under a name that differs in case, as Macs have it."""
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
    """The project's folder, and what is wrong with it."""

    def __init__(self, root: Path, output: str, stack: ExitStack) -> None:
        self.root = root
        self.output = output
        self.problems: list[Diagnostic] = []
        self._stack = stack
        self.top = self._open(str(root), None)

    def _open(self, path: str, top: int | None) -> int:
        descriptor = os.open(path, OPEN, dir_fd=top)
        self._stack.callback(os.close, descriptor)
        return descriptor

    def folder(self, path: str) -> _Folder:
        """Return a folder's listing; refuses what is no folder or lies elsewhere."""
        if not leads_inside(self.root, path):
            message = f"'{path}' is a link that leads outside the project"
            self._refuse(
                Code.OUTPUT_FOLDER, path, message, "remove the link, or set another `output`"
            )
            return _Folder()
        try:
            return _Folder(self._open(path or ".", self.top))
        except FileNotFoundError:
            if dangling := self._dangling(path):
                message = f"'{dangling}' is a link that leads nowhere"
                self._refuse(Code.OUTPUT_FOLDER, path, message, "remove the link")
        except NotADirectoryError:
            message = f"'{path}' cannot be a folder: a file is in the way"
            self._refuse(
                Code.OUTPUT_FOLDER, path, message, "move the file, or set another `output`"
            )
        except OSError as error:
            message = f"cannot read '{path}': {error.strerror}"
            self._refuse(Code.CANNOT_READ, path, message, "mend it, or set another `output`")
        return _Folder()

    def _dangling(self, path: str) -> str:
        return next((head for head in heads(path) if (self.root / head).is_symlink()), "")

    def ours(self, folder: _Folder, name: str, path: str, new: bytes) -> bytes | None:
        """Return a file's bytes if they are to be replaced; refuses what is not ours."""
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
            self._refuse(Code.CANNOT_READ, path, message, "give yourself the right to read it")
            return None
        if old == new:
            return None
        if not bears(old) and path not in self.listed:
            message = f"'{path}' exists, and compile-matrix did not write it"
            self._refuse(Code.NOT_OURS, path, message, "move it away, or delete it")
            return None
        return old

    @cached_property
    def listed(self) -> frozenset[str]:
        """What the last plan lists, whether or not its first comment was taken out since."""
        try:
            return listed(read(f"{self.output or '.'}/{PLAN_FILE}", self.top))
        except OSError:
            return frozenset()

    def _refuse(self, code: Code, path: str, message: str, remedy: str) -> None:
        place = Location(path=path, line=0)
        self.problems.append(Diagnostic(code=code, message=message, location=place, help=remedy))
