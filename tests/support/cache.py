"""What the tests keep between runs: folders that are either complete or absent."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def root() -> Path:
    """Give the folder of everything that is kept, made if it is not there yet."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base).absolute() / "compile-matrix-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock of that name; a second run waits here until the first one lets go."""
    folder = root() / "locks"
    folder.mkdir(exist_ok=True)
    with (folder / name).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def once(name: str, make: Callable[[Path], None]) -> Path:
    """Give the kept folder of that name; the first to ask makes it, in a folder of another name.

    An interrupted `make` leaves nothing under the name, and its leavings are removed by the next.
    """
    folder = root() / name
    if folder.exists():
        return folder
    with locked(name.replace("/", "_")):
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            prefix = f".{folder.name}.making-"
            for leavings in folder.parent.glob(f"{prefix}*"):
                shutil.rmtree(leavings)
            making = Path(tempfile.mkdtemp(prefix=prefix, dir=folder.parent))
            try:
                making.chmod(0o755)
                make(making)
                making.rename(folder)
            finally:
                shutil.rmtree(making, ignore_errors=True)
    return folder
