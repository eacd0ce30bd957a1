"""Folders that tests keep between runs; each is complete or absent."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def root() -> Path:
    """Return the folder of everything that is kept; create it if it is missing."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base).absolute() / "compile-matrix-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock of this name; other processes wait until it is released."""
    folder = root() / "locks"
    folder.mkdir(exist_ok=True)
    with (folder / name).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def once(name: str, make: Callable[[Path], None]) -> Path:
    """Return the kept folder of this name; let `make` fill it if it is missing.

    `make` works in a temporary folder, which gets the name when it is complete. A later call
    deletes what an interrupted `make` has left.
    """
    folder = root() / name
    if folder.exists():
        return folder
    with locked(name.replace("/", "_")):
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            prefix = f".{folder.name}.making-"
            for abandoned in folder.parent.glob(f"{prefix}*"):
                shutil.rmtree(abandoned)
            making = Path(tempfile.mkdtemp(prefix=prefix, dir=folder.parent))
            try:
                making.chmod(0o755)
                make(making)
                making.rename(folder)
            finally:
                shutil.rmtree(making, ignore_errors=True)
    return folder
