"""A new project: the packaged sample, ready to be compiled and changed.

Takes a folder, which need not be there; promises all files of the project or none. Refuses where
one of them exists.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from compiler.codes import Code
from compiler.errors import CompileError, Diagnostic, Location
from compiler.matrix.json_schema import schema_text
from compiler.output.diff import Change, Kind, ancestors
from compiler.output.write import write


SAMPLE = Path(__file__).parents[1] / "sample"
"""The sample in the package: matrix.yaml and templates/."""

_SCHEMA = "matrix.schema.json"
_IGNORED = ".gitignore"
_OURS = {
    "pyproject.toml": """\
# matrix.yaml reads the version of the images here.
[project]
name = "base-images"
version = "0.1.0"
""",
    _IGNORED: """\
# What compile-matrix generates; commit all of it or ignore all of it.
/docker-bake.hcl
/dockerfiles/
""",
}


def init(folder: Path) -> tuple[str, ...]:
    """Write a project, and return the paths of its files below the folder.

    A .gitignore is written only where there is none.

    Raises:
        CompileError: a file is there already, or cannot be written; nothing is written.
    """
    new = _files()
    if os.path.lexists(folder / _IGNORED):
        del new[_IGNORED]
    _refuse_present(folder, new)
    made: list[Path] = []
    try:
        _make(folder, made)
        for path in new:
            _make((folder / path).parent, made)
        write([Change(Kind.CREATE, path, None, content) for path, content in new.items()], folder)
    except BaseException:
        for place in reversed(made):
            with suppress(OSError):  # It was not made yet, or someone else uses it now.
                place.rmdir()
        raise
    return tuple(new)


def _files() -> dict[str, bytes]:
    """Return every file of the project: the path below its folder, and the bytes."""
    matrix = (SAMPLE / "matrix.yaml").read_text(encoding="utf-8")
    first, rest = matrix.split("\n", 1)
    setting = first.partition("=")[0]  # The sample's schema is elsewhere.
    found = {"matrix.yaml": f"{setting}={_SCHEMA}\n{rest}".encode()}
    for where, folders, names in os.walk(SAMPLE / "templates"):
        folders[:] = sorted(set(folders) - {"__pycache__"})  # Installers leave these.
        for name in sorted(names):
            path = Path(where, name)
            found[path.relative_to(SAMPLE).as_posix()] = path.read_bytes()
    found.update({path: text.encode() for path, text in _OURS.items()})
    found[_SCHEMA] = schema_text().encode()
    return found


def _refuse_present(folder: Path, new: Iterable[str]) -> None:
    """Refuse each file that is there, and what stands where a folder is needed."""
    present = {}
    for path in new:
        for head in ancestors(path):
            full = folder / head
            if os.path.lexists(full) and (head == path or full.is_symlink() or not full.is_dir()):
                present[head] = full
                break
    if present:
        raise CompileError(
            Diagnostic(
                code=Code.NOT_OURS,
                message=f"'{full}' is there already",
                location=Location(path=str(full), line=0),
                help="name a new folder, `compile-matrix init DIR`, or move it away",
            )
            for full in present.values()
        )


def _make(folder: Path, made: list[Path]) -> None:
    """Make a folder and those above it, and note which, the outermost first."""
    try:
        for path in reversed([folder, *folder.parents]):
            if not path.is_dir():
                made.append(path)
                path.mkdir()
    except OSError as error:
        raise CompileError(
            [
                Diagnostic(
                    code=Code.CANNOT_WRITE,
                    message=f"cannot make the folder '{folder}': {error.strerror}",
                    location=Location(path=str(folder), line=0),
                    help="name another one, or give yourself the right to write there",
                )
            ]
        ) from None
