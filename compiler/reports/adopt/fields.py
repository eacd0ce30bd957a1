"""Find the fewest fields, at images, axis values and overrides, that give each target its own."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, NamedTuple, TypeAlias

from compiler.matrix.field_table import ROWS, Kind
from compiler.reports.adopt.image import scalar
from compiler.reports.adopt.model import GivenTarget
from compiler.reports.adopt.patterns import patterns
from compiler.reports.adopt.strings import choices, common_string, literal
from compiler.targets.links import link_to, linked_target


Leaf: TypeAlias = tuple[str, str | None]
"""A field, and a key of it if it is a mapping."""
When: TypeAlias = tuple[tuple[str, tuple[str, ...]], ...]
"""A pattern: axes with the values that it matches."""

_DIFFERENT = object()
"""There is no common value."""
_MOST_AXES = 3
"""The most axes on which a field depends before every variant is looked at by itself."""


class Variant(NamedTuple):
    """A target with its place in the matrix."""

    target: GivenTarget
    row: Mapping[str, str]
    """Axis of the matrix -> value."""
    names: Mapping[str, str]
    """Given target -> target of the matrix."""
    details: Mapping[str, Mapping[str, str]]
    """Axis of the matrix -> name -> text, for names that `set` may have."""

    @property
    def seen(self) -> Mapping[str, str]:
        """What strings see: name -> text."""
        details = (pair for names in self.details.values() for pair in names.items())
        return {**self.row, **dict(details)}

    def leaves(self) -> dict[Leaf, str | tuple[str, ...]]:
        """Return every value of the target's fields."""
        found: dict[Leaf, str | tuple[str, ...]] = {("dockerfile", None): self.target.dockerfile}
        for name, value in self.target.fields.items():
            if not isinstance(value, Mapping):
                if (name, value) != ("context", "."):
                    found[name, None] = value
                continue
            for key, text in value.items():
                linked = linked_target(text) if name == "contexts" else None
                found[name, key] = (
                    link_to(self.names[linked]) if linked and linked in self.names else text
                )
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where the fields of an image are written."""

    fields: dict[str, Any] = field(default_factory=dict)
    axis_fields: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    """Axis -> value -> fields."""
    overrides: dict[When, dict[str, Any]] = field(default_factory=dict)


def image_fields(variants: Sequence[Variant], *, own: Collection[str]) -> Layout:
    """Return the fields of an image.

    Args:
        variants: the targets of the image.
        own: the axes that no other image has: their values may carry fields.
    """
    layout = Layout()
    tables = [variant.leaves() for variant in variants]
    rows = [variant.row for variant in variants]
    seen = [variant.seen for variant in variants]
    order = {name: n for n, name in enumerate(("dockerfile", *ROWS))}
    leaves = sorted({leaf: None for table in tables for leaf in table}, key=lambda x: order[x[0]])
    for leaf in leaves:
        values = [table.get(leaf) for table in tables]
        base, changes = _split(values, rows, seen)
        if base is not None:
            _put(layout.fields, leaf, base)
        for when, value in changes:
            if len(when) == len(when[0][1]) == 1 and when[0][0] in own and leaf[0] != "platforms":
                ((axis, (item, *_)),) = when
                place = layout.axis_fields.setdefault(axis, {}).setdefault(item, {})
            else:
                place = layout.overrides.setdefault(when, {})
            _put(place, leaf, value)
    _set_details(layout, variants, own)
    return layout


def _set_details(layout: Layout, variants: Sequence[Variant], own: Collection[str]) -> None:
    """Give the values of axes the details that strings print."""
    text = repr(layout)
    for variant in variants:
        for axis, names in variant.details.items():
            value = variant.row[axis]
            used = {n: scalar(literal(t)) for n, t in names.items() if f"{{{{ {n} " in text}
            if used and axis in own:
                layout.axis_fields.setdefault(axis, {}).setdefault(value, {})["set"] = used


def shared_fields(images: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Take fields that all of several images have in common out of them, and return these."""
    if len(images) < 2:  # noqa: PLR2004 - one image shares nothing
        return {}
    first, *others = images.values()
    shared: dict[str, Any] = {}
    for name, value in list(first.items()):
        if name not in ROWS and name != "dockerfile":
            continue
        if all(image.get(name) == value for image in others):
            shared[name] = value
        elif isinstance(value, dict):
            common = {
                key: text
                for key, text in value.items()
                if all(
                    key in (found := image.get(name, {})) and found[key] == text for image in others
                )
            }
            if common:
                shared[name] = common
    for image in images.values():
        for name, value in shared.items():
            if image[name] == value:
                del image[name]
            else:
                image[name] = {k: text for k, text in image[name].items() if k not in value}
    return shared


def _put(place: dict[str, Any], leaf: Leaf, value: Any) -> None:
    name, key = leaf
    if key is not None:
        place.setdefault(name, {})[literal(key)] = value
    elif name in ROWS and ROWS[name].kind is Kind.FLAG:
        place[name] = True
    else:
        place[name] = value


def _split(
    values: Sequence[str | tuple[str, ...] | None],
    rows: Sequence[Mapping[str, str]],
    seen: Sequence[Mapping[str, str]],
) -> tuple[Any, list[tuple[When, Any]]]:
    """Return the value of most variants, and those of the others with their patterns.

    The first value is None if the field cannot be the same for all and then be overridden.
    """
    for axes in _axis_sets(rows):
        classes: dict[When, list[int]] = {}
        for n, row in enumerate(rows):
            classes.setdefault(tuple((axis, (row[axis],)) for axis in axes), []).append(n)
        if len(axes) > 1 and len(classes) == len(rows):
            exceptions = _split_by_length(values, rows, seen)
            if exceptions is not None:
                return exceptions
        found: dict[When, Any] = {}
        for when, numbers in classes.items():
            value = _common([values[n] for n in numbers], [seen[n] for n in numbers])
            if value is _DIFFERENT:
                break
            found[when] = value
        else:
            if any(value is None for value in found.values()):
                return None, [(when, one) for when, one in found.items() if one is not None]
            frequent = Counter(map(repr, found.values())).most_common(1)[0][0]
            base = next(one for one in found.values() if repr(one) == frequent)
            return base, [(when, one) for when, one in found.items() if one != base]
    raise AssertionError("a single variant always has a common value")


def _split_by_length(
    values: Sequence[str | tuple[str, ...] | None],
    rows: Sequence[Mapping[str, str]],
    seen: Sequence[Mapping[str, str]],
) -> tuple[Any, list[tuple[When, Any]]] | None:
    """Return the most common list, and those of other lengths; None if that is not exact.

    An example is a tag `latest` that one variant has in addition.
    """
    classes: dict[int, list[int]] = {}
    for n, value in enumerate(values):
        if not isinstance(value, tuple):
            return None
        classes.setdefault(len(value), []).append(n)
    base, *others = sorted(classes.values(), key=len, reverse=True)
    axes = {axis: list(dict.fromkeys(row[axis] for row in rows)) for axis in rows[0]}
    changes: list[tuple[When, Any]] = []
    for numbers in (base, *others):
        common = _common([values[n] for n in numbers], [seen[n] for n in numbers])
        if common is _DIFFERENT:
            return None
        if numbers is not base:
            boxes = patterns([rows[n] for n in numbers], axes)
            whens = (tuple((axis, tuple(items)) for axis, items in box.items()) for box in boxes)
            changes += [(when, common) for when in whens]
    first = _common([values[n] for n in base], [seen[n] for n in base])
    return first, changes


def _axis_sets(rows: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, ...]]:
    """Yield the sets of axes on which a value may depend, small ones first."""
    axes = tuple(rows[0])
    for size in range(min(len(axes), _MOST_AXES) + 1):
        yield from combinations(axes, size)
    if len(axes) > _MOST_AXES:
        yield axes


def _common(
    values: Sequence[str | tuple[str, ...] | None], seen: Sequence[Mapping[str, str]]
) -> Any:
    """Return one value of matrix.yaml for several variants, None for none, or `_DIFFERENT`."""
    if all(value is None for value in values):
        return None
    expressions = choices(seen)
    if all(isinstance(value, str) for value in values):
        text = common_string([str(value) for value in values], expressions)
        return _DIFFERENT if text is None else text
    lists = [value for value in values if isinstance(value, tuple)]
    if len(lists) < len(values) or len({len(one) for one in lists}) > 1:
        return _DIFFERENT
    items = [common_string(column, expressions) for column in zip(*lists, strict=True)]
    return _DIFFERENT if None in items else items
