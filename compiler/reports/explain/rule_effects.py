"""The effect of each rule on one combination of values: kept, changed, dropped, or none.

Takes a `Matrix`, an image, and for each of its axes a value, or None for any value. A rule drops a
combination with None only if it drops the combination for every value of that axis.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from compiler.errors import Location
from compiler.matrix.field_table import MERGED, ROWS
from compiler.matrix.matcher import spelling
from compiler.matrix.matrix import Axis, Image, Matrix, Pattern, Value
from compiler.matrix.model import Scalar
from compiler.matrix.pattern import Rule, rule
from compiler.reports.explain.provenance import written
from compiler.source.document import Route


_NEAREST = 3
"""Maximum number of rows of an `only` that are shown without matching."""


class Effect(StrEnum):
    """The effect of a rule."""

    KEPT = "kept"
    CHANGED = "changed"
    DROPPED = "dropped"
    PASSED = "passed"
    """The rule applies to other combinations."""


class Ruling(NamedTuple):
    """The effect of one rule on a combination."""

    effect: Effect
    rule: str
    """`row`, `only`, `only of AXIS=VALUE`, `exclude` or `override`."""
    pattern: str
    """As written, on one line."""
    place: Location | None
    note: str = ""
    """The reason, or the changed fields."""


def rulings(matrix: Matrix, image: Image, values: Sequence[Value | None]) -> tuple[Ruling, ...]:
    """Return the effects of an image's rules on a combination, in the order of application."""
    judge = _Judge(matrix, image, values)
    return (
        *judge.rows(),
        *judge.only(),
        *judge.values_only(),
        *judge.exclude(),
        *judge.overrides(),
    )


def flow(raw: object) -> str:
    """Return a pattern as written, on one line.

    >>> flow({"python": ">=3.10", "gpu": [True, None]})
    '{python: >=3.10, gpu: [true, null]}'
    """
    if isinstance(raw, Mapping):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in raw.items()) + "}"
    if isinstance(raw, list):
        return f"[{', '.join(map(flow, raw))}]"
    scalar: Scalar = raw  # type: ignore[assignment]
    return spelling(scalar)


class _Judge:
    def __init__(self, matrix: Matrix, image: Image, values: Sequence[Value | None]) -> None:
        self._matrix, self._image, self._values = matrix, image, values
        self._axes = list(zip(image.axes, values, strict=True))

    def rows(self) -> Iterator[Ruling]:
        """Yield the `rows` of the image that match, otherwise the nearest ones."""
        rows = self._image.rows
        if rows is not None:
            notes = {row.when.route: ", ".join(self._changes(row.route)) for row in rows}
            yield from self._listed_rows("rows", "row", [row.when for row in rows], notes)

    def only(self) -> Iterator[Ruling]:
        """Yield the rows of the image's `only` that match, otherwise the nearest ones."""
        if self._image.only is not None:
            yield from self._listed_rows("only", "only", self._image.only, {})

    def _listed_rows(
        self, key: str, name: str, rows: Sequence[Pattern], changes: Mapping[Route, str]
    ) -> Iterator[Ruling]:
        """Yield the effects of rows of which one must match: those that do, or the nearest ones."""
        against = [
            (row, self._against(matchers))
            for row in rows
            if (matchers := rule(row, self._image)) is not None
        ]
        keeping = [row for row, others in against if not others]
        for row in keeping:
            note = changes.get(row.route, "")
            yield self._of(Effect.KEPT, name, row, f"changes {note}" if note else "")
        if keeping or not rows:
            return
        count = f"none of {len(rows)} rows matches" if len(rows) > 1 else "its row does not match"
        route = rows[0].route
        whole = self._place(route[: len(route) - route[::-1].index(key)])
        yield Ruling(Effect.DROPPED, key, "", whole, count)
        nearest = sorted(against, key=lambda row: len(row[1]))[:_NEAREST]
        for row, others in nearest:
            yield self._of(Effect.PASSED, name, row, f"not for {_listed(others)}")

    def values_only(self) -> Iterator[Ruling]:
        """Yield the effects of the `only` of axis values."""
        for axis, value in self._axes:
            if value is None or value.only is None:
                continue
            others = [
                f"{other.name}={its.text}"
                for other, its in self._axes
                if its is not None
                and other.name in value.only.matchers
                and its.index not in value.only.matchers[other.name].values
            ]
            if value.only.images is not None and self._image.name not in value.only.images:
                others.append(f"image {self._image.name}")
            yield self._of(
                Effect.DROPPED if others else Effect.KEPT,
                f"only of {axis.name}={value.text}",
                value.only,
                f"not with {_listed(others)}" if others else "",
            )

    def exclude(self) -> Iterator[Ruling]:
        """Yield the effects of the rows of `exclude`."""
        rows = self._image.exclude
        matching = [row for row in rows if self._matches(rule(row, self._image))]
        for row in matching:
            yield self._of(Effect.DROPPED, "exclude", row)
        if rows and not matching:
            yield Ruling(Effect.PASSED, "exclude", "", None, _others(len(rows), len(rows)))

    def overrides(self) -> Iterator[Ruling]:
        """Yield the effects of the overrides."""
        all_ = self._image.overrides
        matching = [
            override for override in all_ if self._matches(rule(override.when, self._image))
        ]
        for override in matching:
            changes = f"changes {', '.join(self._changes(override.route))}"
            yield self._of(Effect.CHANGED, "override", override.when, changes)
        if len(matching) < len(all_):
            count = _others(len(all_) - len(matching), len(all_))
            yield Ruling(Effect.PASSED, "overrides", "", None, count)

    def _changes(self, route: Route) -> Iterator[str]:
        level = written(self._matrix, route)
        for name in ("template", "from", "set", *ROWS):
            if name not in level:
                continue
            if level[name] is not None and (name == "set" or name in MERGED):
                yield from (f"{name}.{key}" for key in level[name])
            else:
                yield name

    def _matches(self, matchers: Rule | None) -> bool:
        return matchers is not None and all(
            (value := self._values[position]) is not None and value.index in indexes
            for position, indexes in matchers
        )

    def _against(self, matchers: Rule) -> list[str]:
        """Return the values that do not match a rule."""
        values = []
        for position, indexes in matchers:
            axis, value = self._axes[position]
            if value is not None and value.index not in indexes:
                values.append(_worded(axis, value))
        return values

    def _of(self, effect: Effect, name: str, pattern: Pattern, note: str = "") -> Ruling:
        raw = written(self._matrix, pattern.route)
        axes = (*self._matrix.axes, "image")  # a flat row has fields in the same mapping
        text = flow({name: raw[name] for name in raw if name in axes})
        return Ruling(effect, name, text, self._place(pattern.route), note)

    def _place(self, route: Route) -> Location:
        return self._matrix.source.locate(route, key=True)


def _worded(axis: Axis, value: Value) -> str:
    return f"{axis.name}={value.text}"


def _listed(values: list[str]) -> str:
    return " or ".join(filter(None, (", ".join(values[:-1]), values[-1])))


def _others(count: int, all_: int) -> str:
    """Return that rules apply to other variants."""
    if count < all_:
        return f"{count} other{'s do' if count > 1 else ' does'} not match"
    return f"none of {count} matches" if count > 1 else "does not match"
