"""Temporary folders that a later run removes if their run was killed.

A folder is locked while its run uses it. The system releases the lock when the run ends, however
it ends, so an unlocked folder is one that was left behind.
"""

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress


PREFIX = "compile-matrix-scratch-"
"""The start of a folder's name, in the system's folder for temporary files."""
_UNLOCKED_PREFIX = "compile-matrix-new-"
"""The start of its name until it is locked: another run must not take it for a remainder."""
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def scratch_folder() -> Iterator[str]:
    """Provide the path of a temporary folder; remove it at the end, and those of killed runs.

    Raises:
        OSError: the folder cannot be created.
    """
    top = tempfile.gettempdir()
    _remove_abandoned(top)
    folder = tempfile.mkdtemp(prefix=_UNLOCKED_PREFIX, dir=top)
    lock = -1
    try:
        lock = os.open(folder, _OPEN)
        with suppress(OSError):  # On a file system without locks, no run removes any folder.
            fcntl.flock(lock, fcntl.LOCK_EX)
        locked = os.path.join(top, PREFIX + os.path.basename(folder).removeprefix(_UNLOCKED_PREFIX))
        os.rename(folder, locked)
        folder = locked
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock >= 0:
            os.close(lock)


def _remove_abandoned(top: str) -> None:
    """Remove the folders that no run uses any more; another user's are left alone."""
    with suppress(OSError), os.scandir(top) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX):
                with suppress(OSError):
                    _remove_unless_locked(entry.path)


def _remove_unless_locked(path: str) -> None:
    """Remove a folder of this user unless a run has locked it.

    Raises:
        OSError: a run has locked it, or it is not a folder that can be locked.
    """
    folder = os.open(path, _OPEN)
    try:
        status = os.fstat(folder)
        if status.st_uid == os.getuid() and stat.S_IMODE(status.st_mode) == stat.S_IRWXU:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(folder)
