"""Merge the fields of an image with those of the levels above that apply to a variant.

The levels, lowest first: the image with its `defaults`, axis values, rows, overrides.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from compiler.matrix.build_fields import merge
from compiler.matrix.jinja import GLOBALS
from compiler.matrix.matrix import Changes, Field, Image, Matrix, Parent, Setting, TagLists, Value
from compiler.matrix.pattern import rule
from compiler.matrix.rule_index import RuleIndex
from compiler.matrix.strings import TemplateString
from compiler.targets.conflicts import Contest, contests
from compiler.targets.field_rendering import Renderer, renderer


class BuildSpec(NamedTuple):
    """What the variants of an image to which the same levels apply have in common."""

    template: TemplateString | None
    parent: Parent | None
    """None without a parent."""
    settings: tuple[Setting, ...]
    """`set` of the rows and overrides, the last one of a name."""
    written: Mapping[str, Field]
    """The fields as written, those of all levels included."""
    fields: tuple[tuple[str, Renderer], ...]
    """The same, ready to be rendered; without `platform-tags`."""
    platform_tags: Renderer | None
    """Renders `platform-tags` in a scope with `platform`."""
    contests: tuple[Contest, ...]
    """Fields that several axis values or rows set, perhaps differently."""


class ImageContext:
    """What all variants of one image have in common."""

    def __init__(self, image: Image, matrix: Matrix) -> None:
        self.image = image
        self.scope: dict[str, Any] = {**GLOBALS, **matrix.data, **dict.fromkeys(matrix.axes)}
        self.settings = tuple(image.settings.values())
        self.plain = not any(value.settings for axis in image.axes for value in axis.values)
        """Whether none of its axis values has a `set`."""
        self._matrix = matrix
        self._changing = tuple(
            position
            for position, axis in enumerate(image.axes)
            if any(map(_changes_fields, axis.values))
        )
        """The positions of the axes with values that set fields."""
        self._rows = RuleIndex([rule(row.when, image) for row in image.rows or ()])
        self._overrides = RuleIndex([rule(override.when, image) for override in image.overrides])
        self._specs: dict[tuple[tuple[int, ...], ...], BuildSpec] = {}
        self._renderers: dict[int, tuple[Field, Renderer]] = {}

    def build_spec(self, values: tuple[Value, ...]) -> BuildSpec:
        """Return the fields of a variant: the image's, with those of the levels that apply."""
        key = (
            tuple([values[n].index if _changes_fields(values[n]) else -1 for n in self._changing]),
            self._rows.matching(values),
            self._overrides.matching(values),
        )
        spec = self._specs.get(key)
        if spec is None:
            of_values = [values[n] for n in self._changing if _changes_fields(values[n])]
            rows = [(self.image.rows or ())[n] for n in key[1]]
            overrides = [self.image.overrides[n] for n in key[2]]
            spec = self._specs[key] = self._merged(of_values, rows, overrides)
        return spec

    def _merged(
        self, values: Sequence[Value], rows: Sequence[Changes], overrides: Sequence[Changes]
    ) -> BuildSpec:
        template, fields, parent = self.image.template, self.image.fields, self.image.parent
        for change in (*values, *rows, *overrides):
            template = change.template or template
            parent = change.parent or parent
            fields = merge(fields, change.fields) if change.fields else fields
        settings: dict[str, Setting] = {}
        variables = self._matrix.variables
        for change in (*rows, *overrides):
            settings |= change.settings
        renderers = {
            name: self._renderer(field) for name, field in fields.items() if not _is_empty(field)
        }
        platform_tags = renderers.pop("platform-tags", None)
        return BuildSpec(
            template=template,
            parent=None if parent is None or parent.image is None else parent,
            settings=tuple(settings.values()),
            written=fields,
            fields=tuple(renderers.items()),
            platform_tags=platform_tags,
            contests=(
                *contests("axis values", values, (*rows, *overrides), variables, settings=False),
                *contests("rows", rows, overrides, variables, settings=True),
            ),
        )

    def _renderer(self, field: Field) -> Renderer:
        """Return the one renderer of a field, so that variants share its results."""
        known = self._renderers.get(id(field))
        if known is None:  # the field is kept, so that no other gets its identity
            known = self._renderers[id(field)] = field, renderer(field, self._matrix.variables)
        return known[1]


def _is_empty(field: Field) -> bool:
    """Return whether a field lists no tag of a platform, so that it needs no `platforms`."""
    if field.name != "platform-tags" or not isinstance(field.value, TagLists):
        return False
    return not (field.value.tags or field.value.moving)


def _changes_fields(value: Value) -> bool:
    """Return whether an axis value sets more than its own `tag`, `platforms`, `only` and `set`."""
    return bool(value.fields) or value.template is not None or value.parent is not None
