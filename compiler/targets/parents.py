"""Find the parent of each target: the target of `from` with the same axis values."""

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

from compiler.codes import Code
from compiler.errors import Diagnostic, Problems
from compiler.matrix.matrix import Axis, Image, Matrix, Parent, Value
from compiler.matrix.pattern import holds, rule
from compiler.source.document import Route
from compiler.targets.naming import Named


_MOST_TRIED = 1000
"""Maximum number of candidates that are tried for one child."""


class _ParentRule(NamedTuple):
    """How the axis values of a parent follow from those of its child."""

    image: Image
    sources: tuple[int | tuple[Value, ...], ...]
    """For each axis of the parent: its position in the child, or the values that `with` allows."""


class _Failure(NamedTuple):
    """A child without a parent, or with several."""

    child: str
    parents: str
    """The missing parent, or the candidates, as messages show them."""
    values: tuple[Value, ...]
    """The axis values of the first of them."""


def find_parents(matrix: Matrix, named: Sequence[Named], problems: Problems) -> list[str | None]:
    """Return the name of each target's parent, in the same order.

    A parent has the child's value of each axis that both have, and the values in `with` of its
    other axes. A missing or ambiguous parent is added to the problems.
    """
    rules = {
        image: _parent_rule(image, image.parent, matrix)
        for image in matrix.images.values()
        if image.parent is not None
    }
    if not rules:
        return [None] * len(named)
    parent_images = {rule_.image for rule_ in rules.values()}
    names = {
        (one.variant.image, one.variant.values): one.name
        for one in named
        if one.variant.image in parent_images
    }
    parents: list[str | None] = []
    failures: dict[tuple[Code, Image], list[_Failure]] = {}
    for one in named:
        image, values = one.variant
        if image not in rules:
            parents.append(None)
            continue
        base = rules[image].image
        candidates = _candidates(rules[image], values)
        existing = [name for c in candidates if (name := names.get((base, c)))]
        parents.append(existing[0] if existing else None)
        if not existing:
            shown = described(base, candidates[0])
            code = Code.MISSING_PARENT
        elif len(existing) > 1:
            shown = " or ".join(repr(name) for name in existing[:2])
            code = Code.AMBIGUOUS_PARENT
        else:
            continue
        failure = _Failure(one.name, shown, candidates[0])
        failures.setdefault((code, image), []).append(failure)
    for (code, image), all_ in failures.items():
        problems.add(_diagnostic(matrix, code, image, all_))
    return parents


def described(image: Image, values: Sequence[Value]) -> str:
    """Return a variant as messages show it: `server (python=3.9, gpu=true)`."""
    pairs = ", ".join(
        f"{axis.name}={value.text}" for axis, value in zip(image.axes, values, strict=True)
    )
    return f"{image.name} ({pairs})" if pairs else image.name


def _parent_rule(image: Image, parent: Parent, matrix: Matrix) -> _ParentRule:
    base = matrix.images[parent.image]
    positions = {axis.name: n for n, axis in enumerate(image.axes)}
    return _ParentRule(
        base,
        tuple(
            positions[axis.name] if axis.name in positions else _fixed(axis, parent)
            for axis in base.axes
        ),
    )


def _fixed(axis: Axis, parent: Parent) -> tuple[Value, ...]:
    if parent.fixed is None or axis.name not in parent.fixed.matchers:
        return axis.values  # an error, reported when the matrix was loaded
    matching = parent.fixed.matchers[axis.name].values
    return tuple(value for value in axis.values if value.index in matching)


def _candidates(rule_: _ParentRule, values: tuple[Value, ...]) -> list[tuple[Value, ...]]:
    choices = [(values[source],) if isinstance(source, int) else source for source in rule_.sources]
    return [one for one, _ in zip(product(*choices), range(_MOST_TRIED), strict=False)]


def _diagnostic(matrix: Matrix, code: Code, image: Image, failures: list[_Failure]) -> Diagnostic:
    """Return one diagnostic for all failures of an image: the first child, and how many more."""
    child, parents, values = failures[0]
    others, missing = len(failures) - 1, code is Code.MISSING_PARENT
    more = f", and {others} more like it" if others else ""
    parent = image.parent
    assert parent is not None  # noqa: S101 - only children cause failures
    base = matrix.images[parent.image]
    return Diagnostic(
        code=code,
        message=f"the parent of {child!r} is excluded: {parents}{more}"
        if missing
        else f"{child!r} has several possible parents: {parents}{more}",
        location=matrix.source.locate(parent.route),
        help=f"exclude the child from {image.name!r} too, or include the parent in {base.name!r}"
        if missing
        else "set one value of each further axis in `with`",
        related=(
            ("the parent", matrix.source.locate(base.route, key=True)),
            *(("excluded here", matrix.source.locate(at)) for at in _droppers(base, values)),
        ),
    )


def _droppers(image: Image, values: tuple[Value, ...]) -> list[Route]:
    """Return the location of the first row of `exclude` that matches a variant, if there is one."""
    rows = ((row.route, rule(row, image)) for row in image.exclude)
    return [route for route, row in rows if row is not None and holds(row, values)][:1]
