"""The images: `defaults` merged in, and every string compiled."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from compiler.codes import Code
from compiler.errors import did_you_mean, listed
from compiler.matrix.build_fields import merge, read_fields, read_overrides
from compiler.matrix.matrix import Alias, Axis, Image, Override, Parent, Pattern, Setting
from compiler.matrix.model import ImageOptions, ParentOptions
from compiler.matrix.model import Pattern as RawPattern
from compiler.matrix.names import IMAGE, safe
from compiler.matrix.pattern import match, read_pattern, spelling
from compiler.matrix.reader import Reader
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
        if template is None and not _lost(name, reader):
            reader.problem(
                Code.MISSING_KEY,
                f"image {name!r} has no template",
                route,
                "add `template:` with a file of templates/, here or in `defaults`",
                key=True,
            )
        only, only_at = _chosen("only", name, options, defaults)
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
            overrides=(
                *top.overrides,
                *read_overrides(
                    overrides or (), overrides_at, axes=axes, images=images, reader=reader
                ),
            ),
            parent=_parent(parent, parent_at, name, along, axes, reader),
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
            template=reader.text(template or "", template_at),
            fields=merge(below, read_fields(options, route, reader)),
            route=route,
        )
    return found


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


def _parent(
    options: ParentOptions | None,
    route: Route,
    name: str,
    along: Mapping[str, tuple[Axis, ...]],
    axes: Mapping[str, Axis],
    reader: Reader,
) -> Parent | None:
    """Read `from`: the parent has the child's values, and the fixed values of its other axes."""
    if options is None:
        return None
    if options.image not in along:
        if not reader.valid.is_removed(("images",)):
            reader.problem(
                Code.UNKNOWN_IMAGE,
                f"no image is named {options.image!r}",
                route,
                did_you_mean(options.image, along, otherwise=f"images are {listed(along)}"),
            )
        return None
    fixed = None
    if options.with_ is not None:
        at = (*route, "with")
        fixed = read_pattern(options.with_, at, axes=axes, images=(), reader=reader)
    parent = Parent(image=options.image, fixed=fixed, route=route)
    if not any(_axes_are_unknown(image, reader) for image in (name, options.image)):
        _check_fixed(parent, options.with_ or {}, name, along, axes, reader)
        _check_parent_axes(parent, options.with_ or {}, name, along, reader)
    return parent


def _check_fixed(
    parent: Parent,
    raw: RawPattern,
    name: str,
    along: Mapping[str, tuple[Axis, ...]],
    axes: Mapping[str, Axis],
    reader: Reader,
) -> None:
    """Check that `with` names axes that only the parent has."""
    own = {axis.name for axis in along[name]}
    of_parent = {axis.name for axis in along[parent.image]}
    for named in raw:
        wrong = _not_of_the_parent_alone(named, name, parent.image, own, of_parent)
        if wrong and (named in axes or named == "image"):
            help_ = "`with` names axes that only the parent has"
            at = (*parent.route, "with", named)
            reader.problem(Code.PARENT_AXIS, wrong, at, help_, key=True)


def _check_parent_axes(
    parent: Parent,
    raw: RawPattern,
    name: str,
    along: Mapping[str, tuple[Axis, ...]],
    reader: Reader,
) -> None:
    """Check that each axis of the parent has a value: that of the child, or one of `with`."""
    own = {axis.name for axis in along[name]}
    for axis in along[parent.image]:
        known = [value.text for value in axis.values]
        if parent.fixed is not None and axis.name in parent.fixed.matchers:
            words = [spelling(word) for word in raw[axis.name]]
            if not parent.fixed.matchers[axis.name].values and not match(words, known).faults:
                reader.problem(
                    Code.PARENT_AXIS,
                    f"the parent {parent.image!r} has no such {axis.name!r}",
                    (*parent.route, "with", axis.name),
                    f"its values are {listed(known)}",
                )
        if axis.name not in own and axis.name not in raw:
            reader.problem(
                Code.PARENT_AXIS,
                f"the {axis.name!r} of the parent {parent.image!r} is not determined",
                parent.route,
                f"add the axis to {name!r}, or fix its value: "
                f"{{image: {parent.image}, with: {{{axis.name}: {known[0]}}}}}"
                if known
                else "",
            )


def _axes_are_unknown(name: str, reader: Reader) -> bool:
    """Return whether the axes of an image are invalid."""
    lists = (("images", name, "axes"), ("defaults", "axes"), ("axes",))
    return not all(map(reader.is_sound, lists))


def _not_of_the_parent_alone(
    named: str, child: str, parent: str, mine: Collection[str], its: Collection[str]
) -> str:
    """Return why `with` must not contain a name; empty if it may."""
    if named == "image":
        return f"'image' is not an axis; the parent is {parent!r}"
    if named in mine:
        return f"{child!r} has the axis {named!r} as well"
    return "" if named in its else f"the parent {parent!r} lacks the axis {named!r}"


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
