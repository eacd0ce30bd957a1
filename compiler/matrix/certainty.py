"""Find what can still be checked after errors: images with known variants, text of other images.

Takes the images of a matrix with errors. Promises that no further diagnostic is a consequence of an
error that is already reported.
"""

from collections.abc import Mapping

from compiler.errors import CompileError
from compiler.matrix.matrix import Image, Variable
from compiler.matrix.reader import Reader
from compiler.matrix.strings import TemplateString, check_declared
from compiler.source.document import Route


_NO_INFLUENCE = frozenset({"groups", "output", "publish"})
"""Sections that decide neither the variants of an image nor its fields."""

_OF_ALL = frozenset({"data", "defaults", "exclude", "overrides", "set", "variables"})
"""Sections that every image depends on."""


def certain_images(images: Mapping[str, Image], reader: Reader) -> dict[str, Image]:
    """Return the images that are free of errors, and whose parents are."""
    routes = {*reader.invalid, *reader.valid.removed()}
    certain = {
        name: image
        for name, image in images.items()
        if not any(_concerns(r, image) for r in routes)
    }
    while True:
        kept = {
            name: image
            for name, image in certain.items()
            if image.parent is None or image.parent.image in certain
        }
        if len(kept) == len(certain):
            return kept
        certain = kept


def _concerns(route: Route, image: Image) -> bool:
    """Return whether an error at a route may change the variants or fields of an image."""
    section, name = (*route, None, None)[:2]
    if section == "images":
        return name in (None, image.name)
    if section == "axes":
        return name is None or any(axis.name == name for axis in image.axes)
    return section in _OF_ALL


def check_printed_text(image: Image, variables: Mapping[str, Variable], reader: Reader) -> None:
    """Report undeclared variables in the fields that every variant of an image has."""
    if reader.valid.is_removed(("variables",)):
        return
    overridden = {name for override in image.overrides for name in override.fields}
    texts = [alias.tag for alias in image.aliases]
    for name, field in image.fields.items():
        if name not in overridden and name != "tests":
            texts += _texts(field.value)
    for text in texts:
        try:
            check_declared(text, variables)
        except CompileError as error:
            reader.reject(error, text.route)


def _texts(value: object) -> list[TemplateString]:
    """Return the strings of a field's value."""
    if isinstance(value, TemplateString):
        return [value]
    if isinstance(value, Mapping):
        return _texts(tuple(value.values()))
    if isinstance(value, tuple):
        return [text for item in value for text in _texts(item)]
    return []
