"""Find where the fields of a target are written in matrix.yaml."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from compiler.errors import Location
from compiler.external.platforms import PlatformName
from compiler.matrix.bake_strings import interpolate
from compiler.matrix.matrix import Field, Matrix, TagLists
from compiler.matrix.strings import TemplateString
from compiler.targets.expand import Variant


class TargetUnderCheck(NamedTuple):
    """One target while its fields are checked."""

    matrix: Matrix
    name: str
    variant: Variant
    written: Mapping[str, Field]
    """The fields of this variant as written, overrides included."""
    scope: Mapping[str, Any]

    @property
    def has_platforms(self) -> bool:
        """Whether its image or one of its axis values names platforms."""
        values = self.variant.values
        return "platforms" in self.written or any(value.platforms is not None for value in values)

    def of_platform(self, platform: PlatformName | None) -> "TargetUnderCheck":
        """Return the target with the names that `platform-tags` see for one platform."""
        if platform is None:
            return self
        return self._replace(scope={**self.scope, "platform": platform})

    def locate(self, field: str, *inner: str | int) -> Location:
        """Return where a field is written: in the image, `defaults` or an override.

        For a field that is not written, return the location of the image.
        """
        if field not in self.written:
            return self.matrix.source.locate(self.variant.image.route, key=True)
        return self.matrix.source.locate((*self.written[field].route, *inner))

    def key(self, field: str, wanted: str) -> Location:
        """Return where the key of a mapping is written that renders to this text."""
        value = self.written[field].value if field in self.written else None
        for key, _ in value.values() if isinstance(value, Mapping) else ():
            if interpolate(key, key.render(self.scope), self.matrix.variables) == wanted:
                return key.locate()
        return self.locate(field)

    def entry(self, field: str, wanted: str) -> Location:
        """Return where the entry of a list is written that renders to this text."""
        value = self.written[field].value if field in self.written else ()
        if isinstance(value, TagLists):
            value = (*value.tags, *value.moving)
        for entry in value if isinstance(value, tuple) else ():
            if isinstance(entry, TemplateString):
                for text in entry.items(self.scope):
                    rendered = interpolate(entry, text, self.matrix.variables)
                    if wanted in (rendered, *rendered.split()):
                        return self.matrix.source.locate(entry.route)
        if field == "aliases":
            for alias in self.variant.image.aliases:
                tag = interpolate(alias.tag, alias.tag.render(self.scope), self.matrix.variables)
                if tag == wanted:
                    return alias.tag.locate()
        return self.locate(field)


def apart(matrix: Matrix, variant: Variant, other: Variant) -> tuple[Location, Location]:
    """Return where two variants differ: at a value of each, or at their images."""
    locate = matrix.source.locate
    if variant.image is other.image:
        for value, other_value in zip(variant.values, other.values, strict=True):
            if value is not other_value:
                return locate(value.route, key=True), locate(other_value.route, key=True)
    return locate(variant.image.route, key=True), locate(other.image.route, key=True)
