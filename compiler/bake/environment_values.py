"""Check what the environment gives the targets: values of bake variables, and switches."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from compiler.codes import Code
from compiler.errors import Argument, CompileError, Diagnostic, Location, Problems
from compiler.external.go_values import GO_BOOLEANS
from compiler.external.references import split_repository, split_tag
from compiler.matrix.bake_strings import BakeString, substitute, variables_in
from compiler.matrix.matrix import Variable
from compiler.output.bake_resolved import TRUE, ResolvedPlan
from compiler.source.project_files import Files
from compiler.targets.checked_environment import CheckedEnvironment, default_environment
from compiler.targets.expand import expand
from compiler.targets.graph import closure
from compiler.targets.plan import Plan
from compiler.targets.resolve import resolve
from compiler.targets.target import link_graph


_SWITCHES = {
    "MOVING": (frozenset(GO_BOOLEANS), "set it to true or false"),
    "CACHE": (frozenset({"", "read", "write"}), "set it to read or write"),
}
"""Switch of the generated bake file -> its values, and what to do about another one."""
_SHOWN = 80
"""Maximum number of characters of a variable's value in a message."""


def require_values(
    resolved: ResolvedPlan,
    files: Files,
    names: Collection[str],
    *,
    moves: bool = False,
    published: bool = False,
) -> None:
    """Check what the environment gives these targets, and those that they link to.

    Compiling checks the defaults of variables. The environment can also make tags invalid or equal,
    name unknown platforms, and leave a derived variable without a value.

    Args:
        resolved: the plan for the environment.
        files: the project's files.
        names: the targets.
        moves: whether floating tags count, as they do if `MOVING` is true.
        published: whether the tags that only `publish` creates count.

    Raises:
        CompileError: an error for each derived variable whose expression does not match, for each
            invalid field, and for each invalid switch.
    """
    moves = moves or resolved.environment.get("MOVING") in TRUE
    checked = CheckedEnvironment(
        _with_placeholders(resolved, resolved.missing_values),
        _with_links(resolved, names),
        moves=moves,
        published=published,
        cached=bool(resolved.environment.get("CACHE")),
    )
    errors = [
        *_invalid_switches(resolved),
        *_missing_values(resolved, resolved.missing_in(names, moves=moves, published=published)),
        *_invalid_fields(resolved, files, checked),
        *_invalid_names(resolved, [*_common_repositories(resolved.plan, staging=published)]),
    ]
    if errors:
        raise CompileError(errors)


def overridden_errors(
    resolved: ResolvedPlan, files: Files, names: Collection[str]
) -> list[Diagnostic]:
    """Return the errors that the environment causes by the values that it sets.

    Variables without a value are not among them. For commands that neither build nor publish.

    Args:
        resolved: the plan for the environment.
        files: the project's files.
        names: the targets.
    """
    unset = [
        name
        for name, value in resolved.variables.items()
        if not value and name not in resolved.environment
    ]
    checked = CheckedEnvironment(_with_placeholders(resolved, unset), _with_links(resolved, names))
    return [*_invalid_switches(resolved), *_invalid_fields(resolved, files, checked)]


def require_repositories(resolved: ResolvedPlan) -> ResolvedPlan:
    """Return a plan after a check of the repositories that the environment gives to it.

    Raises:
        CompileError: an error for each invalid one.
    """
    matrix, problems = resolved.plan.matrix, Problems()
    locate = matrix.source.locate
    own = {
        BakeString(split_tag(tag)[0]): locate(matrix.images[target.image].route, key=True)
        for target in reversed(resolved.plan.targets)
        if (tag := resolved.naming_tag(target)) is not None
    }
    problems.extend(_invalid_names(resolved, [*_common_repositories(resolved.plan), *own.items()]))
    problems.refuse()
    return resolved


def _with_placeholders(resolved: ResolvedPlan, names: Iterable[str]) -> dict[str, str]:
    """Return the values of all variables; these have a valid text instead, as in compiling."""
    return {**resolved.variables, **{name: name.lower() for name in names}}


def _with_links(resolved: ResolvedPlan, names: Collection[str]) -> frozenset[str]:
    """Return targets with those that bake builds together with them."""
    return closure(names, link_graph(resolved.plan.targets))


def _invalid_switches(resolved: ResolvedPlan) -> Iterator[Diagnostic]:
    """Yield an error for each switch of the bake file whose value bake rejects, or ignores."""
    targets = resolved.plan.targets
    used = {
        "MOVING": any(target.moving or target.aliases for target in targets),
        "CACHE": any(target.cache for target in targets),
    }
    for name, (valid, help_) in _SWITCHES.items():
        value = resolved.environment.get(name)
        if used[name] and value is not None and value not in valid:
            yield Diagnostic(
                code=Code.CANNOT_BUILD,
                message=f"invalid value of the environment variable {name}: {_shown(value)}",
                location=Argument(name=name, text=f"{name}={value}", start=len(name) + 1),
                help=f"{help_}, or unset it",
            )


def _missing_values(resolved: ResolvedPlan, names: Iterable[str]) -> Iterator[Diagnostic]:
    """Yield an error for each of these derived variables, whose expressions do not match."""
    matrix = resolved.plan.matrix
    for name in names:
        derivation = matrix.variables[name].derivation
        assert derivation is not None  # noqa: S101 - only a derived variable lacks its own value
        text = resolved.variables[derivation.source]
        yield Diagnostic(
            code=Code.NO_VALUE,
            message=f"variable {name!r} has no value: its expression does not match {text!r}, "
            f"the value of {derivation.source!r}",
            location=matrix.source.locate(("variables", name)),
            help=f"set {name} in the environment, or change {derivation.source}",
        )


def _invalid_fields(
    resolved: ResolvedPlan, files: Files, checked: CheckedEnvironment
) -> list[Diagnostic]:
    """Return the errors of fields that the values of variables cause."""
    plan = resolved.plan
    if checked.values == default_environment(plan.matrix).values:
        return []
    problems = _ProblemsOf(checked)
    matrix, variants = expand(plan.matrix, problems, len(plan.targets))
    resolve(matrix, variants, files, problems, checked)
    return [_with_variables(diagnostic, resolved) for diagnostic in problems.diagnostics()]


def _common_repositories(
    plan: Plan, *, staging: bool = True
) -> Iterator[tuple[BakeString, Location]]:
    """Yield the repositories that all targets share, in bake's syntax, and where they are written.

    Args:
        plan: the plan.
        staging: whether the repository of staged images is among them.
    """
    matrix = plan.matrix
    if staging and matrix.staging:
        yield BakeString(matrix.staging), matrix.source.locate(("publish", "staging"))
    if matrix.lock.mirror:
        yield BakeString(matrix.lock.mirror), matrix.source.locate(("lock", "mirror"))


def _invalid_names(
    resolved: ResolvedPlan, repositories: Iterable[tuple[BakeString, Location]]
) -> Iterator[Diagnostic]:
    """Yield an error for each of these repositories that is invalid."""
    for text, location in repositories:
        value = substitute(text, resolved.variables)
        if split_repository(value) is None:
            causes = _causes(variables_in(text), resolved)
            yield Diagnostic(
                code=Code.ILLEGAL_TAG,
                message=f"invalid repository: {_shown(value)}",
                location=location,
                help="; ".join(["write a name in lower case, without a tag", *causes]),
            )


class _ProblemsOf(Problems):
    """Collects the diagnostics of the targets that are checked."""

    def __init__(self, checked: CheckedEnvironment) -> None:
        """Take what is checked."""
        super().__init__()
        self._checked = checked

    def add(self, diagnostic: Diagnostic, variant: str | None = None) -> None:
        """Note a diagnostic, unless it was met in another target."""
        if variant is None or self._checked.concerns(variant):
            super().add(diagnostic, variant)


def _with_variables(diagnostic: Diagnostic, resolved: ResolvedPlan) -> Diagnostic:
    """Say in the help which variables an invalid field depends on, and their values."""
    location = diagnostic.location
    written = ""
    if isinstance(location, Location):
        written = location.text[location.column - 1 :][: location.length]
    names = dict.fromkeys([*variables_in(diagnostic.message), *variables_in(written)])
    causes = [diagnostic.help, *_causes(names, resolved)]
    return replace(diagnostic, help="; ".join(filter(None, causes)))


def _causes(names: Iterable[str], resolved: ResolvedPlan) -> Iterator[str]:
    """Yield what the environment does with these variables, and with those in their defaults."""
    variables: dict[str, Variable] = dict(resolved.plan.matrix.variables)
    pending = [name for name in names if name in variables]
    while pending:
        name = pending.pop(0)
        variable = variables.pop(name, None)
        if variable is None:
            continue
        if name in resolved.environment:
            yield f"{name} is {_shown(resolved.environment[name])} in the environment"
        elif variable.references:
            pending += variable.references
        elif not variable.default:
            yield f"{name} is empty: set it in the environment"


def _shown(value: str) -> str:
    """Return a value for a message."""
    return repr(value if len(value) <= _SHOWN else f"{value[:_SHOWN]}...")
