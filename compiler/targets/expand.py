"""Axes and rules -> variants, in the author's order.

Takes a `Matrix`; returns one `Variant` for each combination of an image that no rule drops.
Promises the order of the images, then of the axes, the last axis fastest; that the rows of `only`
are followed, not filtered out of a product; and that its work is bounded by the limit, however
many combinations there are.
Refuses more variants than the limit, and an image that is left with none.
"""

from collections.abc import Iterator, Sequence
from math import prod
from typing import NamedTuple, TypeAlias

from compiler.codes import Code
from compiler.constants import MAX_VARIANTS
from compiler.errors import Diagnostic, Problems
from compiler.matrix.matrix import Image, Matrix, Value
from compiler.matrix.pattern import Rule, rule


_STEPS_PER_VARIANT = 100
"""Partial combinations that may be tried for each variant that is allowed."""
_FEWEST_STEPS = 1_000_000
_GLIMPSE = 10_000
"""Partial combinations that are tried to see whether there is any."""

_Row: TypeAlias = Sequence[frozenset[int] | None]
"""What a row of `only` takes, by position of the axis; None takes all."""


class Rules(NamedTuple):
    """What an image's rules say, by positions of its axes."""

    requires: dict[Value, dict[int, frozenset[int]]]
    """What a value wants of others."""
    forbids: tuple[Rule, ...]
    """One for each row of `exclude` that is about this image."""
    keeps: tuple[Rule, ...] | None
    """One for each row of `only` that is about this image; None keeps all."""


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
    steps = [limit * _STEPS_PER_VARIANT + _FEWEST_STEPS]
    for image in matrix.images.values():
        before = len(variants)
        try:
            rules = rules_of(image)
            if _size(image) > limit and rules == ({}, (), None):
                raise _TooManyError  # before any of them takes memory
            for values in _combinations(image, rules, steps):
                if len(variants) == limit:
                    raise _TooManyError
                variants.append(Variant(image=image, values=values))
        except _TooManyError:
            problems.add(_too_many(matrix, image, limit))
            break
        if len(variants) == before:
            problems.add(
                Diagnostic(
                    code=Code.NO_VARIANTS,
                    message=f"the rules leave image {image.name!r} no variant",
                    location=matrix.source.locate(image.route, key=True),
                    help="loosen a row of `exclude` or an `only`",
                )
            )
    problems.refuse()
    return tuple(variants)


def _size(image: Image) -> int:
    return prod(len(axis.values) for axis in image.axes)


def leaves_any(image: Image, rules: Rules) -> bool:
    """Tell whether these rules leave an image any combination; yes where that takes too long."""
    try:
        return next(_combinations(image, rules, [_GLIMPSE]), None) is not None
    except _TooManyError:
        return True


def _combinations(image: Image, rules: Rules, steps: list[int]) -> Iterator[tuple[Value, ...]]:
    """Give the combinations of an image that its rules keep; a rule cuts as early as it can."""
    live = _live(rules.keeps, len(image.axes))
    if not all(rules.forbids) or live == []:
        return  # a row drops the image as a whole, or none keeps any of it
    if image.axes:
        yield from _walk([axis.values for axis in image.axes], rules, live, steps)
    else:
        yield ()


def _walk(
    axes: list[tuple[Value, ...]], rules: Rules, live: list[_Row] | None, steps: list[int]
) -> Iterator[tuple[Value, ...]]:
    by_last: list[list[Rule]] = [[] for _ in axes]
    for row in rules.forbids:
        by_last[row[-1][0]].append(row)
    last = len(axes) - 1
    chosen: list[Value] = []
    rows: list[list[_Row] | None] = [live]
    stack = [_candidates(axes[0], live, 0)]
    while stack:
        value = next(stack[-1], None)
        depth = len(stack) - 1
        if value is None:
            stack.pop()
            rows.pop()
            if chosen:
                chosen.pop()
            continue
        steps[0] -= 1
        if steps[0] < 0:
            raise _TooManyError
        chosen.append(value)
        if _kept(chosen, rules.requires, by_last[depth], depth):
            if depth < last:
                left = _narrowed(rows[-1], depth, value.index)
                rows.append(left)
                stack.append(_candidates(axes[depth + 1], left, depth + 1))
                continue
            yield tuple(chosen)
        chosen.pop()


def _live(keeps: tuple[Rule, ...] | None, size: int) -> list[_Row] | None:
    if keeps is None or any(not row for row in keeps):
        return None  # no `only`, or a row about the image alone
    found: list[_Row] = []
    for row in keeps:
        taken: list[frozenset[int] | None] = [None] * size
        for position, values in row:
            taken[position] = values
        found.append(taken)
    return found


def _candidates(values: tuple[Value, ...], live: list[_Row] | None, depth: int) -> Iterator[Value]:
    """Give the values that some row takes at this depth, in the author's order."""
    if live is None:
        return iter(values)
    taken: set[int] = set()
    for row in live:
        wanted = row[depth]
        if wanted is None:
            return iter(values)
        taken |= wanted
    return iter([values[index] for index in sorted(taken)])


def _narrowed(live: list[_Row] | None, depth: int, index: int) -> list[_Row] | None:
    """Return the rows that take this value, too."""
    if live is None:
        return None
    return [row for row in live if (wanted := row[depth]) is None or index in wanted]


def _kept(
    chosen: list[Value],
    requires: dict[Value, dict[int, frozenset[int]]],
    forbids: list[Rule],
    depth: int,
) -> bool:
    """Tell whether the newest value goes with the ones before it."""
    for row in forbids:
        if all(chosen[position].index in values for position, values in row):
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


def rules_of(image: Image) -> Rules:
    """Say an image's rules in positions of its axes."""
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
    forbids = tuple(said for row in image.exclude if (said := rule(row, image)) is not None)
    keeps = None
    if image.only is not None:
        keeps = tuple(said for row in image.only if (said := rule(row, image)) is not None)
    return Rules(requires, forbids, keeps)


def _too_many(matrix: Matrix, image: Image, limit: int) -> Diagnostic:
    product = " x ".join(str(len(axis.values)) for axis in image.axes)
    size = f"{_size(image):,}" if _size(image) < 10**12 else f"{_size(image):.0e}"
    return Diagnostic(
        code=Code.TOO_MANY_VARIANTS,
        message=f"the matrix has more than {limit:,} variants; "
        f"image {image.name!r} multiplies {product or '1'} = {size}",
        location=matrix.source.locate(image.route, key=True),
        help="list fewer `axes` for this image, or raise --max-variants",
    )
