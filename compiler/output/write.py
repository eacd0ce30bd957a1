"""Write changes to disk: every file whole, and either all changes or none."""

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
from compiler.constants import STAGING
from compiler.errors import CompileError, Diagnostic, Location
from compiler.output.artifact import Artifact
from compiler.output.diff import JOURNAL, Change, Kind, ancestors, diff, diff_file
from compiler.output.files import OPEN_FOLDER
from compiler.output.staging import StagedFolder, remove_empty, remove_leftovers


_EFFECTIVE = os.access in os.supports_effective_ids
_REMEDIES = {
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room: this user's disk quota is exhausted",
    errno.EFBIG: "raise the limit of a file's size (ulimit -f)",
    errno.EROFS: "mount the file system for writing, or work on a copy",
    **dict.fromkeys((errno.EACCES, errno.EPERM), "make it writable for this user"),
    errno.EEXIST: f"delete {STAGING}",
}


def update(artifacts: Iterable[Artifact], root: Path, output: str) -> tuple[Change, ...]:
    """Make the files on disk equal to the artifacts, and return what changed.

    Other runs in the same project wait until comparing and writing are done.

    Args:
        artifacts: the files that should exist, in the order in which they have to be written.
        root: the project's folder.
        output: the output folder, relative to it.

    Raises:
        CompileError: a file is in the way, was not written by us, or cannot be read or written.
    """
    with _locked(root) as top:
        changes = diff(artifacts, root, output)
        _replace(changes, root, top)
    return changes


def update_file(artifact: Artifact, root: Path) -> tuple[Change, ...]:
    """Make one file on disk equal to an artifact that does not belong to a matrix's output.

    Args:
        artifact: the file that should exist; MARKER must be in its first lines.
        root: the folder that its path is relative to, and that links must not leave.

    Returns:
        The change; nothing if the file is up to date.

    Raises:
        CompileError: something is in the way, was not written by us, or cannot be written.
    """
    with _locked(root) as top:
        changes = diff_file(artifact, root)
        _replace(changes, root, top)
    return changes


def write(changes: Sequence[Change], root: Path) -> None:
    """Write changes to disk, in their order.

    A kill at any moment leaves each file whole, old or new, and no bake file that names a
    Dockerfile which does not exist: all new contents are staged, then renamed in the given order,
    and only then are stale files deleted. What a killed run left is removed.

    Raises:
        CompileError: something cannot be staged, and nothing is changed; or a change failed.
    """
    with _locked(root) as top:
        _replace(changes, root, top)


@contextmanager
def _locked(root: Path) -> Iterator[int]:
    """Lock the project's folder against other runs, and yield it open."""
    top = os.open(root, OPEN_FOLDER)
    try:
        with suppress(OSError):  # A file system without locks works without them.
            fcntl.flock(top, fcntl.LOCK_EX)
        yield top
    finally:
        os.close(top)


@contextmanager
def _deferred_signals() -> Iterator[list[int]]:
    """Collect signals that end a process, and deliver the first when the disk is in order."""
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


def _replace(changes: Sequence[Change], root: Path, top: int) -> None:
    remove_leftovers(root, top)
    if not changes:
        return
    _refuse_unwritable(changes, root)
    folders: dict[str, StagedFolder] = {}
    created: list[str] = []
    with _deferred_signals() as caught:
        try:
            is_staged = _stage(changes, folders, created, top, caught)
            if is_staged:
                pruned = _folders(change for change in changes if change.kind is Kind.DELETE)
                created[:] = [folder for path in pruned for folder in ancestors(path)]
                _commit(changes, folders)
        finally:
            # The project's own folder is staged first and closed last: its journal names the rest.
            for path in sorted(folders, reverse=True):
                if not path:
                    remove_empty(created, top)
                folders[path].close()
    if not is_staged:  # And the signal's handler did not end the process.
        raise SystemExit(128 + caught[0])


def _folders(changes: Iterable[Change]) -> dict[str, None]:
    """Return every folder that changes touch, the project's own first."""
    return dict.fromkeys(["", *[change.path.rpartition("/")[0] for change in changes]])


def _stage(
    changes: Sequence[Change],
    folders: dict[str, StagedFolder],
    created: list[str],
    top: int,
    caught: list[int],
) -> bool:
    """Stage every new content, and return whether no signal interrupted that."""
    touched, path = _folders(changes), "."
    try:
        for folder in touched:
            path = folder or "."
            for parent in ancestors(folder):
                with suppress(FileExistsError):
                    os.mkdir(parent, dir_fd=top)
                    created.append(parent)
            new = f"{STAGING}/{len(folders)}" if folder in created else ""
            folders[folder] = StagedFolder(folder, top, new)
            if not folder:
                folders[folder].stage(JOURNAL, "\n".join(touched).encode())
        for change in changes:
            if caught:
                return False
            if change.new is not None:
                path = change.path
                folder, _, name = path.rpartition("/")
                folders[folder].stage(name, change.new)
    except OSError as error:
        raise CompileError([_refusal(error, path)]) from error
    return not caught


def _commit(changes: Sequence[Change], folders: dict[str, StagedFolder]) -> None:
    """Rename the staged files into place, then delete."""
    ordered = sorted(changes, key=lambda change: change.kind is Kind.DELETE)
    for done, change in enumerate(ordered):
        folder, _, name = change.path.rpartition("/")
        try:
            folders[folder].commit(name, change.kind)
        except OSError as error:
            state = f"{done} of {len(changes)} changes are made"
            raise CompileError([_refusal(error, change.path, state)]) from error


def _refuse_unwritable(changes: Iterable[Change], root: Path) -> None:
    """Raise `CompileError` with every folder that cannot be written to."""
    problems = []
    for path in _folders(changes):
        folder = root / path
        while not folder.exists():
            folder = folder.parent
        if not os.access(folder, os.W_OK | os.X_OK, effective_ids=_EFFECTIVE):
            read_only = os.statvfs(folder).f_flag & os.ST_RDONLY
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
        cause=error.strerror or "",
    )
