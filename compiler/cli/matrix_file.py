"""Which matrix.yaml a command works on: the file of `-f`, or the nearest one."""

import os
from pathlib import Path

from compiler.codes import Code
from compiler.errors import Argument, CompileError, Diagnostic


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


def require_file(path: Path) -> Path:
    """Return the path that `-f` names; templates and generated files are next to it.

    A missing file is accepted: whoever reads it reports that.

    Raises:
        CompileError: the path leads to a folder, a pipe or a device.
    """
    shown = path.as_posix()
    if path.is_dir():
        problem, help_ = "is a folder", f"write `-f {(path / NAME).as_posix()}`"
    elif shown == "-" or (path.exists() and not path.is_file()):
        problem = "is not a regular file"
        help_ = "save the matrix as a file, next to its folder of templates"
    else:
        return path
    raise CompileError(
        [
            Diagnostic(
                code=Code.NOT_A_FILE,
                message=f"{shown!r} {problem}",
                location=Argument(name="-f", text=shown),
                help=help_,
            )
        ]
    )
