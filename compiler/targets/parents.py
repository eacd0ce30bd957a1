"""Find the parent of each target: the target of `from`, with the child's values and `with`."""

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
    """For each axis of the parent: the values that `with` allows, or its position in the child."""


class _Failure(NamedTuple):
    """A child without a parent, or with several."""

    child: str
    parents: str
    """The missing parent, or the candidates, as messages show them."""
    values: tuple[Value, ...]
    """The axis values of the first of them."""


def find_parents(
    matrix: Matrix,
    named: Sequence[Named],
    parents: Sequence[Parent | None],
    problems: Problems,
) -> list[str | None]:
    """Return the name of each target's parent, in the same order.

    Instead of a missing parent, return the name of its image, so that no other error follows.

    A parent has the values in `with`, and of its other axes the child's values. A missing or
    ambiguous parent, and an axis of the parent without a value, are added to the problems.

    Args:
        matrix: the matrix.
        named: its variants.
        parents: the `from` that applies to each of them.
        problems: the collector of errors.
    """
    images = {parent.image for parent in parents if parent is not None}
    names = {
        (named_variant.variant.image, named_variant.variant.values): named_variant.name
        for named_variant in named
        if named_variant.variant.image.name in images
    }
    parents_of: list[str | None] = []
    rules: dict[tuple[Image, Route], _ParentRule | None] = {}
    failures: dict[tuple[Code, Image, Route], tuple[Parent, list[_Failure]]] = {}
    for named_variant, parent in zip(named, parents, strict=True):
        parents_of.append(None)
        if parent is None:
            continue
        parents_of[-1] = parent.image
        image, values = named_variant.variant
        key = (image, parent.route)
        if key not in rules:
            rules[key] = _parent_rule(image, parent, matrix, problems)
        rule_ = rules[key]
        if rule_ is None:
            continue
        candidates = _candidates(rule_, values)
        existing = [name for c in candidates if (name := names.get((rule_.image, c)))]
        if existing:
            parents_of[-1] = existing[0]
        if not existing:
            shown = described(rule_.image, candidates[0])
            code = Code.MISSING_PARENT
        elif len(existing) > 1:
            shown = " or ".join(repr(name) for name in existing[:2])
            code = Code.AMBIGUOUS_PARENT
        else:
            continue
        failure = _Failure(named_variant.name, shown, candidates[0])
        failures.setdefault((code, *key), (parent, []))[1].append(failure)
    for (code, image, _), (parent, all_) in failures.items():
        problems.add(_diagnostic(matrix, code, image, parent, all_))
    return parents_of


def described(image: Image, values: Sequence[Value]) -> str:
    """Return a variant as messages show it: `server (python=3.9, gpu=true)`."""
    pairs = ", ".join(
        f"{axis.name}={value.text}" for axis, value in zip(image.axes, values, strict=True)
    )
    return f"{image.name} ({pairs})" if pairs else image.name


def _parent_rule(
    image: Image, parent: Parent, matrix: Matrix, problems: Problems
) -> _ParentRule | None:
    """Return how to find the parent of an image's variants; None if an axis has no value."""
    assert parent.image is not None  # noqa: S101 - the caller has a parent
    base = matrix.images[parent.image]
    positions = {axis.name: n for n, axis in enumerate(image.axes)}
    fixed = parent.fixed.matchers if parent.fixed is not None else {}
    sources: list[int | tuple[Value, ...]] = []
    for axis in base.axes:
        if axis.name in fixed:
            indexes = fixed[axis.name].values
            sources.append(tuple(value for value in axis.values if value.index in indexes))
        elif axis.name in positions:
            sources.append(positions[axis.name])
        else:
            problems.add(_undetermined(axis, image, parent, matrix))
            return None
    return _ParentRule(base, tuple(sources))


def _undetermined(axis: Axis, image: Image, parent: Parent, matrix: Matrix) -> Diagnostic:
    fixed = f"{{image: {parent.image}, with: {{{axis.name}: {axis.values[0].text}}}}}"
    return Diagnostic(
        code=Code.PARENT_AXIS,
        message=f"the {axis.name!r} of the parent {parent.image!r} is not determined",
        location=matrix.source.locate(parent.route),
        help=f"add the axis to {image.name!r}, or fix its value: {fixed}",
    )


def _candidates(rule_: _ParentRule, values: tuple[Value, ...]) -> list[tuple[Value, ...]]:
    choices = [(values[source],) if isinstance(source, int) else source for source in rule_.sources]
    return [candidate for candidate, _ in zip(product(*choices), range(_MOST_TRIED), strict=False)]


def _diagnostic(
    matrix: Matrix, code: Code, image: Image, parent: Parent, failures: list[_Failure]
) -> Diagnostic:
    """Return one diagnostic for all failures of an image: the first child, and how many more."""
    child, parents, values = failures[0]
    others, missing = len(failures) - 1, code is Code.MISSING_PARENT
    more = f", and {others} more like it" if others else ""
    assert parent.image is not None  # noqa: S101 - only children cause failures
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
