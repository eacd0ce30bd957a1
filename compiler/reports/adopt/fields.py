"""Find the fewest fields, at images, axis values and overrides, that give each target its own."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from compiler.matrix.field_table import ROWS, Kind
from compiler.reports.adopt.image import scalar
from compiler.reports.adopt.model import GivenTarget
from compiler.reports.adopt.splits import When, split
from compiler.reports.adopt.strings import literal
from compiler.targets.links import link_to, linked_target


Leaf: TypeAlias = tuple[str, str | None]
"""A field, and a key of it if it is a mapping."""


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
        leaves: dict[Leaf, str | tuple[str, ...]] = {("dockerfile", None): self.target.dockerfile}
        for name, value in self.target.fields.items():
            if not isinstance(value, Mapping):
                if (name, value) != ("context", "."):
                    leaves[name, None] = value
                continue
            for key, text in value.items():
                linked = linked_target(text) if name == "contexts" else None
                leaves[name, key] = (
                    link_to(self.names[linked]) if linked and linked in self.names else text
                )
        return leaves


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
        base, changes = split(values, rows, seen)
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
                    key in (fields := image.get(name, {})) and fields[key] == text
                    for image in others
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
