"""A new project: the packaged sample or a minimal matrix, ready to be compiled and changed.

Takes a folder, which may be missing; promises to write all files of the project or none. Refuses to
overwrite files.
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


SAMPLE, MINIMAL = (Path(__file__).parents[1] / name for name in ("sample", "minimal"))
"""The projects in the package: matrix.yaml and templates/."""

_SCHEMA = "matrix.schema.json"
_IGNORED = ".gitignore"
_DATA = "pyproject.toml"
_OURS = {
    _DATA: """\
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


def init(folder: Path, *, minimal: bool = False) -> tuple[str, ...]:
    """Write a project, and return the paths of its files below the folder.

    An existing .gitignore is kept, and so is a pyproject.toml that states a version.

    Args:
        folder: the folder of the project; missing folders are created.
        minimal: write the smallest useful project instead of the sample.

    Raises:
        CompileError: a file exists already, or cannot be written; nothing is written.
    """
    new = _minimal_files() if minimal else _sample_files()
    if os.path.lexists(folder / _IGNORED):
        new.pop(_IGNORED, None)
    if _DATA in new and os.path.lexists(folder / _DATA):
        _require_version(folder / _DATA)
        del new[_DATA]
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


def _minimal_files() -> dict[str, bytes]:
    """Return every file of the minimal project: the path below its folder, and the bytes."""
    return {"matrix.yaml": (MINIMAL / "matrix.yaml").read_bytes(), **_templates(MINIMAL)}


def _templates(project: Path) -> dict[str, bytes]:
    templates = {}
    for where, folders, names in os.walk(project / "templates"):
        folders[:] = sorted(set(folders) - {"__pycache__"})  # Installers leave these.
        for name in sorted(names):
            path = Path(where, name)
            templates[path.relative_to(project).as_posix()] = path.read_bytes()
    return templates


def _require_version(data: Path) -> None:
    """Require that a pyproject.toml states the version that the sample reads."""
    from compiler.source.data_files import load_data

    found = load_data(_DATA, data.read_bytes(), str(data)) if data.is_file() else None
    table = found.get("project") if isinstance(found, dict) else None
    if not isinstance(table, dict) or not isinstance(table.get("version"), str):
        raise CompileError(
            [
                Diagnostic(
                    code=Code.NOT_OURS,
                    message=f"'{data}' exists, and has no `project.version` for the sample",
                    location=Location(path=str(data), line=0),
                    help="use `--minimal`, or name a new folder: `compile-matrix init DIR`",
                )
            ]
        )


def _sample_files() -> dict[str, bytes]:
    """Return every file of the sample project: the path below its folder, and the bytes."""
    matrix = (SAMPLE / "matrix.yaml").read_text(encoding="utf-8")
    first, rest = matrix.split("\n", 1)
    setting = first.partition("=")[0]  # The sample's schema is elsewhere.
    found = {"matrix.yaml": f"{setting}={_SCHEMA}\n{rest}".encode(), **_templates(SAMPLE)}
    found.update({path: text.encode() for path, text in _OURS.items()})
    found[_SCHEMA] = schema_text().encode()
    return found


def _refuse_present(folder: Path, new: Iterable[str]) -> None:
    """Refuse to overwrite a file, or to replace what exists where a folder is needed."""
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
                message=f"'{full}' exists already",
                location=Location(path=str(full), line=0),
                help="name a new folder, `compile-matrix init DIR`, or move the file",
                cause="file exists",
            )
            for full in present.values()
        )


def _make(folder: Path, made: list[Path]) -> None:
    """Create a folder and the missing ones above it, and record them, the outermost first."""
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
                    message=f"cannot create the folder '{folder}': {error.strerror}",
                    location=Location(path=str(folder), line=0),
                    help="name another folder, or change its permissions",
                )
            ]
        ) from None
