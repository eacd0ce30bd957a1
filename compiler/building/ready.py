"""What must hold before anything is built: no filters left over, files up to date, a buildx."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from compiler.constants import BAKE_FILE, OLDEST_BUILDX
from compiler.errors import CompileError, Diagnostic, Location
from compiler.pipeline import Compilation


_VERSION = re.compile(r"\bv?(\d+)\.(\d+)\.\d+")


def refuse_filters(env: Mapping[str, str]) -> None:
    """Refuse an environment that holds filters of the bake file.

    Raises:
        CompileError: for each `ONLY_*` that is not empty: a forgotten export would leave out
            targets without a word.
    """
    found = [name for name in sorted(env) if name.startswith("ONLY_") and env[name].strip()]
    if found:
        raise CompileError(map(_filter, found, (env[name] for name in found)))


def _filter(name: str, value: str) -> Diagnostic:
    text = f"{name}={value}"
    return Diagnostic(
        code="filter-in-environment",
        message=f"the environment holds the filter {name}, which would leave out targets",
        location=Location(path="environment", line=1, length=len(name), text=text),
        help=f"`unset {name}`, and give FILTERs to this command",
    )


def fresh(path: Path, *, shown: str, limit: int) -> Compilation:
    """Compile a matrix whose generated files are up to date.

    Raises:
        CompileError: they are not, or the matrix is wrong.
    """
    from compiler.drift import diff
    from compiler.pipeline import compile_matrix

    compiled = compile_matrix(path, shown=shown, limit=limit)
    changes = diff(compiled.artifacts, path.parent, compiled.plan.matrix.output)
    if not changes:
        return compiled
    first, more = changes[0], len(changes) - 1
    others = f", and {more} more are stale" if more else ""
    what = "is missing" if first.old is None else "is stale" if first.new else "is left over"
    raise CompileError(
        [
            Diagnostic(
                code="stale-files",
                message=f"the generated file {first.path} {what}{others}",
                location=Location(path=f"{shown}{first.path}", line=0),
                help="run `compile-matrix` first; `compile-matrix --diff` shows what would change",
            )
        ]
    )


def require_buildx() -> None:
    """Refuse a machine without `docker buildx`, or with one that is too old.

    Raises:
        CompileError: there is none.
    """
    try:
        done = subprocess.run(
            ["docker", "buildx", "version"],  # noqa: S607 - the user's own
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        raise _cannot("there is no docker" if missing else str(error.strerror)) from None
    if done.returncode:
        raise _cannot("this docker has no buildx")
    version = _VERSION.search(done.stdout)
    if version and (int(version[1]), int(version[2])) < OLDEST_BUILDX:
        raise _cannot(f"this is buildx {version[0].removeprefix('v')}")


def _cannot(reason: str) -> CompileError:
    oldest = ".".join(map(str, OLDEST_BUILDX))
    return CompileError(
        [
            Diagnostic(
                code="cannot-build",
                message=f"building needs docker with buildx {oldest} or later: {reason}",
                location=Location(path=BAKE_FILE, line=0),
                help="install Docker with its plug-in buildx, or update it",
            )
        ]
    )
