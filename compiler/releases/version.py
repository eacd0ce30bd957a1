"""The version of a release: which variable it is, what it is, and whether it moves anything."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from packaging.version import InvalidVersion, Version

from compiler.codes import Code
from compiler.errors import CompileError, Diagnostic, Location
from compiler.external.references import canonical_tag
from compiler.matrix.strings import variables_in
from compiler.output.bake_resolved import variable_values
from compiler.targets.plan import Plan


_MOST = 100
"""Characters of a version: it stands in tags, which have 128."""


class Release(NamedTuple):
    """A version that is published."""

    variable: str
    """The bake variable that holds it."""
    version: str

    @property
    def moves(self) -> bool:
        """Tell whether it takes the tags that move: a final version does."""
        found = order(self.version)
        return found is not None and not found.is_prerelease


def order(version: str) -> Version | None:
    """Return a version as it is ordered; None for a text that is none.

    >>> order("v1.10") > order("v1.9"), order("alice-test")
    (True, None)
    """
    try:
        return Version(version)
    except InvalidVersion:
        return None


def release(plan: Plan, environment: Mapping[str, str], said: str | None = None) -> Release:
    """Return what is to be published.

    Args:
        plan: what is planned.
        environment: what bake would take variables from.
        said: the version that the command line names.

    Raises:
        CompileError: the matrix does not say what the version is; it is none for a tag; or the
            environment has another one than the data that the matrix takes it from.
    """
    matrix = plan.matrix
    name = matrix.version
    if name is None:
        raise _refusal(
            Code.NO_PUBLISH,
            "the matrix does not say which variable is the version of a release",
            Location(path=matrix.source.path, line=0),
            'write `publish: {version: "${VERSION_TAG}"}` with one of its variables',
        )
    place = matrix.source.locate(("publish", "version"))
    default = matrix.variables[name].resolved
    version = said if said is not None else variable_values(plan, environment)[name]
    if canonical_tag(f"x:{version}") is None or len(version) > _MOST:
        raise _refusal(
            Code.BAD_VERSION,
            f"{version!r} is no version for a tag",
            place,
            f"use at most {_MOST} letters, digits, `.`, `_` and `-`",
        )
    chain = _chain(plan, name)
    if said is None and version != default and _from_data(plan, chain):
        given = [one for one in chain if one in environment]
        raise _refusal(
            Code.OTHER_VERSION,
            f"{name} is {version!r} in the environment, and the matrix takes {default!r} from data",
            place,
            f"unset {', '.join(given)}, or say `--version {version}` if it is meant",
        )
    return Release(name, version)


def _chain(plan: Plan, name: str) -> list[str]:
    """Return a variable with all that its default names, directly or not."""
    found = [name]
    for one in found:
        more = variables_in(plan.matrix.variables[one].default)
        found += [other for other in more if other not in found]
    return found


def _from_data(plan: Plan, names: Iterable[str]) -> bool:
    written = plan.matrix.source.data["variables"]
    return any("{{" in str(written[name]) for name in names)


def _refusal(code: Code, message: str, place: Location, help_: str) -> CompileError:
    return CompileError([Diagnostic(code=code, message=message, location=place, help=help_)])
