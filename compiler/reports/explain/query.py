"""Arguments of `explain` -> the targets and combinations that they name.

Takes a `Plan` and arguments; returns the matching targets and combinations, in the order of images.
Refuses unknown names, a combination that no image supports, and one that leaves values open for
every image that supports it.
"""

import re
import shlex
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from compiler.codes import Code
from compiler.errors import Argument, Diagnostic, Problems, did_you_mean, nearest
from compiler.matrix.matrix import Axis, Image, Matrix, Value
from compiler.matrix.names import near_axis, no_axis
from compiler.reports.explain.rule_effects import Effect, rulings
from compiler.reports.text import counted, shortened
from compiler.targets.plan import Plan
from compiler.targets.target import Target


_PAIR = re.compile(r"([^<>=!~]*)(=|[<>=!~]=?)(.*)\Z", re.DOTALL)
_MOST = 3
"""Maximum number of images in a message about impossible values."""
_LISTED = 10
"""Maximum number of values in a message."""


class Combination(NamedTuple):
    """Values of an image's axes that have no target."""

    image: Image
    values: tuple[Value | None, ...]
    """None for an axis whose value does not matter, because a rule excludes all."""


class Open(NamedTuple):
    """An image that matches, with axes whose value is missing."""

    image: Image
    axes: tuple[Axis, ...]
    """The axes whose value must be specified."""
    targets: int
    """The number of targets that match."""


Query: TypeAlias = Target | Combination | Open


def find_queries(plan: Plan, arguments: Sequence[str]) -> tuple[Query, ...]:
    """Return the targets and combinations that the arguments name, at least one.

    Args:
        plan: the targets of the matrix.
        arguments: names of targets, or `axis=value` for each axis, and `image=`.

    Raises:
        CompileError: an argument contains an unknown name, no image supports the combination, or
            values are missing.
    """
    problems = Problems()
    pairs = {
        argument: pair for argument in arguments if (pair := _PAIR.match(argument)) is not None
    }
    if len(pairs) < len(arguments):
        targets = _targets(plan, arguments, problems)
        problems.refuse()
        return targets
    spellings = _read(plan.matrix, pairs, problems)
    problems.refuse()
    queries = _fitting(plan, spellings)
    incomplete = [query for query in queries if isinstance(query, Open)]
    if len(incomplete) == len(queries):
        problems.add(
            _incomplete(incomplete, arguments)
            if incomplete
            else _impossible(plan.matrix, spellings, arguments)
        )
        problems.refuse()
    return tuple(queries)


def _problem(code: Code, message: str, help_: str, argument: str, part: str = "") -> Diagnostic:
    where = Argument.within("FILTER", argument, part)
    return Diagnostic(code=code, message=message, location=where, help=help_)


def _targets(plan: Plan, arguments: Sequence[str], problems: Problems) -> tuple[Target, ...]:
    """Return the targets with these names; other arguments are errors."""
    targets = {target.name: target for target in plan.targets}
    groups = {group.name: len(group.targets) for group in plan.groups}
    named = next((argument for argument in arguments if argument in targets), None)
    for argument in dict.fromkeys(arguments):
        if _PAIR.match(argument):
            if named is not None:
                message = f"{named!r} already sets the value of each axis"
                problems.add(
                    _problem(Code.DUPLICATE_VALUE, message, "remove one of them", argument)
                )
        elif argument in targets:
            continue
        elif argument in groups:
            message = f"no target is named {argument!r}; it is a group of {groups[argument]}"
            help_ = f"`compile-matrix list {argument}` shows them"
            problems.add(_problem(Code.UNKNOWN_TARGET, message, help_, argument))
        else:
            help_ = did_you_mean(argument, targets, otherwise="`compile-matrix list` shows all")
            message = f"no target is named {argument!r}"
            problems.add(_problem(Code.UNKNOWN_TARGET, message, help_, argument))
    return tuple(targets[argument] for argument in dict.fromkeys(arguments) if argument in targets)


def _read(matrix: Matrix, pairs: dict[str, re.Match[str]], problems: Problems) -> dict[str, str]:
    """Return axis, or `image` -> the spelling of its value."""
    spellings: dict[str, str] = {}
    for argument, pair in pairs.items():
        name, operator, value = pair.groups()
        if operator != "=":
            value = operator + value
        known = [item.text for item in matrix.axes[name].values] if name in matrix.axes else []
        if name == "image":
            known = list(matrix.images)
        elif name not in matrix.axes:
            near = near_axis(nearest(name, [*matrix.axes, "image"]), matrix.axes)
            message = no_axis(name)
            problems.add(_problem(Code.UNKNOWN_AXIS, message, near, argument, name))
            continue
        if name in spellings:
            message = f"duplicate value for {name!r}"
            problems.add(_problem(Code.DUPLICATE_VALUE, message, "use one value", argument))
        elif value not in known and (name == "image" or value != "null"):
            near = did_you_mean(value, known, otherwise=f"use one of {shortened(known, _LISTED)}")
            if name == "image":
                code, message = Code.UNKNOWN_IMAGE, f"no image is named {value!r}"
            else:
                code, message = Code.UNKNOWN_VALUE, f"{name!r} has no value {value!r}"
            problems.add(_problem(code, message, near, argument, value))
        spellings.setdefault(name, value)
    return spellings


def _fitting(plan: Plan, spellings: dict[str, str]) -> list[Query]:
    """Return for each image that supports these values the target or combination."""
    queries: list[Query] = []
    for image in plan.matrix.images.values():
        if _why_not(image, spellings)[0]:
            continue
        values = tuple(_value(axis, spellings) for axis in image.axes)
        targets = [
            target
            for target in plan.targets
            if target.image == image.name
            and all(
                wanted is None or actual is wanted
                for wanted, actual in zip(values, target.values, strict=True)
            )
        ]
        open_ = tuple(axis for axis, value in zip(image.axes, values, strict=True) if value is None)
        judged = rulings(plan.matrix, image, values) if not targets else ()
        if targets and not open_:
            queries.append(targets[0])
        elif any(item.effect is Effect.DROPPED for item in judged):
            queries.append(Combination(image, values))
        else:
            queries.append(Open(image, open_, len(targets)))
    return queries


def _value(axis: Axis, spellings: dict[str, str]) -> Value | None:
    """Return the value of an axis: the specified one, or the only one."""
    if axis.name not in spellings:
        return axis.values[0] if len(axis.values) == 1 else None
    return next(value for value in axis.values if value.text == spellings[axis.name])


def _why_not(image: Image, spellings: dict[str, str]) -> tuple[str, str]:
    """Return why an image cannot have these values and the remedy; empty if it can."""
    if spellings.get("image", image.name) != image.name:
        return f"{image.name!r} is another image", "use that image"
    axes = {axis.name: axis for axis in image.axes}
    for name, text in spellings.items():
        if name == "image":
            continue
        if name not in axes:
            if text != "null":
                return (
                    f"image {image.name!r} has no axis {name!r}",
                    f"remove {name}={text}",
                )
        elif text not in [value.text for value in axes[name].values]:
            return (
                f"image {image.name!r} has the axis {name!r}, which is never null",
                f"use one of {shortened([value.text for value in axes[name].values], _LISTED)}",
            )
    return "", ""


def _impossible(matrix: Matrix, spellings: dict[str, str], arguments: Sequence[str]) -> Diagnostic:
    """Return the error that no image supports these values."""
    images = [matrix.images[spellings["image"]]] if "image" in spellings else matrix.images.values()
    reasons = [_why_not(image, spellings) for image in images]
    message, help_ = reasons[0]
    if len(reasons) > 1:
        message = f"none of {len(reasons)} images supports this combination"
        help_ = "; ".join(dict.fromkeys(why for why, _ in reasons[:_MOST]))
    return _problem(Code.NO_VARIANT_MATCHES, message, help_, " ".join(arguments))


def _incomplete(incomplete: Sequence[Open], arguments: Sequence[str]) -> Diagnostic:
    """Return the error that the values match several targets."""
    count = sum(query.targets for query in incomplete)
    images = (
        f"image {incomplete[0].image.name!r}"
        if len(incomplete) == 1
        else f"{len(incomplete)} images"
    )
    named = dict.fromkeys(axis.name for query in incomplete for axis in query.axes)
    message = f"{counted(count, 'target')} of {images} match{'es' * (count == 1)} this"
    help_ = f"also specify {' and '.join(named)}"
    if len(incomplete) > 1:
        help_ += ", or the image"
    if count:
        help_ += f"; `compile-matrix list {shlex.join(arguments)}` shows them"
    return _problem(Code.INCOMPLETE_COMBINATION, message, help_, " ".join(arguments))
