"""The images: `defaults` merged in, and every string compiled."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from compiler.codes import Code
from compiler.errors import did_you_mean, listed
from compiler.matrix.build_fields import merge, read_fields, read_overrides
from compiler.matrix.matrix import Alias, Axis, Image, Override, Pattern, Setting
from compiler.matrix.model import ImageOptions
from compiler.matrix.model import Pattern as RawPattern
from compiler.matrix.names import IMAGE, safe
from compiler.matrix.parents import check_parents, read_parent
from compiler.matrix.pattern import read_pattern
from compiler.matrix.reader import Reader
from compiler.matrix.rows import read_rows
from compiler.source.document import Route


class TopLevel(NamedTuple):
    """The values that the top level sets for every image."""

    exclude: tuple[Pattern, ...]
    overrides: tuple[Override, ...]
    settings: Mapping[str, Setting]


def read_images(
    images: Mapping[str, ImageOptions],
    defaults: ImageOptions,
    top: TopLevel,
    *,
    axes: Mapping[str, Axis],
    reader: Reader,
) -> dict[str, Image]:
    """Read `images`; each overrides `defaults`, which override the top level."""
    if not images and not reader.valid.is_emptied(("images",)):
        reader.problem(
            Code.NO_IMAGES, "no image is declared", ("images",), "declare at least one", key=True
        )
    _check_names(images, reader)
    along = {
        name: _axes(*_chosen("axes", name, options, defaults), axes, reader)
        for name, options in images.items()
    }
    below = read_fields(defaults, ("defaults",), reader)
    settings = {**top.settings, **reader.settings(defaults.set, ("defaults", "set"))}

    def patterns(raw: list[RawPattern] | None, route: Route) -> tuple[Pattern, ...]:
        return tuple(
            read_pattern(row, (*route, n), axes=axes, images=images, reader=reader)
            for n, row in enumerate(raw or [])
        )

    found = {}
    for name, options in images.items():
        route: Route = ("images", name)
        template, template_at = _chosen("template", name, options, defaults)
        only, only_at = _chosen("only", name, options, defaults)
        rows, rows_at = _chosen("rows", name, options, defaults)
        overrides, overrides_at = _chosen("overrides", name, options, defaults)
        aliases, aliases_at = _chosen("aliases", name, options, defaults)
        parent, parent_at = _chosen("from_", name, options, defaults)
        found[name] = Image(
            name=name,
            axes=along[name],
            only=None if only is None else patterns(only, only_at),
            exclude=(
                *top.exclude,
                *patterns(*_chosen("exclude", name, options, defaults)),
            ),
            rows=None
            if rows is None
            else read_rows(rows, rows_at, axes=axes, images=images, reader=reader),
            overrides=(
                *top.overrides,
                *read_overrides(
                    overrides or (), overrides_at, axes=axes, images=images, reader=reader
                ),
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
            settings={**settings, **reader.settings(options.set, (*route, "set"))},
            template=None if template is None else reader.text(template, template_at),
            fields=merge(below, read_fields(options, route, reader)),
            route=route,
        )
    check_parents(found, reader)
    _check_templates(found.values(), reader)
    return found


def _check_templates(images: Iterable[Image], reader: Reader) -> None:
    """Report images that name a template nowhere, not even for some variants."""
    for image in images:
        named = (image.template, *(change.template for change in image.changes()))
        if not any(named) and not _lost(image.name, reader):
            reader.problem(
                Code.MISSING_KEY,
                f"image {image.name!r} has no template",
                image.route,
                "add `template:` with a file of templates/, here or in `defaults`",
                key=True,
            )


def _lost(name: str, reader: Reader) -> bool:
    """Return whether a key of an image, possibly its template, was removed as invalid."""
    return reader.valid.is_emptied(("images", name)) or reader.valid.is_emptied(("defaults",))


def _chosen(
    key: str, name: str, options: ImageOptions, defaults: ImageOptions
) -> tuple[Any, Route]:
    """Return the value of a key that is not merged, from the image or `defaults`, and its route."""
    written = key.rstrip("_")
    if key in options.model_fields_set:  # null removes the value of `defaults`
        return getattr(options, key), ("images", name, written)
    return getattr(defaults, key), ("defaults", written)


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
    names: list[str] | None, route: Route, axes: Mapping[str, Axis], reader: Reader
) -> tuple[Axis, ...]:
    if names is None:
        return tuple(axes.values())
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
