"""The images: `defaults` merged in, and every string compiled."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import NamedTuple

from compiler.codes import Code
from compiler.errors import nearest
from compiler.matrix.build_fields import merge, read_fields, read_overrides, read_source
from compiler.matrix.matrix import Alias, Axis, Field, Image, Override, Parent, Pattern, Setting
from compiler.matrix.model import ImageOptions
from compiler.matrix.model import Pattern as RawPattern
from compiler.matrix.names import IMAGE, near_axis, no_axis, safe
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


class _Own(NamedTuple):
    """What a level itself sets of the keys that replace the value of a lower level as a whole."""

    written: AbstractSet[str] = frozenset()
    """The keys that it contains; null removes the value of a lower level."""
    axes: tuple[Axis, ...] | None = None
    only: tuple[Pattern, ...] | None = None
    exclude: tuple[Pattern, ...] = ()
    rows: tuple[Override, ...] | None = None
    overrides: tuple[Override, ...] = ()
    aliases: tuple[Alias, ...] = ()
    parent: Parent | None = None
    source: TemplateString | None = None
    """The template, or the existing Dockerfile."""


class _Levels(NamedTuple):
    """What images of one file have in common."""

    own: tuple[_Own, ...] = ()
    """`defaults`, the highest level first."""
    exclude: tuple[Pattern, ...] = ()
    overrides: tuple[Override, ...] = ()
    settings: Mapping[str, Setting] = MappingProxyType({})
    fields: Mapping[str, Field] = MappingProxyType({})
    axes: tuple[Axis, ...] = ()
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
        part: tuple(axis for axis in axes.values() if owners.get(axis.route) in (None, part))
        for part in (None, *range(len(parts)))
    }
    level_reader = _LevelReader(axes, images, reader)
    levels: dict[int | None, _Levels] = {None: level_reader.raised(_Levels(), top, own_axes[None])}
    for n, part in enumerate(parts):
        levels[n] = level_reader.raised(levels[None], part, own_axes[n])
    by_name = {}
    for name, options in images.items():
        owner = owners.get(("images", name))
        by_name[name] = level_reader.image(name, options, levels[owner], owner)
    check_parents(by_name, reader)
    _check_templates(by_name.values(), reader)
    return by_name


class _LevelReader:
    """Reads images and the levels below them; each level once, whether an image inherits it."""

    def __init__(
        self, axes: Mapping[str, Axis], images: Mapping[str, ImageOptions], reader: Reader
    ) -> None:
        self._axes, self._images, self._reader = axes, images, reader

    def raised(self, below: _Levels, level: TopLevel, axes: tuple[Axis, ...]) -> _Levels:
        """Return the levels of a file: those below it, and its own."""
        route = (*level.route, "defaults")
        return _Levels(
            own=(self._own(level.defaults, route), *below.own),
            exclude=(*below.exclude, *level.exclude),
            overrides=(*below.overrides, *level.overrides),
            settings={
                **below.settings,
                **level.settings,
                **self._reader.settings(level.defaults.set, (*route, "set")),
            },
            fields=merge(below.fields, read_fields(level.defaults, route, self._reader)),
            axes=axes,
        )

    def image(self, name: str, options: ImageOptions, below: _Levels, part: int | None) -> Image:
        """Read one image, above the levels of its file."""
        route: Route = ("images", name)
        chain = (self._own(options, route), *below.own)
        axes, parent = _chosen(chain, "axes").axes, _chosen(chain, "from_").parent
        return Image(
            name=name,
            axes=below.axes if axes is None else axes,
            only=_chosen(chain, "only").only,
            exclude=(*below.exclude, *_chosen(chain, "exclude").exclude),
            rows=_chosen(chain, "rows").rows,
            overrides=(*below.overrides, *_chosen(chain, "overrides").overrides),
            parent=None if parent is None or parent.image is None else parent,
            aliases=_chosen(chain, "aliases").aliases,
            settings={**below.settings, **self._reader.settings(options.set, (*route, "set"))},
            template=_chosen(chain, "template", "dockerfile").source,
            fields=merge(below.fields, read_fields(options, route, self._reader)),
            route=route,
            part=part,
        )

    def _own(self, options: ImageOptions, route: Route) -> _Own:
        """Read the keys of a level that replace those of a lower level."""
        axes, images, reader = self._axes, self._images, self._reader
        at = (*route, "aliases")
        return _Own(
            written=options.written,
            axes=_axes(options.axes, (*route, "axes"), axes, reader),
            only=self._patterns(options.only, (*route, "only")),
            exclude=self._patterns(options.exclude, (*route, "exclude")) or (),
            rows=None
            if options.rows is None
            else read_rows(options.rows, (*route, "rows"), axes=axes, images=images, reader=reader),
            overrides=read_overrides(
                options.overrides or (),
                (*route, "overrides"),
                axes=axes,
                images=images,
                reader=reader,
            ),
            aliases=tuple(
                Alias(
                    tag=reader.text(tag, (*at, tag), bake=True, key=True),
                    pattern=read_pattern(raw, (*at, tag), axes=axes, images=images, reader=reader),
                )
                for tag, raw in (options.aliases or {}).items()
            ),
            parent=read_parent(options, route, axes=axes, images=images, reader=reader),
            source=read_source(options, route, reader),
        )

    def _patterns(
        self, rows: Sequence[RawPattern] | None, route: Route
    ) -> tuple[Pattern, ...] | None:
        """Read a list of patterns; None if there is none."""
        if rows is None:
            return None
        return tuple(
            read_pattern(
                row, (*route, n), axes=self._axes, images=self._images, reader=self._reader
            )
            for n, row in enumerate(rows)
        )


def _chosen(chain: Iterable[_Own], *names: str) -> _Own:
    """Return the highest level that contains one of these keys, if only with null."""
    return next((own for own in chain if not own.written.isdisjoint(names)), _Own())


def _check_templates(images: Iterable[Image], reader: Reader) -> None:
    """Report images that name a template nowhere, not even for some variants."""
    for image in images:
        named = (image.template, *(change.template for change in image.changes()))
        # A removed key may have been the template.
        lost = any(map(reader.valid.is_emptied, (image.route, ("defaults",), ("include",))))
        if not any(named) and not lost:
            reader.problem(
                Code.MISSING_KEY,
                f"image {image.name!r} has no template",
                image.route,
                "add `template:` or `dockerfile:` with the name of a file, here or in `defaults`",
                key=True,
            )


def _check_names(images: Mapping[str, ImageOptions], reader: Reader) -> None:
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
) -> tuple[Axis, ...] | None:
    """Return the axes that a level lists; None if it lists none."""
    if names is None:
        return None
    used: dict[str, Axis] = {}
    for n, name in enumerate(names):
        if name not in axes:
            if reader.valid.is_removed(("axes",)):
                continue
            reader.problem(
                Code.UNKNOWN_AXIS,
                no_axis(name),
                (*route, n),
                near_axis(nearest(name, axes), axes),
            )
        elif name in used:
            reader.problem(
                Code.DUPLICATE_VALUE, f"axis {name!r} is listed twice", (*route, n), "remove one"
            )
        else:
            used[name] = axes[name]
    return tuple(used.values())
