"""The images: `defaults` merged in, and every string compiled."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from compiler.codes import Code
from compiler.errors import did_you_mean, listed
from compiler.matrix.build_fields import merge, read_fields, read_overrides, read_source
from compiler.matrix.matrix import Alias, Axis, Field, Image, Override, Pattern, Setting
from compiler.matrix.model import ImageOptions
from compiler.matrix.model import Pattern as RawPattern
from compiler.matrix.names import IMAGE, safe
from compiler.matrix.parents import check_parents, read_parent
from compiler.matrix.pattern import read_pattern
from compiler.matrix.reader import Reader
from compiler.matrix.rows import read_rows
from compiler.matrix.strings import TemplateString
from compiler.source.document import Route


class TopLevel(NamedTuple):
    """The values that matrix.yaml, or a part, sets for its images."""

    exclude: tuple[Pattern, ...]
    overrides: tuple[Override, ...]
    settings: Mapping[str, Setting]
    defaults: ImageOptions
    route: Route


class _Levels(NamedTuple):
    """What images of one file have in common."""

    options: tuple[tuple[ImageOptions, Route], ...]
    """`defaults`, the highest level first."""
    exclude: tuple[Pattern, ...]
    overrides: tuple[Override, ...]
    settings: Mapping[str, Setting]
    fields: Mapping[str, Field]
    axes: Mapping[str, Axis]
    """The axes of an image that names none."""


def read_images(
    images: Mapping[str, ImageOptions],
    top: TopLevel,
    parts: tuple[TopLevel, ...],
    *,
    owners: Mapping[Route, int],
    axes: Mapping[str, Axis],
    reader: Reader,
) -> dict[str, Image]:
    """Read `images`; each overrides the levels of its part, which override those of matrix.yaml."""
    if not images and not reader.valid.is_emptied(("images",)):
        reader.problem(
            Code.NO_IMAGES, "no image is declared", ("images",), "declare at least one", key=True
        )
    _check_names(images, reader)
    own_axes = {
        part: {name: axis for name, axis in axes.items() if owners.get(axis.route) in (None, part)}
        for part in (None, *range(len(parts)))
    }
    bottom = _Levels((), (), (), {}, {}, own_axes[None])
    levels: dict[int | None, _Levels] = {None: _raised(bottom, top, own_axes[None], reader)}
    for n, part in enumerate(parts):
        levels[n] = _raised(levels[None], part, own_axes[n], reader)
    found = {
        name: _image(name, options, owners.get(("images", name)), levels, axes, images, reader)
        for name, options in images.items()
    }
    check_parents(found, reader)
    _check_templates(found.values(), reader)
    return found


def _raised(below: _Levels, level: TopLevel, axes: Mapping[str, Axis], reader: Reader) -> _Levels:
    """Return the levels of a file: those below it, and its own."""
    route = (*level.route, "defaults")
    return _Levels(
        options=((level.defaults, route), *below.options),
        exclude=(*below.exclude, *level.exclude),
        overrides=(*below.overrides, *level.overrides),
        settings={
            **below.settings,
            **level.settings,
            **reader.settings(level.defaults.set, (*route, "set")),
        },
        fields=merge(below.fields, read_fields(level.defaults, route, reader)),
        axes=axes,
    )


def _image(
    name: str,
    options: ImageOptions,
    part: int | None,
    levels: Mapping[int | None, _Levels],
    axes: Mapping[str, Axis],
    images: Mapping[str, ImageOptions],
    reader: Reader,
) -> Image:
    """Read one image."""
    route: Route = ("images", name)
    below = levels[part]
    chain = ((options, route), *below.options)

    def patterns(raw: list[RawPattern] | None, route: Route) -> tuple[Pattern, ...]:
        return tuple(
            read_pattern(row, (*route, n), axes=axes, images=images, reader=reader)
            for n, row in enumerate(raw or [])
        )

    only, only_at = _chosen("only", chain)
    rows, rows_at = _chosen("rows", chain)
    overrides, overrides_at = _chosen("overrides", chain)
    aliases, aliases_at = _chosen("aliases", chain)
    parent, parent_at = _chosen("from_", chain)
    return Image(
        name=name,
        axes=_axes(*_chosen("axes", chain), axes, below.axes, reader),
        only=None if only is None else patterns(only, only_at),
        exclude=(*below.exclude, *patterns(*_chosen("exclude", chain))),
        rows=None
        if rows is None
        else read_rows(rows, rows_at, axes=axes, images=images, reader=reader),
        overrides=(
            *below.overrides,
            *read_overrides(overrides or (), overrides_at, axes=axes, images=images, reader=reader),
        ),
        parent=None
        if parent is None
        else read_parent(parent, parent_at, axes=axes, images=images, reader=reader),
        aliases=tuple(
            Alias(
                tag=reader.text(tag, (*aliases_at, tag), bake=True, key=True),
                pattern=read_pattern(
                    raw, (*aliases_at, tag), axes=axes, images=images, reader=reader
                ),
            )
            for tag, raw in (aliases or {}).items()
        ),
        settings={**below.settings, **reader.settings(options.set, (*route, "set"))},
        template=_source(chain, reader),
        fields=merge(below.fields, read_fields(options, route, reader)),
        route=route,
        part=part,
    )


def _check_templates(images: Iterable[Image], reader: Reader) -> None:
    """Report images that name a template nowhere, not even for some variants."""
    for image in images:
        named = (image.template, *(change.template for change in image.changes()))
        if not any(named) and not _lost(image.name, reader):
            reader.problem(
                Code.MISSING_KEY,
                f"image {image.name!r} has no template",
                image.route,
                "add `template:` or `dockerfile:` with the name of a file, here or in `defaults`",
                key=True,
            )


def _lost(name: str, reader: Reader) -> bool:
    """Return whether a key of an image, possibly its template, was removed as invalid."""
    return any(map(reader.valid.is_emptied, (("images", name), ("defaults",), ("include",))))


def _source(chain: Iterable[tuple[ImageOptions, Route]], reader: Reader) -> TemplateString | None:
    """Return the template, or the existing Dockerfile, of the highest level that names one."""
    for options, route in chain:
        found = read_source(options, route, reader)
        if found is not None or {"template", "dockerfile"} & options.model_fields_set:
            return found  # null removes that of a lower level
    return None


def _chosen(key: str, chain: Iterable[tuple[ImageOptions, Route]]) -> tuple[Any, Route]:
    """Return the value of a key that is not merged, from the highest level, and its route."""
    at: Route = ()
    for options, route in chain:
        at = (*route, key.rstrip("_"))
        if key in options.model_fields_set:  # null removes the value of a lower level
            return getattr(options, key), at
    return None, at


def _check_names(images: Collection[str], reader: Reader) -> None:
    first: dict[str, str] = {}
    for name in images:
        if not IMAGE.match(name):
            reader.problem(
                Code.BAD_IMAGE_NAME,
                f"invalid name for an image: {name!r}",
                ("images", name),
                "use letters, digits, `-`, `_` and `.`, and begin with a letter or digit",
                key=True,
            )
        other = first.setdefault(safe(name), name)
        if other != name:
            reader.problem(
                Code.NAME_COLLISION,
                f"images {other!r} and {name!r} are both {safe(name)!r} in bake",
                ("images", name),
                "rename one of them",
                key=True,
                related=(("the other image", reader.source.locate(("images", other), key=True)),),
            )


def _axes(
    names: list[str] | None,
    route: Route,
    axes: Mapping[str, Axis],
    default: Mapping[str, Axis],
    reader: Reader,
) -> tuple[Axis, ...]:
    if names is None:
        return tuple(default.values())
    found: dict[str, Axis] = {}
    for n, name in enumerate(names):
        if name not in axes:
            if reader.valid.is_removed(("axes",)):
                continue
            reader.problem(
                Code.UNKNOWN_AXIS,
                f"no axis is named {name!r}",
                (*route, n),
                did_you_mean(name, axes, otherwise=f"the axes are {listed(axes)}"),
            )
        elif name in found:
            reader.problem(
                Code.DUPLICATE_VALUE, f"axis {name!r} is listed twice", (*route, n), "remove one"
            )
        else:
            found[name] = axes[name]
    return tuple(found.values())
