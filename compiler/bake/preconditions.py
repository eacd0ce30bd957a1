"""Check the environment before a build: no filters in it, and a suitable buildx."""

from collections.abc import Mapping

from compiler.codes import Code
from compiler.constants import OLDEST_BUILDX
from compiler.errors import Argument, CompileError, Diagnostic
from compiler.external import buildx
from compiler.matrix.field_table import ROWS, TABLE
from compiler.output.source_policy import SOURCE_POLICY
from compiler.targets.plan import Plan


def reject_filters(environment: Mapping[str, str]) -> None:
    """Reject an environment with filters of the bake file.

    Raises:
        CompileError: an error for each `ONLY_*` that is not empty. A forgotten export would
            silently exclude targets.
    """
    filters = {
        name: value
        for name, value in sorted(environment.items())
        if name.startswith("ONLY_") and value.strip()
    }
    if filters:
        raise CompileError(_diagnose_filter(name, value) for name, value in filters.items())


def _diagnose_filter(name: str, value: str) -> Diagnostic:
    return Diagnostic(
        code=Code.FILTER_IN_ENVIRONMENT,
        message=f"the environment variable {name} would exclude targets",
        location=_variable(name, value),
        help=f"`unset {name}` and pass filters as arguments",
    )


def _variable(name: str, value: str) -> Argument:
    """Return the place of a variable in the environment."""
    return Argument(name=name, text=f"{name}={value}", length=len(name))


def reject_other_policy(plan: Plan, environment: Mapping[str, str]) -> None:
    """Reject a source policy in the environment if the matrix has one: buildx reads a single one.

    Raises:
        CompileError: the environment names a policy.
    """
    if plan.matrix.lock.policy and (path := environment.get(SOURCE_POLICY)):
        raise CompileError(
            [
                Diagnostic(
                    code=Code.CANNOT_BUILD,
                    message=f"{SOURCE_POLICY} would replace the policy of `lock.policy`",
                    location=_variable(SOURCE_POLICY, path),
                    help=f"`unset {SOURCE_POLICY}`, or remove `policy` from matrix.yaml",
                )
            ]
        )


def require_buildx() -> None:
    """Check that `docker buildx` can be run and is recent enough.

    Raises:
        CompileError: it is missing, or too old.
    """
    oldest = ".".join(map(str, OLDEST_BUILDX))
    try:
        version = buildx.version()
        if version is None or version >= OLDEST_BUILDX:
            return
        installed = ".".join(map(str, version))
        error = buildx.BuildxError(f"buildx {installed} is installed", "update buildx")
    except buildx.BuildxError as raised:
        error = raised
    raise CompileError(
        [
            Diagnostic(
                code=Code.CANNOT_BUILD,
                message=f"building requires docker with buildx {oldest} or later: {error.message}",
                location=Argument(name=buildx.PROGRAM),
                help=error.help,
            )
        ]
    )


def require_fields(plan: Plan) -> None:
    """Check that buildx supports the fields of a plan that it must not ignore, such as `policy`.

    An older buildx ignores unknown attributes silently, and would build without the protection.

    Raises:
        CompileError: an error for each field that the installed buildx would ignore.
    """
    used = {name for target in plan.targets for name in target.fields if ROWS[name].required}
    if not used:
        return
    installed = buildx.version()
    if installed is None:
        return
    errors = [
        Diagnostic(
            code=Code.CANNOT_BUILD,
            message=f"buildx {'.'.join(map(str, installed))} ignores the field {row.name!r}, "
            f"which requires buildx {row.since} or later",
            location=Argument(name=buildx.PROGRAM),
            help="update buildx",
        )
        for row in TABLE
        if row.name in used and installed < tuple(map(int, row.since.split(".")))
    ]
    if errors:
        raise CompileError(errors)
