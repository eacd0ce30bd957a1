"""Changes onto the disk: every file whole, all or none of them."""

import errno
import fcntl
import os
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from compiler.codes import Code
from compiler.errors import CompileError, Diagnostic, Location
from compiler.output.artifact import Artifact
from compiler.output.diff import JOURNAL, Change, Kind, diff, formers, heads, unified
from compiler.output.manifest import OPEN, STAGING, leads_inside


__all__ = ["Change", "Kind", "diff", "unified", "update", "write"]

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_EFFECTIVE = os.access in os.supports_effective_ids
_REMEDIES = {
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room: the quota of this user is used up",
    errno.EFBIG: "raise the limit on a file's size (ulimit -f)",
    errno.EROFS: "mount it for writing, or work on a copy",
    **dict.fromkeys((errno.EACCES, errno.EPERM), "give yourself the right to write there"),
    errno.EEXIST: f"delete {STAGING}",
}


def update(artifacts: Iterable[Artifact], root: Path, output: str) -> tuple[Change, ...]:
    """Make the disk what the artifacts say, and return what changed.

    Compares and writes as one step that other runs in the same project wait for.
    """
    with _locked(root) as top:
        changes = diff(artifacts, root, output)
        _replace(changes, root, top)
    return changes


def write(changes: Sequence[Change], root: Path) -> None:
    """Put changes on the disk, in their order.

    Promises that a kill at any moment leaves each file whole, old or new, and that the bake file
    names no Dockerfile that is not there: new contents are staged beside their places, then renamed
    in the order given, and only then is deleted what is no more. Refuses, with nothing changed,
    what cannot be staged. Removes what a killed run left.
    """
    with _locked(root) as top:
        _replace(changes, root, top)


@contextmanager
def _locked(root: Path) -> Iterator[int]:
    """Hold the project's folder, opened, against other runs."""
    top = os.open(root, OPEN)
    try:
        with suppress(OSError):  # A file system without locks has to do without.
            fcntl.flock(top, fcntl.LOCK_EX)
        yield top
    finally:
        os.close(top)


@contextmanager
def _deferred() -> Iterator[list[int]]:
    """Collect the polite signals, and deliver them once the disk is in order."""
    caught: list[int] = []

    def catch(number: int, _frame: FrameType | None) -> None:
        caught.append(number)

    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) not in {signal.SIG_IGN, None}:
                before[number] = signal.signal(number, catch)
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if caught:
            signal.raise_signal(caught[0])


class _Place:
    """A folder that is written to, and its staging folder on the same file system.

    That one is inside it; for a folder that this run has made it is inside the project's staging
    folder, and takes the empty one's place as a whole: one step for however many files.
    """

    def __init__(self, path: str, top: int, fresh: str = "") -> None:
        self.path, self.top, self.fresh = path, top, fresh
        self.renamed = False
        self.folder = os.open(path or ".", OPEN, dir_fd=top)
        home, name = (top, fresh) if fresh else (self.folder, STAGING)
        try:
            os.mkdir(name, dir_fd=home)
            self.staging = os.open(name, OPEN, dir_fd=home)
        except OSError:
            os.close(self.folder)
            raise

    def stage(self, name: str, content: bytes) -> None:
        file = os.open(name, _NEW, 0o666, dir_fd=self.staging)
        try:
            written = os.write(file, content)
            while written < len(content):
                written += os.write(file, memoryview(content)[written:])
        finally:
            os.close(file)

    def commit(self, name: str, kind: Kind) -> None:
        if kind is Kind.DELETE:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self.folder)
        elif self.fresh:
            os.rename(self.fresh, self.path, src_dir_fd=self.top, dst_dir_fd=self.top)
            self.fresh, self.renamed = "", True
        elif not self.renamed:
            os.rename(name, name, src_dir_fd=self.staging, dst_dir_fd=self.folder)

    def close(self) -> None:
        os.close(self.staging)
        _sweep(self.folder)
        os.close(self.folder)


def _replace(changes: Sequence[Change], root: Path, top: int) -> None:
    _clear(root, top)
    if not changes:
        return
    _refuse_unwritable(changes, root)
    places: dict[str, _Place] = {}
    created: list[str] = []
    with _deferred() as caught:
        try:
            staged = _stage(changes, places, created, top, caught)
            if staged:
                gone = _folders(change for change in changes if change.kind is Kind.DELETE)
                created[:] = [head for folder in gone for head in heads(folder)]
                _commit(changes, places)
        finally:
            # The project's own folder is the first in and the last out: it knows of all the others.
            for path in sorted(places, reverse=True):
                if not path:
                    _remove_empty(created, top)
                places[path].close()
    if not staged:  # And the signal's handler let us live.
        raise SystemExit(128 + caught[0])


def _folders(changes: Iterable[Change]) -> dict[str, None]:
    """Return every folder that changes touch, the project's own first."""
    return dict.fromkeys(["", *[change.path.rpartition("/")[0] for change in changes]])


def _stage(
    changes: Sequence[Change],
    places: dict[str, _Place],
    created: list[str],
    top: int,
    caught: list[int],
) -> bool:
    """Write every new content beside its place, and tell whether no signal came in between."""
    folders, path = _folders(changes), "."
    try:
        for folder in folders:
            path = folder or "."
            for head in heads(folder):
                with suppress(FileExistsError):
                    os.mkdir(head, dir_fd=top)
                    created.append(head)
            fresh = f"{STAGING}/{len(places)}" if folder in created else ""
            places[folder] = _Place(folder, top, fresh)
            if not folder:
                places[folder].stage(JOURNAL, "\n".join(folders).encode())
        for change in changes:
            if caught:
                return False
            if change.new is not None:
                path = change.path
                folder, _, name = path.rpartition("/")
                places[folder].stage(name, change.new)
    except OSError as error:
        raise CompileError([_refusal(error, path)]) from error
    return not caught


def _commit(changes: Sequence[Change], places: dict[str, _Place]) -> None:
    """Rename what is staged into place, then delete."""
    ordered = sorted(changes, key=lambda change: change.kind is Kind.DELETE)
    for done, change in enumerate(ordered):
        folder, _, name = change.path.rpartition("/")
        try:
            places[folder].commit(name, change.kind)
        except OSError as error:
            state = f"{done} of {len(changes)} changes are made"
            raise CompileError([_refusal(error, change.path, state)]) from error


def _remove_empty(paths: Iterable[str], top: int) -> None:
    """Remove those of these folders that hold nothing, from the inside out."""
    for path in sorted(set(paths), reverse=True):
        with suppress(OSError):
            os.rmdir(path, dir_fd=top)


def _clear(root: Path, top: int) -> None:
    """Remove what a killed run left behind; it may have made folders, too."""
    killed = STAGING in os.listdir(top)
    folders = [folder for folder in formers(top) if folder and leads_inside(root, folder)]
    for path in folders:
        with suppress(OSError):
            folder = os.open(path, OPEN, dir_fd=top)
            _sweep(folder)
            os.close(folder)
    if killed:
        _remove_empty((head for path in folders for head in heads(path)), top)
    _sweep(top)


def _sweep(folder: int) -> None:
    """Remove a staging folder and what is in it."""
    with suppress(OSError):
        staging = os.open(STAGING, OPEN | os.O_NOFOLLOW, dir_fd=folder)
        try:
            _empty(staging)
        finally:
            os.close(staging)
        os.rmdir(STAGING, dir_fd=folder)


def _empty(folder: int) -> None:
    """Remove what is in a staging folder: files, and staging folders of files."""
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if not is_folder:
            os.unlink(name, dir_fd=folder)
            continue
        inner = os.open(name, OPEN | os.O_NOFOLLOW, dir_fd=folder)
        try:
            _empty(inner)
        finally:
            os.close(inner)
        os.rmdir(name, dir_fd=folder)


def _refuse_unwritable(changes: Iterable[Change], root: Path) -> None:
    """Say of every folder at once that it cannot be written to."""
    problems = []
    for path in _folders(changes):
        place = root / path
        while not place.exists():
            place = place.parent
        if not os.access(place, os.W_OK | os.X_OK, effective_ids=_EFFECTIVE):
            read_only = os.statvfs(place).f_flag & os.ST_RDONLY
            number = errno.EROFS if read_only else errno.EACCES
            problems.append(_refusal(OSError(number, os.strerror(number)), path or "."))
    if problems:
        raise CompileError(problems)


def _refusal(error: OSError, path: str, state: str = "nothing is changed") -> Diagnostic:
    return Diagnostic(
        code=Code.CANNOT_WRITE,
        message=f"cannot write '{path}': {error.strerror}; {state}",
        location=Location(path=path, line=0),
        help=_REMEDIES.get(error.errno or 0, ""),
    )
