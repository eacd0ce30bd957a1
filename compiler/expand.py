"""Axes and rules -> variants, in the author's order.

Takes a `Matrix`; returns one `Variant` for each combination of an image that no rule drops.
Promises the order of the images, then of the axes, the last axis fastest; and that its work
is bounded by the limit, however many combinations there are.
Refuses more variants than the limit, and an image that is left with none.
"""

from collections.abc import Iterator
from math import prod
from typing import NamedTuple, TypeAlias

from compiler.errors import Diagnostic, Problems
from compiler.limits import MAX_VARIANTS
from compiler.matrix import Image, Matrix, Value
from compiler.pattern import constraint


_STEPS_PER_VARIANT = 100
"""Partial combinations that may be tried for each variant that is allowed."""

Rule: TypeAlias = tuple[tuple[int, frozenset[int]], ...]
"""Positions of axes, ascending, each with the indexes of values that it is about."""


class Variant(NamedTuple):
    """One value for each axis of an image."""

    image: Image
    values: tuple[Value, ...]
    """In the order of the image's axes."""


class _TooManyError(Exception):
    """The limit was met."""


def expand(matrix: Matrix, limit: int = MAX_VARIANTS) -> tuple[Variant, ...]:
    """Expand a matrix.

    Args:
        matrix: what was read.
        limit: the most variants that it may have.

    Raises:
        CompileError: there are more, or an image has none.
    """
    problems = Problems()
    variants: list[Variant] = []
    steps = [limit * _STEPS_PER_VARIANT]
    for image in matrix.images.values():
        before = len(variants)
        try:
            if _size(image) > limit and not any(_rules(image)):
                raise _TooManyError  # before any of them takes memory
            for values in _combinations(image, steps):
                if len(variants) == limit:
                    raise _TooManyError
                variants.append(Variant(image=image, values=values))
        except _TooManyError:
            problems.add(_too_many(matrix, image, limit))
            break
        if len(variants) == before:
            problems.add(
                Diagnostic(
                    code="no-variants",
                    message=f"the rules leave image {image.name!r} no variant",
                    location=matrix.source.locate(image.route, key=True),
                    help="loosen a row of `exclude` or an `only`",
                )
            )
    problems.refuse()
    return tuple(variants)


def _size(image: Image) -> int:
    return prod(len(axis.values) for axis in image.axes)


def _combinations(image: Image, steps: list[int]) -> Iterator[tuple[Value, ...]]:
    """Give the combinations of an image that its rules keep; a rule cuts as early as it can."""
    axes = [axis.values for axis in image.axes]
    requires, forbids = _rules(image)
    if any(not rule for rule in forbids):
        return  # a row about the image alone
    if not axes:
        yield ()
        return
    by_last: list[list[Rule]] = [[] for _ in axes]
    for rule in forbids:
        by_last[rule[-1][0]].append(rule)
    last = len(axes) - 1
    chosen: list[Value] = []
    stack = [iter(axes[0])]
    while stack:
        value = next(stack[-1], None)
        depth = len(stack) - 1
        if value is None:
            stack.pop()
            if chosen:
                chosen.pop()
            continue
        steps[0] -= 1
        if steps[0] < 0:
            raise _TooManyError
        chosen.append(value)
        if _kept(chosen, requires, by_last[depth], depth):
            if depth < last:
                stack.append(iter(axes[depth + 1]))
                continue
            yield tuple(chosen)
        chosen.pop()


def _kept(
    chosen: list[Value],
    requires: dict[Value, dict[int, frozenset[int]]],
    forbids: list[Rule],
    depth: int,
) -> bool:
    """Tell whether the newest value goes with the ones before it."""
    for rule in forbids:
        if all(chosen[position].index in values for position, values in rule):
            return False
    if not requires:
        return True
    newest = chosen[depth]
    for position, value in enumerate(chosen):
        wants = requires.get(value)
        if wants is not None and depth in wants and newest.index not in wants[depth]:
            return False
        if position < depth and newest in requires:
            allowed = requires[newest].get(position)
            if allowed is not None and value.index not in allowed:
                return False
    return True


def _rules(image: Image) -> tuple[dict[Value, dict[int, frozenset[int]]], list[Rule]]:
    """Say the rules in positions: what a value requires of others, and which rows forbid."""
    positions = {axis.name: n for n, axis in enumerate(image.axes)}
    requires: dict[Value, dict[int, frozenset[int]]] = {}
    for axis in image.axes:
        for value in axis.values:
            if value.only is None:
                continue
            if value.only.images is not None and image.name not in value.only.images:
                requires[value] = {positions[axis.name]: frozenset()}
                continue
            # It passes over axes that the image lacks.
            requires[value] = {
                positions[name]: matcher.values
                for name, matcher in value.only.matchers.items()
                if name in positions
            }
    forbids: list[Rule] = []
    for row in image.exclude:
        found = constraint(row, image.name, positions)
        if found is not None:
            forbids.append(tuple(sorted(found.items())))
    return requires, forbids


def _too_many(matrix: Matrix, image: Image, limit: int) -> Diagnostic:
    product = " x ".join(str(len(axis.values)) for axis in image.axes)
    size = f"{_size(image):,}" if _size(image) < 10**12 else f"{_size(image):.0e}"
    return Diagnostic(
        code="too-many-variants",
        message=f"the matrix has more than {limit:,} variants; "
        f"image {image.name!r} multiplies {product or '1'} = {size}",
        location=matrix.source.locate(image.route, key=True),
        help="list fewer `axes` for this image, or raise --max-variants",
    )
