"""Determine the version of a release: its bake variable, its value, and its order."""

from collections.abc import Iterable
from typing import NamedTuple

from packaging.version import InvalidVersion, Version

from compiler.codes import Code
from compiler.errors import CompileError, Diagnostic, Location
from compiler.external.references import canonical_tag
from compiler.output.bake_resolved import ResolvedPlan
from compiler.targets.plan import Plan


MAX_LENGTH = 100
"""Maximum number of characters of a version: it is part of tags, which have at most 128."""


class Release(NamedTuple):
    """The version to publish."""

    variable: str
    """The bake variable that contains it."""
    version: str

    @property
    def is_final(self) -> bool:
        """Return whether floating tags follow this version: not for a prerelease."""
        version = parse_version(self.version)
        return version is not None and not version.is_prerelease


def parse_version(text: str) -> Version | None:
    """Return a version that can be compared; None if the text is not a version.

    >>> parse_version("v1.10") > parse_version("v1.9"), parse_version("alice-test")
    (True, None)
    """
    try:
        return Version(text)
    except InvalidVersion:
        return None


def _declare_version(variables: Iterable[str]) -> str:
    """Return the help for a matrix without a version: with one of its variables, if it has any."""
    names = sorted(variables, key=lambda name: "VERSION" not in name.upper())
    if not names:
        names = ["VERSION"]
        declaration = "declare it with `variables: {VERSION: v1.0}`, and "
    else:
        declaration = ""
    return f'{declaration}add `publish: {{version: "${{{names[0]}}}"}}`'


def release_version(resolved: ResolvedPlan, requested: str | None = None) -> Release:
    """Return the version to publish.

    Args:
        resolved: the plan for the environment.
        requested: the version of the command line, if any.

    Raises:
        CompileError: the matrix declares no version; it is invalid in a tag; or the environment
            overrides a version that the matrix reads from data.
    """
    plan, environment = resolved.plan, resolved.environment
    matrix = plan.matrix
    name = matrix.version
    if name is None:
        raise _error(
            Code.NO_PUBLISH,
            "the matrix does not declare the variable that contains the version of a release",
            Location(path=matrix.source.path, line=0),
            _declare_version(matrix.variables),
        )
    location = matrix.source.locate(("publish", "version"))
    default = matrix.variables[name].resolved
    version = requested if requested is not None else resolved.variables[name]
    if canonical_tag(f"x:{version}") is None or len(version) > MAX_LENGTH:
        raise _error(
            Code.BAD_VERSION,
            f"invalid version: {version!r}",
            location,
            f"use at most {MAX_LENGTH} letters, digits, `.`, `_` and `-`",
        )
    variables = _referenced_variables(plan, name)
    if requested is None and version != default and _read_from_data(plan, variables):
        overridden = [variable for variable in variables if variable in environment]
        raise _error(
            Code.OTHER_VERSION,
            f"{name} is {version!r} in the environment, but {default!r} in the matrix's data",
            location,
            f"unset {', '.join(overridden)}, or pass `--version {version}` if it is intended",
        )
    return Release(name, version)


def _referenced_variables(plan: Plan, name: str) -> list[str]:
    """Return a variable and all variables that its default refers to, directly or not."""
    names = [name]
    for variable in names:
        others = plan.matrix.variables[variable].references
        names += [other for other in others if other not in names]
    return names


def _read_from_data(plan: Plan, names: Iterable[str]) -> bool:
    """Return whether the default of any variable is an expression over data."""
    defaults = plan.matrix.source.data["variables"]
    return any("{{" in str(defaults[name]) for name in names)


def _error(code: Code, message: str, location: Location, help_: str) -> CompileError:
    return CompileError([Diagnostic(code=code, message=message, location=location, help=help_)])
