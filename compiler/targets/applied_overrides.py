"""Merge the fields of an image with those of the overrides that match a variant."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from compiler.matrix.build_fields import merge
from compiler.matrix.jinja import GLOBALS
from compiler.matrix.matrix import Field, Image, Matrix, Override, Setting, Value
from compiler.matrix.pattern import Rule, holds, rule
from compiler.matrix.strings import TemplateString
from compiler.targets.field_rendering import Renderer, renderer


class BuildSpec(NamedTuple):
    """What the variants of an image that match the same overrides have in common."""

    template: TemplateString
    settings: tuple[Setting, ...]
    """`set` of the overrides."""
    written: Mapping[str, Field]
    """The fields as written, overrides included."""
    fields: tuple[tuple[str, Renderer], ...]
    """The same, ready to be rendered."""


class ImageContext:
    """What all variants of one image have in common."""

    def __init__(self, image: Image, matrix: Matrix) -> None:
        self.image = image
        self.scope: dict[str, Any] = {**GLOBALS, **matrix.data, **dict.fromkeys(matrix.axes)}
        self.settings = tuple(image.settings.values())
        self.plain = not any(value.settings for axis in image.axes for value in axis.values)
        """Whether none of its axis values has a `set`."""
        self._matrix = matrix
        self._overrides: list[tuple[Rule, Override]] = [
            (condition, override)
            for override in image.overrides
            if (condition := rule(override.when, image)) is not None
        ]
        self._specs: dict[tuple[int, ...], BuildSpec] = {}

    def build_spec(self, values: tuple[Value, ...]) -> BuildSpec:
        """Return the fields of a variant: the image's, with those of matching overrides."""
        key = tuple(
            [n for n, (condition, _) in enumerate(self._overrides) if holds(condition, values)]
            if self._overrides
            else ()
        )
        spec = self._specs.get(key)
        if spec is None:
            spec = self._specs[key] = self._merged([self._overrides[n][1] for n in key])
        return spec

    def _merged(self, overrides: list[Override]) -> BuildSpec:
        template, fields = self.image.template, self.image.fields
        settings: dict[str, Setting] = {}
        for override in overrides:
            template = override.template or template
            fields = merge(fields, override.fields)
            settings |= override.settings
        renderers = tuple(
            (name, renderer(field, self._matrix.variables)) for name, field in fields.items()
        )
        return BuildSpec(template, tuple(settings.values()), fields, renderers)
