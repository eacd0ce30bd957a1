"""How the variants of one image are built: its own fields, and what overrides make of them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from compiler.matrix.build_fields import merge
from compiler.matrix.jinja import GLOBALS
from compiler.matrix.matrix import Field, Image, Matrix, Override, Setting, Value
from compiler.matrix.pattern import Rule, holds, rule
from compiler.matrix.strings import TemplateString
from compiler.targets.field_rendering import Renderer, renderer


class BuildSpec(NamedTuple):
    """How the variants of an image are built that the same overrides are about."""

    template: TemplateString
    settings: tuple[Setting, ...]
    """What overrides set."""
    given: Mapping[str, Field]
    fields: tuple[tuple[str, Renderer], ...]


class ImageContext:
    """What is the same for all variants of one image."""

    def __init__(self, image: Image, matrix: Matrix) -> None:
        self.image = image
        self.scope: dict[str, Any] = {**GLOBALS, **matrix.data, **dict.fromkeys(matrix.axes)}
        self.settings = tuple(image.settings.values())
        self.plain = not any(value.settings for axis in image.axes for value in axis.values)
        """Whether no value of its axes has a `set`."""
        self._matrix = matrix
        self._overrides: list[tuple[Rule, Override]] = [
            (said, override)
            for override in image.overrides
            if (said := rule(override.when, image)) is not None
        ]
        self._ways: dict[tuple[int, ...], BuildSpec] = {}

    def way(self, values: tuple[Value, ...]) -> BuildSpec:
        """Return how a variant is built: the image's fields and those of its overrides."""
        key = tuple(
            [n for n, (said, _) in enumerate(self._overrides) if holds(said, values)]
            if self._overrides
            else ()
        )
        found = self._ways.get(key)
        if found is None:
            found = self._ways[key] = self._make([self._overrides[n][1] for n in key])
        return found

    def _make(self, overrides: list[Override]) -> BuildSpec:
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
