"""Which matrix.yaml a command works on if `-f` is absent."""

import os
from pathlib import Path


NAME = "matrix.yaml"


def find_matrix(start: str | os.PathLike[str] = ".") -> Path:
    """Return matrix.yaml of the folder, or of the nearest folder above, as a relative path.

    The search ends at the root of a Git repository, at the boundary of the file system, and at the
    first folder of another user: whoever may write there must not decide what is compiled. If
    there is no matrix.yaml, the result is matrix.yaml of the folder itself.
    """
    folder, relative = Path(os.path.realpath(start)), Path(start)
    origin = folder.stat()
    for _ in range(len(folder.parts)):
        if (folder / NAME).is_file():
            return relative / NAME
        if (folder / ".git").exists() or folder == folder.parent:
            break
        folder, relative = folder.parent, relative / ".."
        status = folder.stat()
        if (status.st_dev, status.st_uid) != (origin.st_dev, origin.st_uid):
            break
    return Path(start) / NAME
