"""Select targets with the FILTER arguments of a command."""

import platform
import re
from collections.abc import Callable, Sequence

from compiler.codes import Code
from compiler.constants import TEST_SUFFIX
from compiler.errors import Argument, Diagnostic, Problems, did_you_mean, listed
from compiler.external.platforms import canonical_platform, selects_platform, unversioned_platform
from compiler.matrix.matcher import RANGE, match, spelling
from compiler.matrix.names import no_axis
from compiler.matrix.pattern import worded
from compiler.targets.groups import Kind
from compiler.targets.plan import Plan
from compiler.targets.target import Target


_OPERATOR = re.compile(r"[<>]=?|[!~=]=|=")
"""Separates an axis from its matcher."""

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm/v7", "armv6l": "arm/v6"}


def local_platform() -> str:
    """Return the Linux platform of this machine's architecture, as BuildKit writes it."""
    machine = platform.machine().lower()
    return f"linux/{_ARCHITECTURES.get(machine, machine)}"


def has_platform(target: Target, platform: str) -> bool:
    """Return whether a target has a platform; `local` is this machine's."""
    name = local_platform() if platform == "local" else canonical_platform(platform) or platform
    return any(selects_platform({name}, text) for text in target.platforms)


def select(plan: Plan, filters: Sequence[str]) -> tuple[Target, ...]:
    """Return the targets that match every filter, in the plan's order.

    Args:
        plan: the plan.
        filters: `axis=matcher[,matcher...]`, `axis>=version` and similar, `image=`, `platform=`,
            or the name of a target or group.

    Raises:
        CompileError: a filter is invalid, or no target matches all of them.
    """
    problems = Problems()
    tests = [test for text in filters if (test := _test(text, plan, problems)) is not None]
    problems.refuse()
    targets = tuple(target for target in plan.targets if all(test(target) for test in tests))
    if not targets and filters:
        where = Argument(name="FILTER", text=" ".join(filters))
        problems.add(
            Diagnostic(
                code=Code.NO_VARIANT_MATCHES,
                message="no target matches all of these filters",
                location=where,
                help=_joined_values(filters)
                or "filters intersect: a target must match each of them",
            )
        )
        problems.refuse()
    return targets


def _joined_values(filters: Sequence[str]) -> str:
    """Return the help for two filters of one axis with a value each; empty without such filters.

    >>> _joined_values(["gpu=true", "python=3.9", "python=3.10"])
    'filters intersect; for several values, write python=3.9,3.10'
    """
    values: dict[str, list[str]] = {}
    for name, equals, value in (text.partition("=") for text in filters):
        if equals and name.isidentifier() and not value.startswith("="):
            values.setdefault(name, []).append(value)
    joined = next((f"{name}={','.join(v)}" for name, v in values.items() if len(v) > 1), "")
    return joined and f"filters intersect; for several values, write {joined}"


def _test(text: str, plan: Plan, problems: Problems) -> Callable[[Target], bool] | None:
    """Return the condition of a filter; None if it is invalid, which is added to the problems."""
    operator = _OPERATOR.search(text)
    matcher = text[operator.start() + (operator[0] == "=") :] if operator else text

    def problem(code: Code, message: str, help_: str, part: str) -> None:
        where = Argument.within("FILTER", text, part if part in text else matcher)
        problems.add(Diagnostic(code=code, message=message, location=where, help=help_))

    if operator is None:
        return _named(text, plan, problem)
    name = text[: operator.start()]
    if not name:
        help_ = "write AXIS=VALUE without spaces around the operator"
        problem(Code.EMPTY_PATTERN, f"missing axis in {text!r}", help_, text)
        return None
    values = _matchers(matcher)  # python>=3.11 means python=>=3.11
    if not values or operator[0] == matcher.strip():
        problem(Code.EMPTY_PATTERN, f"missing value for {name!r}", f"write {name}=VALUE", text)
        return None
    if name == "platform":
        return _platform(values, plan, problem)
    if name == "image" or name in plan.matrix.axes:
        return _axis(name, values, plan, problem)
    axes = [*plan.matrix.axes, "image", "platform"]
    near = did_you_mean(name, axes, otherwise=f"known axes: {listed(axes)}")
    problem(Code.UNKNOWN_AXIS, no_axis(name), near, name)
    return None


def _matchers(text: str) -> list[str]:
    """Split at commas; the bounds of one version range stay together.

    >>> _matchers("3.9, >=3.11,<3.13")
    ['3.9', '>=3.11,<3.13']
    """
    matchers: list[str] = []
    for item in text.split(","):
        matcher = item.strip()
        if matchers and RANGE.match(matcher) and RANGE.match(matchers[-1]):
            matchers[-1] += f",{matcher}"
        elif matcher:
            matchers.append(matcher)
    return matchers


def _named(
    name: str, plan: Plan, problem: Callable[[Code, str, str, str], None]
) -> Callable[[Target], bool] | None:
    groups = {
        group.name: frozenset(test.removesuffix(TEST_SUFFIX) for test in group.targets)
        if group.kind is Kind.TESTS
        else frozenset(group.targets)
        for group in plan.groups
    }
    targets = {target.name: frozenset([target.name]) for target in plan.targets}
    for target in plan.targets:
        if target.tests:
            targets[f"{target.name}{TEST_SUFFIX}"] = frozenset([target.name])
    members = groups.get(name, targets.get(name))
    if members is None:
        near = did_you_mean(name, [*groups, *targets], otherwise="see `compile-matrix list`")
        if name in (*plan.matrix.axes, "image", "platform"):
            near = f"to filter by {name!r}, write {name}=VALUE"
        problem(Code.UNKNOWN_TARGET, f"unknown target or group {name!r}", near, name)
        return None
    return lambda target: target.name in members


def _axis(
    name: str, values: list[str], plan: Plan, problem: Callable[[Code, str, str, str], None]
) -> Callable[[Target], bool]:
    matrix = plan.matrix
    is_image = name == "image"
    known = [*matrix.images] if is_image else [value.text for value in matrix.axes[name].values]
    matched = match(values, known, null=not is_image)
    for fault in matched.faults:
        code, message = worded(fault, name)
        several = " " in fault.word and _OPERATOR.search(fault.word)
        help_ = "write each filter as an argument of its own" if several else fault.help
        problem(code, message, help_, fault.word)
    wanted = frozenset(known[n] for n in matched.values)
    if is_image:
        return lambda target: target.image in wanted
    lacking = "null" in values
    return lambda target: spelling(target.axes[name]) in wanted if name in target.axes else lacking


def _platform(
    values: list[str], plan: Plan, problem: Callable[[Code, str, str, str], None]
) -> Callable[[Target], bool]:
    known = {
        name: None
        for target in plan.targets
        for text in target.platforms
        for name in (canonical_platform(text) or text, unversioned_platform(text))
    }
    here = local_platform()
    wanted = {here if value == "local" else canonical_platform(value) or value for value in values}
    for value in values:
        full = here if value == "local" else canonical_platform(value) or value
        if full not in known and value != "local":
            otherwise = (
                f"known platforms: {', '.join(known)}" if known else "no target has platforms"
            )
            near = did_you_mean(value, known, otherwise=otherwise)
            problem(Code.UNKNOWN_PLATFORM, f"no target has the platform {value!r}", near, value)
    return lambda target: any(selects_platform(wanted, text) for text in target.platforms or [here])
