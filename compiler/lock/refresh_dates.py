"""The dates of a lock: since when targets are to be built anew."""

from collections.abc import Mapping
from pathlib import Path

from compiler.constants import LOCK
from compiler.errors import CompileError, Location
from compiler.lock.lockfile import read_lock, refreshed
from compiler.source.project_files import FileError, Files


def dates(folder: Path, shown: str = "") -> Mapping[str, str]:
    """Return target -> date from the lock of a project; nothing where it has none.

    Args:
        folder: the project's folder.
        shown: how diagnostics name it, in front of each path.

    Raises:
        CompileError: the lock is wrong.
    """
    files = Files(folder, shown)
    try:
        return (
            {} if files.absent(LOCK) else refreshed(read_lock(files.read(LOCK), files.shown(LOCK)))
        )
    except FileError as error:
        raise CompileError([error.at(Location(path=files.shown(LOCK), line=0))]) from None
