"""What must hold before anything is built: no filters left over, files up to date, a buildx."""

from collections.abc import Mapping

from compiler.codes import Code
from compiler.constants import BAKE_FILE, OLDEST_BUILDX
from compiler.errors import CompileError, Diagnostic, Location
from compiler.external import buildx


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
        code=Code.FILTER_IN_ENVIRONMENT,
        message=f"the environment holds the filter {name}, which would leave out targets",
        location=Location(path="environment", line=1, length=len(name), text=text),
        help=f"`unset {name}`, and give FILTERs to this command",
    )


def require_buildx() -> None:
    """Refuse a machine without `docker buildx`, or with one that is too old.

    Raises:
        CompileError: there is none.
    """
    oldest = ".".join(map(str, OLDEST_BUILDX))
    try:
        version = buildx.version()
        if version is None or version >= OLDEST_BUILDX:
            return
        error = buildx.BuildxError(f"this is buildx {version[0]}.{version[1]}", "update buildx")
    except buildx.BuildxError as raised:
        error = raised
    raise CompileError(
        [
            Diagnostic(
                code=Code.CANNOT_BUILD,
                message=f"building needs docker with buildx {oldest} or later: {error.message}",
                location=Location(path=BAKE_FILE, line=0),
                help=error.help,
            )
        ]
    )
