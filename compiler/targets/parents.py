"""Families: which target of its parent image each target stands on."""

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
"""Combinations of what `with` leaves open that are looked up for one child."""


class _ParentRule(NamedTuple):
    """How the values of a parent follow from those of its child."""

    image: Image
    sources: tuple[int | tuple[Value, ...], ...]
    """For each axis of the parent: its position in the child, or the values that `with` allows."""


class _Fault(NamedTuple):
    """A child without a parent, or with several."""

    child: str
    said: str
    """The parents, in words."""
    values: tuple[Value, ...]
    """Of the first of them."""


def find_parents(matrix: Matrix, named: Sequence[Named], problems: Problems) -> list[str | None]:
    """Return the name of each target's parent, in the same order.

    A parent has the child's value of each axis that both have; of its other axes, what `with`
    says. A target whose parent is not there, or not one, is noted.
    """
    ways = {
        image: _way(image, image.parent, matrix)
        for image in matrix.images.values()
        if image.parent is not None
    }
    if not ways:
        return [None] * len(named)
    wanted = {way.image for way in ways.values()}
    names = {
        (one.variant.image, one.variant.values): one.name
        for one in named
        if one.variant.image in wanted
    }
    found: list[str | None] = []
    faults: dict[tuple[Code, Image], list[_Fault]] = {}
    for one in named:
        way = ways.get(one.variant.image)
        if way is None:
            found.append(None)
            continue
        tried = _tried(way, one.variant.values)
        there = [name for values in tried if (name := names.get((way.image, values)))]
        found.append(there[0] if there else None)
        if not there:
            said = described(way.image, tried[0])
            faults.setdefault((Code.MISSING_PARENT, one.variant.image), []).append(
                _Fault(one.name, said, tried[0])
            )
        elif len(there) > 1:
            said = " or ".join(repr(name) for name in there[:2])
            faults.setdefault((Code.AMBIGUOUS_PARENT, one.variant.image), []).append(
                _Fault(one.name, said, tried[0])
            )
    for (code, image), all_ in faults.items():
        problems.add(_fault(matrix, code, image, all_))
    return found


def described(image: Image, values: Sequence[Value]) -> str:
    """Return a variant in words, as `server (python=3.9, gpu=true)`."""
    words = ", ".join(
        f"{axis.name}={value.text}" for axis, value in zip(image.axes, values, strict=True)
    )
    return f"{image.name} ({words})" if words else image.name


def _way(image: Image, parent: Parent, matrix: Matrix) -> _ParentRule:
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
        return axis.values  # refused when it was loaded
    taken = parent.fixed.matchers[axis.name].values
    return tuple(value for value in axis.values if value.index in taken)


def _tried(way: _ParentRule, values: tuple[Value, ...]) -> list[tuple[Value, ...]]:
    choices = [(values[source],) if isinstance(source, int) else source for source in way.sources]
    return [one for one, _ in zip(product(*choices), range(_MOST_TRIED), strict=False)]


def _fault(matrix: Matrix, code: Code, image: Image, all_: list[_Fault]) -> Diagnostic:
    """Say it of the first child, and of how many more."""
    child, said, values = all_[0]
    others, missing = len(all_) - 1, code is Code.MISSING_PARENT
    verb = "could" if not missing else "does" if others == 1 else "do"
    more = f"; so {verb} {others} more" if others else ""
    parent = image.parent
    assert parent is not None  # noqa: S101 - only children have faults
    base = matrix.images[parent.image]
    return Diagnostic(
        code=code,
        message=f"{child!r} stands on a target that the rules drop, {said}{more}"
        if missing
        else f"{child!r} could stand on {said}{more}",
        location=matrix.source.locate(parent.route),
        help=f"exclude it from {image.name!r} too, or keep it in {base.name!r}"
        if missing
        else "let `with` fix one value of each axis",
        related=(
            ("the parent", matrix.source.locate(base.route, key=True)),
            *(("dropped here", matrix.source.locate(at)) for at in _droppers(base, values)),
        ),
    )


def _droppers(image: Image, values: tuple[Value, ...]) -> list[Route]:
    """Return where the first row of `exclude` stands that takes a variant, if one does."""
    rows = ((row.route, rule(row, image)) for row in image.exclude)
    return [route for route, said in rows if said is not None and holds(said, values)][:1]
