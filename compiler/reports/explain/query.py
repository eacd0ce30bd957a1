"""Arguments of `explain` -> the targets and combinations that they name.

Takes a `Plan` and words; returns what fits, in the order of the images.
Refuses words that name nothing, and a combination that fits no image or leaves values open.
"""

import re
import shlex
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from compiler.codes import Code
from compiler.errors import Argument, Diagnostic, Problems, did_you_mean
from compiler.matrix.matrix import Axis, Image, Matrix, Value
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


def asked(plan: Plan, words: Sequence[str]) -> tuple[Query, ...]:
    """Return the targets and combinations that the arguments name, at least one.

    Args:
        plan: what there is.
        words: names of targets, or `axis=value` for each axis, and `image=`.

    Raises:
        CompileError: a word names nothing, or together they say too little or what cannot be.
    """
    problems = Problems()
    pairs = {word: found for word in words if (found := _PAIR.match(word)) is not None}
    if len(pairs) < len(words):
        targets = _targets(plan, words, problems)
        problems.refuse()
        return targets
    given = _read(plan.matrix, pairs, problems)
    problems.refuse()
    fitting = _fitting(plan, given)
    left = [one for one in fitting if isinstance(one, Open)]
    if len(left) == len(fitting):
        problems.add(_incomplete(left, words) if left else _impossible(plan.matrix, given, words))
        problems.refuse()
    return tuple(fitting)


def _problem(code: Code, message: str, help_: str, word: str, part: str = "") -> Diagnostic:
    where = Argument.within("FILTER", word, part)
    return Diagnostic(code=code, message=message, location=where, help=help_)


def _targets(plan: Plan, words: Sequence[str], problems: Problems) -> tuple[Target, ...]:
    """Return the targets with these names; other arguments are errors."""
    targets = {target.name: target for target in plan.targets}
    groups = {group.name: len(group.targets) for group in plan.groups}
    named = next((word for word in words if word in targets), None)
    for word in dict.fromkeys(words):
        if _PAIR.match(word):
            if named is not None:
                message = f"{named!r} already sets the value of each axis"
                problems.add(_problem(Code.DUPLICATE_VALUE, message, "remove one of them", word))
        elif word in targets:
            continue
        elif word in groups:
            message = f"no target is named {word!r}; it is a group of {groups[word]}"
            help_ = f"`compile-matrix list {word}` shows them"
            problems.add(_problem(Code.UNKNOWN_TARGET, message, help_, word))
        else:
            help_ = did_you_mean(word, targets, otherwise="`compile-matrix list` shows all")
            message = f"no target is named {word!r}"
            problems.add(_problem(Code.UNKNOWN_TARGET, message, help_, word))
    return tuple(targets[word] for word in dict.fromkeys(words) if word in targets)


def _read(matrix: Matrix, pairs: dict[str, re.Match[str]], problems: Problems) -> dict[str, str]:
    """Return axis, or `image` -> the spelling of its value."""
    given: dict[str, str] = {}
    for word, pair in pairs.items():
        name, operator, value = pair.groups()
        if operator != "=":
            value = operator + value
        known = [one.text for one in matrix.axes[name].values] if name in matrix.axes else []
        if name == "image":
            known = list(matrix.images)
        elif name not in matrix.axes:
            near = did_you_mean(
                name, [*matrix.axes, "image"], otherwise=f"the axes are {', '.join(matrix.axes)}"
            )
            message = f"no axis is named {name!r}"
            problems.add(_problem(Code.UNKNOWN_AXIS, message, near, word, name))
            continue
        if name in given:
            message = f"duplicate value for {name!r}"
            problems.add(_problem(Code.DUPLICATE_VALUE, message, "use one value", word))
        elif value not in known and (name == "image" or value != "null"):
            near = did_you_mean(value, known, otherwise=f"use one of {shortened(known, _LISTED)}")
            if name == "image":
                code, message = Code.UNKNOWN_IMAGE, f"no image is named {value!r}"
            else:
                code, message = Code.UNKNOWN_VALUE, f"{name!r} has no value {value!r}"
            problems.add(_problem(code, message, near, word, value))
        given.setdefault(name, value)
    return given


def _fitting(plan: Plan, given: dict[str, str]) -> list[Query]:
    """Return for each image that supports these values the target or combination."""
    found: list[Query] = []
    for image in plan.matrix.images.values():
        if _why_not(image, given)[0]:
            continue
        values = tuple(_value(axis, given) for axis in image.axes)
        targets = [
            target
            for target in plan.targets
            if target.image == image.name
            and all(
                wanted is None or its is wanted
                for wanted, its in zip(values, target.values, strict=True)
            )
        ]
        open_ = tuple(axis for axis, value in zip(image.axes, values, strict=True) if value is None)
        judged = rulings(plan.matrix, image, values) if not targets else ()
        if targets and not open_:
            found.append(targets[0])
        elif any(one.effect is Effect.DROPPED for one in judged):
            found.append(Combination(image, values))
        else:
            found.append(Open(image, open_, len(targets)))
    return found


def _value(axis: Axis, given: dict[str, str]) -> Value | None:
    """Return the value of an axis: the specified one, or the only one."""
    if axis.name not in given:
        return axis.values[0] if len(axis.values) == 1 else None
    return next(value for value in axis.values if value.text == given[axis.name])


def _why_not(image: Image, given: dict[str, str]) -> tuple[str, str]:
    """Return why an image cannot have these values and the remedy; empty if it can."""
    if given.get("image", image.name) != image.name:
        return f"{image.name!r} is another image", "use that image"
    axes = {axis.name: axis for axis in image.axes}
    for name, text in given.items():
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


def _impossible(matrix: Matrix, given: dict[str, str], words: Sequence[str]) -> Diagnostic:
    """Return the error that no image supports these values."""
    images = [matrix.images[given["image"]]] if "image" in given else matrix.images.values()
    reasons = [_why_not(image, given) for image in images]
    message, help_ = reasons[0]
    if len(reasons) > 1:
        message = f"none of {len(reasons)} images supports this combination"
        help_ = "; ".join(dict.fromkeys(why for why, _ in reasons[:_MOST]))
    return _problem(Code.NO_VARIANT_MATCHES, message, help_, " ".join(words))


def _incomplete(left: Sequence[Open], words: Sequence[str]) -> Diagnostic:
    """Return the error that the values match several targets."""
    count = sum(one.targets for one in left)
    of = f"image {left[0].image.name!r}" if len(left) == 1 else f"{len(left)} images"
    named = dict.fromkeys(axis.name for one in left for axis in one.axes)
    message = f"{counted(count, 'target')} of {of} match{'es' * (count == 1)} this"
    help_ = f"also specify {' and '.join(named)}"
    if len(left) > 1:
        help_ += ", or the image"
    if count:
        help_ += f"; `compile-matrix list {shlex.join(words)}` shows them"
    return _problem(Code.INCOMPLETE_COMBINATION, message, help_, " ".join(words))
