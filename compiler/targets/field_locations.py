"""A target under inspection: what it is made of, and where that was written."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from compiler.errors import Location
from compiler.matrix.matrix import Field, Matrix
from compiler.matrix.strings import TemplateString, interpolate
from compiler.targets.expand import Variant


class TargetUnderCheck(NamedTuple):
    """One target while its fields are checked."""

    matrix: Matrix
    name: str
    variant: Variant
    given: Mapping[str, Field]
    """The fields that this variant has, overrides included, as written."""
    scope: Mapping[str, Any]

    def place(self, field: str, *inner: str | int) -> Location:
        """Return the place of a field, `defaults` and overrides included; else the image's."""
        if field not in self.given:
            return self.matrix.source.locate(self.variant.image.route, key=True)
        return self.matrix.source.locate((*self.given[field].route, *inner))

    def entry(self, field: str, wanted: str) -> Location:
        """Return the place of the entry of a list that renders to this."""
        given = self.given[field].value if field in self.given else ()
        for n, entry in enumerate(given if isinstance(given, tuple) else ()):
            if isinstance(entry, TemplateString):
                rendered = interpolate(entry, entry.render(self.scope), self.matrix.variables)
                if wanted in (rendered, *rendered.split()):
                    return self.place(field, n)
        if field == "aliases":
            for alias in self.variant.image.aliases:
                tag = interpolate(alias.tag, alias.tag.render(self.scope), self.matrix.variables)
                if tag == wanted:
                    return alias.tag.locate()
        return self.place(field)
