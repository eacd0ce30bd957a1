"""The fields of images and overrides: their strings compiled, and levels merged."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypedDict

from compiler.codes import Code
from compiler.matrix.field_table import MERGED, ROWS
from compiler.matrix.image_tests import read_tests
from compiler.matrix.matrix import Axis, Entry, Field, Override, Parent, Setting, TagLists
from compiler.matrix.model import (
    BuildOptions,
    CacheOptions,
    ImageOptions,
    ImageTestOptions,
    TagOptions,
)
from compiler.matrix.model import Override as OverrideOptions
from compiler.matrix.parents import read_parent
from compiler.matrix.pattern import read_pattern
from compiler.matrix.reader import Reader
from compiler.matrix.strings import TemplateString
from compiler.matrix.unknown import UNKNOWN
from compiler.source.document import Route


_ATTRIBUTES = {key.name: name for name, key in ImageOptions.declared.items()}


def read_fields(options: BuildOptions, route: Route, reader: Reader) -> dict[str, Field]:
    """Compile the fields of one level; null removes an inherited value, an invalid one hides it."""
    fields = {}
    is_sound = reader.is_sound(route)
    attributes = options.written
    for name in ROWS:
        if is_sound and _ATTRIBUTES[name] not in attributes:
            continue
        at = (*route, name)
        if _ATTRIBUTES[name] not in attributes:
            if not reader.is_sound(at):
                fields[name] = Field(name=name, value=UNKNOWN, route=at)
            continue
        raw = getattr(options, _ATTRIBUTES[name])
        if isinstance(raw, CacheOptions):
            raw = _cache(raw, at, reader)
        match raw:
            case TagOptions():
                value: Any = _tags(raw, at, reader)
            case ImageTestOptions():
                value = read_tests(raw, at, reader)
            case _:
                value = _compiled(raw, at, reader)
        known = value if reader.is_sound(at) else UNKNOWN
        fields[name] = Field(name=name, value=known, route=at)
    return fields


def merge(below: Mapping[str, Field], above: Mapping[str, Field]) -> dict[str, Field]:
    """Merge the fields of two levels, in the order of the field table; the level above wins."""
    fields = {}
    for name in ROWS:
        field = above.get(name, below.get(name))
        if field is None or field.value is None:
            continue
        if name in MERGED and name in above and name in below and below[name].value is not None:
            values = below[name].value, above[name].value
            both: Any = UNKNOWN
            if not any(value is UNKNOWN for value in values):
                both = {**values[0], **values[1]}  # type: ignore[dict-item]
            field = Field(name=name, value=both, route=field.route)
        fields[name] = field
    return fields


class LevelChanges(TypedDict):
    """The values of `Changes` that one level sets."""

    settings: Mapping[str, Setting]
    template: TemplateString | None
    parent: Parent | None
    fields: Mapping[str, Field]
    route: Route


def read_changes(
    options: BuildOptions,
    route: Route,
    *,
    axes: Mapping[str, Axis],
    images: Collection[str],
    reader: Reader,
) -> LevelChanges:
    """Read the fields that an axis value, a row or an override sets."""
    if not options.written and reader.is_sound(route):
        return LevelChanges(settings={}, template=None, parent=None, fields={}, route=route)
    return LevelChanges(
        settings=reader.settings(options.set, (*route, "set")),
        template=read_source(options, route, reader),
        parent=read_parent(options, route, axes=axes, images=images, reader=reader),
        fields=read_fields(options, route, reader),
        route=route,
    )


def read_source(options: BuildOptions, route: Route, reader: Reader) -> TemplateString | None:
    """Return the template, or the existing Dockerfile, that a level names.

    The last step of its route says which of the two it is; a level above replaces both.
    """
    if options.template is not None and options.dockerfile is not None:
        reader.problem(
            Code.TWO_SOURCES,
            "a Dockerfile has either a `template` or is an existing `dockerfile`",
            (*route, "dockerfile"),
            "remove one of them",
            key=True,
        )
    for key in ("template", "dockerfile"):
        name = getattr(options, key)
        if name is not None:
            return reader.text(name, (*route, key))
    return None


def read_overrides(
    overrides: Sequence[OverrideOptions],
    route: Route,
    *,
    axes: Mapping[str, Axis],
    images: Collection[str],
    reader: Reader,
) -> tuple[Override, ...]:
    """Read a list of overrides."""
    result = []
    for n, options in enumerate(overrides):
        at = (*route, n)
        when = read_pattern(options.when, (*at, "when"), axes=axes, images=images, reader=reader)
        changes = read_changes(options, at, axes=axes, images=images, reader=reader)
        result.append(Override(when=when, **changes))
    return tuple(result)


def _cache(options: CacheOptions, route: Route, reader: Reader) -> dict[str, str]:
    """Return `ref` and `mode` of the short form of a cache; report other types and modes."""
    for key, known in (("type", ("registry",)), ("mode", ("max", "min"))):
        value = getattr(options, key)
        if value not in known:
            reader.problem(
                Code.UNKNOWN_CACHE,
                f"invalid {key} of `cache`: {value!r}",
                (*route, key),
                "write other caches as `cache-from` and `cache-to`"
                if key == "type"
                else "write max or min",
            )
    return {"ref": options.ref, "mode": options.mode}


def _tags(options: TagOptions, route: Route, reader: Reader) -> TagLists:
    """Compile the tags of `shared` or `platform-tags`."""

    def compiled(raw: Sequence[str] | None, key: str) -> tuple[TemplateString, ...]:
        # The short form is a list at the route itself.
        at = reader.source.existing((*route, key))
        return tuple(reader.text(text, (*at, n), bake=True) for n, text in enumerate(raw or ()))

    return TagLists(tags=compiled(options.tags, "tags"), moving=compiled(options.moving, "moving"))


def _compiled(raw: Any, route: Route, reader: Reader) -> Any:
    """Compile the strings of a field."""
    if isinstance(raw, str):
        return reader.text(raw, route, bake=True)
    if isinstance(raw, list) and all(isinstance(item, str) for item in raw):
        return reader.texts(raw, route)
    if isinstance(raw, list):
        return tuple(_entry(item, (*route, n), reader) for n, item in enumerate(raw))
    if isinstance(raw, dict):
        return dict(zip(raw, _pairs(raw, route, reader), strict=True))
    return raw


def _entry(raw: str | dict[str, str], route: Route, reader: Reader) -> Entry:
    if isinstance(raw, str):
        return reader.text(raw, route, bake=True)
    return _pairs(raw, route, reader)


def _pairs(
    raw: Mapping[str, str], route: Route, reader: Reader
) -> tuple[tuple[TemplateString, TemplateString], ...]:
    return tuple(
        (
            reader.text(key, (*route, key), bake=True, key=True),
            reader.text(value, (*route, key), bake=True),
        )
        for key, value in raw.items()
    )
