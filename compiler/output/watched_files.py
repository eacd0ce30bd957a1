"""The files that a run read or wrote: where they are, and which of them have changed since.

Files are compared by their contents, so what a run writes itself is not a change.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from compiler.constants import OWN_IGNORE
from compiler.output.artifact import Artifact
from compiler.output.diff import Change
from compiler.output.files import OPEN_FOLDER, digest, is_inside
from compiler.output.saved_state import input_is_current
from compiler.source.file_globs import disk_entries, find_files
from compiler.source.project_files import Files


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedFiles:
    """The files of one run. Paths are relative to the project's folder, and normalised."""

    root: str
    """The project's folder, without links."""
    digests: Mapping[str, str | None]
    """File that was read or written -> its digest then; see `saved_state.State.inputs`."""
    globs: Mapping[str, Sequence[str]]
    """Each entry of `include` with the files that it found."""
    undigested: frozenset[str]
    """Paths whose contents are unknown, so that every event on them is a change."""
    output: str | None
    """The output folder, in which a new ignore file is an input; None if it is not known."""

    @classmethod
    def of_run(
        cls,
        root: Path,
        files: Files,
        artifacts: Sequence[Artifact] = (),
        changes: Iterable[Change] | None = (),
        *,
        is_written: bool = False,
        output: str | None = None,
    ) -> "WatchedFiles":
        """Return the files of a run.

        Args:
            root: the project's folder.
            files: the files that the run read.
            artifacts: the files that it generated; none if it failed before that.
            changes: how the files on disk differed; None if they could not be compared or written.
            is_written: whether the changes were written.
            output: the output folder, once it is known.
        """
        digests = _normalised(files.digests)
        paths = {artifact.path for artifact in artifacts}
        unknown = {os.path.normpath(path) for path in files.asked} - digests.keys()
        if changes is None:
            unknown |= paths
        else:
            digests |= {artifact.path: digest(artifact.content) for artifact in artifacts}
            if not is_written:
                digests |= {
                    change.path: None if change.old is None else digest(change.old)
                    for change in changes
                }
        return cls(
            root=os.path.realpath(root),
            digests=digests,
            globs=dict(files.matches),
            undigested=frozenset(filter(is_inside, unknown)),
            output=output,
        )

    def differences(self, events: Iterable[str] = ()) -> tuple[str, ...]:
        """Return the paths and globs that are not as the run found or left them.

        Args:
            events: absolute paths of files on which something happened.
        """
        happened = {os.path.relpath(path, self.root) for path in events}
        top = os.open(self.root, OPEN_FOLDER)
        try:
            changed = [
                path
                for path, recorded in self.digests.items()
                if not _is_current(path, recorded, top)
            ]
        finally:
            os.close(top)
        globs = [glob for glob, paths in self.globs.items() if find_files(self.root, glob) != paths]
        others = (path for path in happened if path in self.undigested or self._is_ignore(path))
        new = [path for path in sorted(others) if path not in self.digests]
        return tuple(dict.fromkeys((*changed, *globs, *new)))

    def folders(self) -> tuple[str, ...]:
        """Return the absolute paths of the folders whose entries are to be watched.

        They are the existing folders of all files, the folders above them, and the folders that a
        glob searches.
        """
        folders = {self.root}
        for path in self._paths():
            folders.update(self._existing_folders(path))
        return tuple(sorted(folders | self._searched()))

    def filter(self) -> Callable[[str], bool]:
        """Return whether something that happens to an absolute path may be a change."""
        relevant = {self.root}
        for path in self._paths():
            for file in {f"{self.root}/{path}", os.path.realpath(f"{self.root}/{path}")}:
                relevant.update(_with_parents(file, self.root))
        searched = self._searched()
        return lambda path: (
            path in relevant
            or os.path.dirname(path) in searched
            or self._is_ignore(os.path.relpath(path, self.root))
        )

    def _paths(self) -> Iterator[str]:
        yield from self.digests
        yield from self.undigested
        if self.output is not None:
            yield os.path.normpath(f"{self.output}/{OWN_IGNORE}")

    def _is_ignore(self, path: str) -> bool:
        """Return whether a path is that of an ignore file in the output folder."""
        return (
            self.output is not None
            and path.endswith(OWN_IGNORE)
            and os.path.normpath(os.path.dirname(path)) == os.path.normpath(self.output)
        )

    def _searched(self) -> set[str]:
        """Return the absolute paths of the folders that globs search."""
        folders: set[str] = set()

        def entries(folder: str) -> Iterable[tuple[str, int]]:
            listed = disk_entries(folder)
            folders.add(folder.rstrip("/"))
            return listed

        for glob in self.globs:
            find_files(self.root, glob, entries)
        return folders

    def _existing_folders(self, path: str) -> Iterator[str]:
        """Yield the existing folders above a file, and above what it leads to, in the project."""
        full = f"{self.root}/{path}"
        for file in {full, os.path.realpath(full)}:
            yield from filter(os.path.isdir, _with_parents(os.path.dirname(file), self.root))


def _normalised(digests: Mapping[str, str | None]) -> dict[str, str | None]:
    paths = ((os.path.normpath(path), recorded) for path, recorded in digests.items())
    return {path: recorded for path, recorded in paths if path == "." or is_inside(path)}


def _is_current(path: str, recorded: str | None, top: int) -> bool:
    try:
        return input_is_current(path, recorded, top)
    except OSError:
        return False


def _with_parents(path: str, root: str) -> Iterator[str]:
    """Yield a path and every folder above it, below the root."""
    while path.startswith(f"{root.rstrip('/')}/"):
        yield path
        path = os.path.dirname(path)
