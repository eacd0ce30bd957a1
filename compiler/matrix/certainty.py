"""Find what can still be checked after errors: images with known variants, text of other images.

Takes the images of a matrix with errors. Promises that no further diagnostic is a consequence of an
error that is already reported.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from compiler.errors import CompileError
from compiler.matrix.bake_strings import check_declared, variables_in
from compiler.matrix.field_table import ROWS
from compiler.matrix.matrix import Image, Matrix, Variable
from compiler.matrix.reader import Reader
from compiler.matrix.strings import TemplateString
from compiler.source.document import Route
from compiler.source.routes import without_indexes


_NO_INFLUENCE = frozenset({"groups", "lock", "output", "publish"})
"""Sections that decide neither the variants of an image nor its fields."""

_OF_ALL = frozenset({"data", "defaults", "exclude", "include", "overrides", "set"})
"""Sections that every image depends on."""

_DEPTHS: Mapping[object, int] = {"images": 1, "axes": 2, "defaults": 0, "overrides": 0}
"""Section -> the number of names between it and a field."""

_UNKNOWN = frozenset({*ROWS, "set"})
"""Keys whose invalid values are unknown, so that only what uses them is not checked."""

_OF_IMAGES = frozenset({*_NO_INFLUENCE, "images", "variables"})
"""Sections whose bake variables are not those of every image."""

_EVERYTHING = frozenset({("images", None), ("axes", None), ("variables", None)})
"""Places whose errors concern every image."""


def certain_images(
    images: Mapping[str, Image], variables: Mapping[str, Variable], reader: Reader
) -> dict[str, Image]:
    """Return the images that are free of errors, and whose parents are."""
    # Of a route, only the section and the name in it matter: there are few of these.
    routes = (*reader.invalid, *reader.valid.removed())
    places = {(*route, None, None)[:2] for route in routes if not _is_unknown(route)}
    parts = {name for section, name in places if section == "include" and isinstance(name, int)}
    places -= {("include", part) for part in parts}
    if not places.isdisjoint(_EVERYTHING) or any(section in _OF_ALL for section, _ in places):
        return {}
    unknown = {name for section, name in places if section == "variables"}
    concerned = _images_with(unknown, variables, reader) if unknown else frozenset()
    if concerned is None:
        return {}
    certain = {
        name: image
        for name, image in images.items()
        if ("images", name) not in places
        and name not in concerned
        and image.part not in parts
        and places.isdisjoint(("axes", axis.name) for axis in image.axes)
    }
    return _with_parents(certain)


def _is_unknown(route: Route) -> bool:
    """Return whether an invalid value is read as unknown: data, a name of `set`, or a field."""
    section, *names = without_indexes(route) or (None,)
    if section == "include" and names:  # the values of a part
        section, *names = names
    if section in {"data", "set"}:
        return bool(names)
    depth = _DEPTHS.get(section, len(names))
    key = names[depth] if depth < len(names) else None
    if key in {"overrides", "rows"} and depth + 1 < len(names):
        key = names[depth + 1]
    return key in _UNKNOWN and (section, key) != ("axes", "platforms")


def _images_with(
    unknown: Collection[object], variables: Mapping[str, Variable], reader: Reader
) -> frozenset[str] | None:
    """Return the images that use one of these bake variables; None if any image may use one."""
    broken = {name for name in unknown if isinstance(name, str)}
    while more := {
        name
        for name, variable in variables.items()
        if name not in broken and not broken.isdisjoint(variable.references)
    }:
        broken |= more
    document = reader.source.data
    written = _variables(document)
    is_imported = any(f"${{{name}}}" in reader.read for name in broken - written)
    shared = [value for key, value in document.items() if key not in _OF_IMAGES]
    if is_imported or not broken.isdisjoint(_variables(shared)):
        return None
    images = document.get("images", {}).items()
    return frozenset(name for name, image in images if not broken.isdisjoint(_variables(image)))


def _variables(value: object) -> frozenset[str]:
    """Return the bake variables that the strings of a YAML value may name, at any depth."""
    if isinstance(value, str):
        return frozenset(variables_in(value))
    inner = [*value, *value.values()] if isinstance(value, dict) else value
    return frozenset[str]().union(*map(_variables, inner if isinstance(inner, list) else ()))


def without_images(matrix: Matrix, names: Collection[str]) -> Matrix:
    """Return a matrix without images that have errors, and without those that depend on them."""
    others = {name: image for name, image in matrix.images.items() if name not in names}
    images = _with_parents(others)
    left_out = matrix.left_out | (matrix.images.keys() - images.keys())
    return replace(matrix, images=images, left_out=left_out)


def _with_parents(images: Mapping[str, Image]) -> dict[str, Image]:
    """Return the images whose parents are among them, too."""
    certain = dict(images)
    while True:
        kept = {
            name: image
            for name, image in certain.items()
            if all(parent.image is None or parent.image in certain for parent in image.parents())
        }
        if len(kept) == len(certain):
            return kept
        certain = kept


def check_printed_text(image: Image, variables: Mapping[str, Variable], reader: Reader) -> None:
    """Report undeclared variables in the fields that every variant of an image has."""
    if reader.valid.is_removed(("variables",)):
        return
    overridden = {name for change in image.changes() for name in change.fields}
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
