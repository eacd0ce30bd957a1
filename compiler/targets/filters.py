"""Which targets the words of a command line are about."""

import platform
import re
from collections.abc import Callable, Sequence

from compiler.codes import Code
from compiler.constants import TEST_SUFFIX
from compiler.errors import Argument, Diagnostic, Problems, did_you_mean
from compiler.external.references import canonical_platform
from compiler.matrix.pattern import RANGE, match, spelling, worded
from compiler.targets.plan import Kind, Plan
from compiler.targets.target import Target


_OPERATOR = re.compile(r"[<>]=?|[!~=]=|=")
"""What stands between an axis and its matcher."""

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm/v7", "armv6l": "arm/v6"}


def local_platform() -> str:
    """Return this machine's architecture under linux, as BuildKit says it."""
    machine = platform.machine().lower()
    return f"linux/{_ARCHITECTURES.get(machine, machine)}"


def select(plan: Plan, words: Sequence[str]) -> tuple[Target, ...]:
    """Return the targets that every word takes, in the plan's order.

    Args:
        plan: what there is.
        words: `axis=matcher[,matcher...]`, `axis>=version` and the like, `image=`, `platform=`, or
            the name of a target or group.

    Raises:
        CompileError: a word says nothing that exists, or nothing is left.
    """
    problems = Problems()
    tests = [test for word in words if (test := _test(word, plan, problems)) is not None]
    problems.refuse()
    found = tuple(target for target in plan.targets if all(test(target) for test in tests))
    if not found and words:
        where = Argument(name="FILTER", text=" ".join(words))
        problems.add(
            Diagnostic(
                code=Code.NO_VARIANT_MATCHES,
                message="no target is left by all of this together",
                location=where,
                help="each word narrows what the others leave",
            )
        )
        problems.refuse()
    return found


def _test(word: str, plan: Plan, problems: Problems) -> Callable[[Target], bool] | None:
    """Return what a word asks of a target; what it cannot mean goes to the problems."""

    def problem(code: Code, message: str, help_: str, part: str) -> None:
        where = Argument.within("FILTER", word, part)
        problems.add(Diagnostic(code=code, message=message, location=where, help=help_))

    operator = _OPERATOR.search(word)
    if operator is None:
        return _named(word, plan, problem)
    name, rest = word[: operator.start()], word[operator.end() :]
    if operator[0] != "=":
        rest = operator[0] + rest  # python>=3.11 is python=>=3.11
    values = _matchers(rest)
    if not values or operator[0] == rest.strip():
        problem(Code.EMPTY_PATTERN, f"no value of {name!r} is named", f"write {name}=VALUE", word)
        return None
    matrix = plan.matrix
    if name == "platform":
        return _platform(values, plan, problem)
    if name == "image":
        known = list(matrix.images)
    elif name in matrix.axes:
        known = [value.text for value in matrix.axes[name].values]
    else:
        words = [*matrix.axes, "image", "platform"]
        otherwise = f"there are {', '.join(words)}"
        message = f"no axis is named {name!r}"
        problem(Code.UNKNOWN_AXIS, message, did_you_mean(name, words, otherwise=otherwise), name)
        return None
    found = match(values, known, null=name != "image")
    for fault in found.faults:
        code, message = worded(fault, name)
        problem(code, message, fault.help, fault.word if fault.word in word else rest)
    wanted = frozenset(known[n] for n in found.values)
    if name == "image":
        return lambda target: target.image in wanted
    lacking = "null" in values
    return lambda target: spelling(target.axes[name]) in wanted if name in target.axes else lacking


def _matchers(text: str) -> list[str]:
    """Split at commas; parts of one version range stay together.

    >>> _matchers("3.9, >=3.11,<3.13")
    ['3.9', '>=3.11,<3.13']
    """
    found: list[str] = []
    for part in text.split(","):
        word = part.strip()
        if found and RANGE.match(word) and RANGE.match(found[-1]):
            found[-1] += f",{word}"
        elif word:
            found.append(word)
    return found


def _named(
    word: str, plan: Plan, problem: Callable[[Code, str, str, str], None]
) -> Callable[[Target], bool] | None:
    groups = {
        group.name: frozenset(name.removesuffix(TEST_SUFFIX) for name in group.targets)
        if group.kind is Kind.TESTS
        else frozenset(group.targets)
        for group in plan.groups
    }
    targets = {target.name: frozenset([target.name]) for target in plan.targets}
    for target in plan.targets:
        if target.tests:
            targets[f"{target.name}{TEST_SUFFIX}"] = frozenset([target.name])
    members = groups.get(word, targets.get(word))
    if members is None:
        near = did_you_mean(word, [*groups, *targets], otherwise="`compile-matrix list` shows all")
        problem(Code.UNKNOWN_TARGET, f"no target or group is named {word!r}", near, word)
        return None
    return lambda target: target.name in members


def _platform(
    values: list[str], plan: Plan, problem: Callable[[Code, str, str, str], None]
) -> Callable[[Target], bool]:
    known = {
        canonical_platform(text) or text: None
        for target in plan.targets
        for text in target.platforms
    }
    here = local_platform()
    wanted = {here if value == "local" else canonical_platform(value) or value for value in values}
    for value in values:
        full = here if value == "local" else canonical_platform(value) or value
        if full not in known and value != "local":
            otherwise = f"there are {', '.join(known)}" if known else "no target names a platform"
            near = did_you_mean(value, known, otherwise=otherwise)
            problem(Code.UNKNOWN_PLATFORM, f"no target has the platform {value!r}", near, value)
    return lambda target: any(
        (canonical_platform(text) or text) in wanted for text in target.platforms or [here]
    )
