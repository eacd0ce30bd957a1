"""Expand a matrix into variants: one for each combination of axis values that the rules allow.

Variants are in the order of the images and then of the axes; the last axis varies fastest. The rows
of `only` and `rows` are expanded one by one, never filtered out of the full product. The limit
bounds the work, however many combinations there are.
"""

from collections.abc import Collection, Iterator, Sequence
from math import prod
from typing import NamedTuple, TypeAlias

from compiler.codes import Code
from compiler.constants import MAX_VARIANTS
from compiler.errors import Diagnostic, Problems
from compiler.matrix.certainty import without_images
from compiler.matrix.matrix import Image, Matrix, Override, Value
from compiler.matrix.pattern import Rule, rule
from compiler.matrix.rule_index import RuleIndex


_STEPS_PER_VARIANT = 100
"""Maximum number of partial combinations to try, for each variant that the limit allows."""
_FEWEST_STEPS = 1_000_000
_GLIMPSE = 10_000
"""Maximum number of partial combinations to try when looking for a single variant."""

_MISSPELT = frozenset({Code.UNKNOWN_AXIS, Code.UNKNOWN_IMAGE, Code.UNKNOWN_VALUE})
"""Errors after which rules may select other variants than the author wants."""

_Row: TypeAlias = Sequence[frozenset[int] | None]
"""The values that a row of `only` allows, by position of the axis; None allows all."""


class Rules(NamedTuple):
    """The rules of an image, with axes given by their positions."""

    requires: dict[Value, dict[int, frozenset[int]]]
    """`only` of axis values: value -> position of another axis -> allowed values."""
    forbids: tuple[Rule, ...]
    """The rows of `exclude` that can match this image."""
    keeps: tuple[Rule, ...] | None
    """The rows of `only` that can match this image; None allows all combinations."""
    rows: tuple[Rule, ...] | None = None
    """The same for `rows`."""


class Variant(NamedTuple):
    """One value for each axis of an image."""

    image: Image
    values: tuple[Value, ...]
    """In the order of the image's axes."""


class _TooManyError(Exception):
    """The limit was exceeded."""


class Expansion(NamedTuple):
    """The variants of a matrix."""

    matrix: Matrix
    """The matrix without the images that have errors."""
    variants: tuple[Variant, ...]
    """All variants of its images."""


def expand(matrix: Matrix, problems: Problems, limit: int = MAX_VARIANTS) -> Expansion:
    """Expand a matrix; an image without variants is added to the problems.

    Args:
        matrix: the matrix.
        problems: the collector of errors.
        limit: the maximum number of variants.

    Raises:
        CompileError: there are more variants; with all problems.
    """
    invalid: set[str] = set()
    variants: list[Variant] = []
    steps = [limit * _STEPS_PER_VARIANT + _FEWEST_STEPS]
    # A misspelt name is read as the one that it most likely means, which may be another one.
    is_guess = any(error.code in _MISSPELT for error in matrix.errors)
    for image in matrix.images.values():
        before, matched = len(variants), set[int]()
        try:
            _add_variants(image, variants, matched, limit, steps)
        except _TooManyError:
            problems.add(_too_many(matrix, image, limit))
            problems.refuse()
        if len(variants) == before:
            invalid.add(image.name)
            if not is_guess:
                problems.add(_none(matrix, image))
            continue
        for number, row in enumerate(image.rows or ()):
            if number not in matched and not is_guess:
                problems.add(_unmatched(matrix, image, row))
    if invalid:
        matrix = without_images(matrix, invalid)
        variants = [variant for variant in variants if variant.image.name in matrix.images]
    return Expansion(matrix, tuple(variants))


def _add_variants(
    image: Image, variants: list[Variant], matched: set[int], limit: int, steps: list[int]
) -> None:
    """Add the variants of an image, and the numbers of the rows that match one of them."""
    rules = rules_of(image)
    if _size(image) > limit and rules == Rules({}, (), None):
        raise _TooManyError  # before they are stored
    index = RuleIndex([rule(row.when, image) for row in image.rows or ()])
    for values in _combinations(image, rules, steps):
        if len(variants) == limit:
            raise _TooManyError
        variants.append(Variant(image=image, values=values))
        if image.rows:
            matched.update(index.matching(values))


def _size(image: Image) -> int:
    return prod(len(axis.values) for axis in image.axes)


def leaves_any(image: Image, rules: Rules) -> bool:
    """Return whether these rules allow any combination; True if finding out takes too long."""
    try:
        return next(_combinations(image, rules, [_GLIMPSE]), None) is not None
    except _TooManyError:
        return True


def _combinations(image: Image, rules: Rules, steps: list[int]) -> Iterator[tuple[Value, ...]]:
    """Yield the combinations that the rules allow; each rule is applied as early as possible."""
    lists = [rows for rows in (rules.keeps, rules.rows) if rows is not None]
    if not (all(rules.forbids) and all(lists)):
        return  # a row excludes the whole image, or no row of `only` or `rows` matches it
    # A row that matches the whole image allows all combinations.
    live = tuple(_live(rows, len(image.axes)) for rows in lists if all(rows))
    if image.axes:
        yield from _walk([axis.values for axis in image.axes], rules, live, steps)
    else:
        yield ()


def _walk(
    axes: list[tuple[Value, ...]], rules: Rules, live: tuple[list[_Row], ...], steps: list[int]
) -> Iterator[tuple[Value, ...]]:
    by_last: list[list[Rule]] = [[] for _ in axes]
    excluded: dict[int, set[int]] = {}
    for row in rules.forbids:
        position, values = row[-1]
        if len(row) == 1:
            excluded.setdefault(position, set()).update(values)
        else:
            by_last[position].append(row)
    for position, indexes in excluded.items():
        by_last[position].insert(0, ((position, frozenset(indexes)),))
    last = len(axes) - 1
    chosen: list[Value] = []
    choices = [tuple(_Choices(rows, 0) for rows in live)]
    stack = [_candidates(axes[0], choices[0])]
    while stack:
        value = next(stack[-1], None)
        depth = len(stack) - 1
        if value is None:
            stack.pop()
            choices.pop()
            if chosen:
                chosen.pop()
            continue
        steps[0] -= 1
        if steps[0] < 0:
            raise _TooManyError
        chosen.append(value)
        if _kept(chosen, rules.requires, by_last[depth], depth):
            if depth < last:
                choices.append(
                    tuple(_Choices(rows.narrowed(value.index), depth + 1) for rows in choices[-1])
                )
                stack.append(_candidates(axes[depth + 1], choices[-1]))
                continue
            yield tuple(chosen)
        chosen.pop()


def _live(rules: tuple[Rule, ...], size: int) -> list[_Row]:
    """Return rules as rows with an entry for each axis."""
    rows: list[_Row] = []
    for rule_ in rules:
        allowed: list[frozenset[int] | None] = [None] * size
        for position, values in rule_:
            allowed[position] = values
        rows.append(allowed)
    return rows


class _Choices:
    """Rows that match the values chosen so far, by the values that they allow for the next axis."""

    def __init__(self, rows: Sequence[_Row], position: int) -> None:
        self._any: list[_Row] = []
        self._by_value: dict[int, list[_Row]] = {}
        for row in rows:
            allowed = row[position]
            if allowed is None:
                self._any.append(row)
            for index in allowed or ():
                self._by_value.setdefault(index, []).append(row)

    def allows(self, index: int) -> bool:
        """Return whether some row allows a value."""
        return bool(self._any) or index in self._by_value

    def narrowed(self, index: int) -> list[_Row]:
        """Return the rows that allow a value."""
        return [*self._by_value[index], *self._any] if index in self._by_value else self._any

    def few(self) -> Collection[int] | None:
        """Return the indexes of the values that the rows allow; None for all."""
        return None if self._any else self._by_value


def _candidates(values: tuple[Value, ...], choices: tuple[_Choices, ...]) -> Iterator[Value]:
    """Yield the values that some row of each list allows, in the order of the axis."""
    limited = [few for choice in choices if (few := choice.few()) is not None]
    if not limited:
        return iter(values)
    smallest = min(limited, key=len)
    return iter(
        [values[n] for n in sorted(smallest) if all(choice.allows(n) for choice in choices)]
    )


def _kept(
    chosen: list[Value],
    requires: dict[Value, dict[int, frozenset[int]]],
    forbids: list[Rule],
    depth: int,
) -> bool:
    """Return whether the last value can be combined with the ones before it."""
    for row in forbids:
        if all(chosen[position].index in values for position, values in row):
            return False
    if not requires:
        return True
    last = chosen[depth]
    for position, value in enumerate(chosen):
        required = requires.get(value)
        if required is not None and depth in required and last.index not in required[depth]:
            return False
        if position < depth and last in requires:
            allowed = requires[last].get(position)
            if allowed is not None and value.index not in allowed:
                return False
    return True


def rules_of(image: Image) -> Rules:
    """Return the rules of an image, with axes given by their positions."""
    positions = {axis.name: n for n, axis in enumerate(image.axes)}
    requires: dict[Value, dict[int, frozenset[int]]] = {}
    for axis in image.axes:
        for value in axis.values:
            if value.only is None:
                continue
            if value.only.images is not None and image.name not in value.only.images:
                requires[value] = {positions[axis.name]: frozenset()}
                continue
            # `only` of a value ignores axes that the image lacks.
            requires[value] = {
                positions[name]: matcher.values
                for name, matcher in value.only.matchers.items()
                if name in positions
            }
    forbids = tuple(r for row in image.exclude if (r := rule(row, image)) is not None)
    keeps = None
    if image.only is not None:
        keeps = tuple(r for row in image.only if (r := rule(row, image)) is not None)
    rows = None
    if image.rows is not None:
        rows = tuple(r for row in image.rows if (r := rule(row.when, image)) is not None)
    return Rules(requires, forbids, keeps, rows)


def _none(matrix: Matrix, image: Image) -> Diagnostic:
    return Diagnostic(
        code=Code.NO_VARIANTS,
        message=f"image {image.name!r} has no variant: all are excluded",
        location=matrix.source.locate(image.route, key=True),
        help="relax `exclude` or `only`"
        if image.rows is None
        else "relax `exclude` or `only`, or correct its `rows`",
    )


def _unmatched(matrix: Matrix, image: Image, row: Override) -> Diagnostic:
    return Diagnostic(
        code=Code.MATCHES_NOTHING,
        message=f"this row matches no variant of image {image.name!r}",
        location=matrix.source.locate(row.when.route, key=True),
        help="correct its pattern, or relax `exclude` or `only`",
    )


def _too_many(matrix: Matrix, image: Image, limit: int) -> Diagnostic:
    product = " x ".join(str(len(axis.values)) for axis in image.axes)
    size = f"{_size(image):,}" if _size(image) < 10**12 else f"{_size(image):.0e}"
    return Diagnostic(
        code=Code.TOO_MANY_VARIANTS,
        message=f"the matrix has more than {limit:,} variants; "
        f"image {image.name!r} alone has up to {product or '1'} = {size}",
        location=matrix.source.locate(image.route, key=True),
        help="list fewer `axes` for this image, or increase --max-variants",
    )
