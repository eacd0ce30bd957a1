"""The origin of each value of a variant: the level that sets it, and the values it replaces.

Takes a `Matrix` and a target; returns a `Given` for each value, in the order of levels and keys in
matrix.yaml.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from compiler.errors import Location
from compiler.matrix.bake_strings import interpolate
from compiler.matrix.field_table import MERGED
from compiler.matrix.matrix import (
    Field,
    Image,
    ImagePart,
    Matrix,
    Override,
    TagLists,
    Value,
    WrittenTests,
)
from compiler.matrix.pattern import holds, rule
from compiler.matrix.strings import TemplateString
from compiler.source.document import Route
from compiler.targets.field_rendering import Rendered, renderer
from compiler.targets.image_tests import ImageTest, render_tests
from compiler.targets.target import Target


class Given(NamedTuple):
    """A value of a variant, and the level that sets it."""

    name: str
    """A field of an image, or `set`."""
    key: str
    """The name in a mapping or `set`, or `moving` of shared or platform tags; otherwise empty."""
    value: Any
    """The rendered value, or None if it renders to an empty string. A replaced value is as written.
    """
    level: str
    """`top level`, `defaults`, `image NAME`, `AXIS=VALUE`, `row` or `override`."""
    place: Location | None
    replaces: tuple["Given", ...] = ()
    """The values that it replaces, the nearest level first."""


class Level(NamedTuple):
    """A mapping of matrix.yaml that applies to a variant."""

    name: str
    route: Route


def matching(
    image: Image, overrides: Sequence[Override], values: Sequence[Value]
) -> list[Override]:
    """Return the rows or overrides of an image that match a variant, in their order."""
    return [
        override
        for override in overrides
        if (pattern := rule(override.when, image)) is not None and holds(pattern, values)
    ]


def written(matrix: Matrix, route: Route) -> Any:
    """Return the value at a location of matrix.yaml; None if there is none."""
    value = matrix.source.data
    for step in route:
        if isinstance(value, list) and isinstance(step, int):
            value = value[step] if step < len(value) else None
        elif isinstance(value, dict):
            value = value.get(step)
        else:
            return None
    return value


class Origins:
    """Looks up the origin of each value of one target."""

    def __init__(self, matrix: Matrix, target: Target) -> None:
        self._matrix, self._target = matrix, target
        self._image = image = matrix.images[target.image]
        self._image_levels = [
            Level("defaults", ("defaults",)),
            *_levels_of_part(image, matrix),
            _level_of(image),
        ]
        self._own = [
            Level(f"{axis.name}={value.text}", value.route)
            for axis, value in zip(image.axes, target.values, strict=True)
        ]
        self._changing = [
            *(Level("row", row.route) for row in matching(image, image.rows or (), target.values)),
            *(
                Level("override", override.route)
                for override in matching(image, image.overrides, target.values)
            ),
        ]

    def settings(self) -> tuple[Given, ...]:
        """Return every `set` name with its value for this target."""
        levels = [Level("top level", ()), *self._image_levels, *self._own, *self._changing]
        names: dict[str, list[Level]] = {}
        for level in levels:
            names_of_level = written(self._matrix, (*level.route, "set"))
            for name in names_of_level if isinstance(names_of_level, dict) else ():
                names.setdefault(name, []).append(level)
        return tuple(
            self._entry(("set", name), chain, "set", name, self._target.scope[name])
            for name, chain in names.items()
        )

    def template(self) -> Given:
        """Return the value that names the template, or the existing Dockerfile."""
        named = [
            (level, key)
            for level in (*self._image_levels, *self._own, *self._changing)
            for key in ("template", "dockerfile")
            if written(self._matrix, (*level.route, key)) is not None
        ]
        (last, name), *below = reversed(named)
        target = self._target
        value = target.dockerfile if target.is_existing else target.template
        former = tuple(self._former((key,), level, key) for level, key in below)
        return Given(name, "", value, last.name, self._place((*last.route, name)), former)

    def fields(self) -> tuple[Given, ...]:
        """Return every field, in bake's order: a list by its entries, a mapping by its keys."""
        fields = self._target.spec.written
        return tuple(entry for field in fields.values() for entry in self._field(field))

    def aliases(self) -> tuple[Given, ...]:
        """Return the aliases of this variant."""
        image, scope, variables = self._image, self._target.scope, self._matrix.variables
        return tuple(
            Given(
                "aliases",
                "",
                interpolate(alias.tag, alias.tag.render(scope), variables),
                next(
                    level.name
                    for level in self._image_levels
                    if alias.tag.route[: len(level.route)] == level.route
                ),
                alias.tag.locate(),
            )
            for alias in image.aliases
            if (pattern := rule(alias.pattern, image)) is not None
            and holds(pattern, self._target.values)
        )

    def narrowing(self) -> tuple[Given, ...]:
        """Return the platforms that axis values allow, with their origins."""
        scope, variables = self._target.scope, self._matrix.variables
        return tuple(
            Given(
                "platforms",
                "",
                tuple(
                    interpolate(text, item, variables)
                    for text in value.platforms
                    for item in text.items(scope)
                ),
                level.name,
                self._place((*level.route, "platforms")),
            )
            for level, value in zip(self._own, self._target.values, strict=True)
            if value.platforms is not None
        )

    def _field(self, field: Field) -> Iterator[Given]:
        name, value = field.name, field.value
        if isinstance(value, tuple):
            yield from self._entries(field, value)
        elif isinstance(value, TagLists):
            yield from self._tag_lists(field, value)
        elif isinstance(value, WrittenTests):
            yield from self._tests(field, value)
        elif name in MERGED and not isinstance(value, bool | str):
            for key in value:  # type: ignore[union-attr]
                item = Field(name=name, value={key: value[key]}, route=field.route)  # type: ignore[index]
                shown, text = self._pair(self._rendered(item))
                yield self._entry((name, key), self._levels(name, key), name, shown, text)
        else:
            rendered = self._rendered(field)
            shown_value = None if rendered == "" else rendered
            yield self._entry((name,), self._levels(name), name, "", shown_value)

    def _entries(self, field: Field, entries: tuple[Any, ...]) -> Iterator[Given]:
        """Yield the entries of a list; the last one carries the lists that were replaced."""
        last, *below = reversed(self._levels(field.name))
        former = tuple(self._former((field.name,), level, field.name) for level in below)
        values = []
        for n, entry in enumerate(entries):
            item = Field(name=field.name, value=(entry,), route=field.route)
            rendered: Any = self._rendered(item)
            place = self._place((*last.route, field.name, n))
            values += [
                Given(field.name, "", text, last.name, place) for text in rendered or (None,)
            ]
        if not values:
            place = self._place((*last.route, field.name))
            values = [Given(field.name, "", None, last.name, place)]
        yield from values[:-1]
        yield values[-1]._replace(replaces=former)

    def _tag_lists(self, field: Field, lists: TagLists) -> Iterator[Given]:
        """Yield the tags of `shared` or `platform-tags`: version tags, then floating tags.

        Tags are as the field renders them, of all platforms that the target has.
        """
        last, *below = reversed(self._levels(field.name))
        values = [
            Given(field.name, "moving" if moving else "", text, last.name, entry.locate())
            for entries, moving in ((lists.tags, False), (lists.moving, True))
            for entry in entries
            for text in self._rendered_tags(field, entry)
        ] or [Given(field.name, "", None, last.name, self._place((*last.route, field.name)))]
        former = tuple(self._former((field.name,), level, field.name) for level in below)
        yield from values[:-1]
        yield values[-1]._replace(replaces=former)

    def _tests(self, field: Field, tests: WrittenTests) -> Iterator[Given]:
        """Yield the tests of the image, each with what it checks."""
        last, *below = reversed(self._levels(field.name))
        values = []
        for entry in tests.entries:
            place = self._matrix.source.locate(entry.route)
            rendered = render_tests([entry], self._target.scope, self._matrix.variables)
            values += [
                Given(field.name, _tested(test), test.value, last.name, place) for test in rendered
            ] or [Given(field.name, "", None, last.name, place)]
        if not values:
            place = self._place((*last.route, field.name))
            values = [Given(field.name, "", None, last.name, place)]
        former = tuple(self._former((field.name,), level, field.name) for level in below)
        yield from values[:-1]
        yield values[-1]._replace(replaces=former)

    def _rendered_tags(self, field: Field, entry: TemplateString) -> list[str | None]:
        """Return what an entry renders to, for each platform if it is one of `platform-tags`."""
        item = Field(name=field.name, value=(entry,), route=field.route)
        scopes: list[dict[str, Any]] = [{}]
        if field.name == "platform-tags":
            scopes = [{"platform": tags.platform} for tags in self._target.platform_tags]
        texts: list[str | None] = []
        for scope in scopes:
            rendered: Any = self._rendered(item, scope)
            texts += rendered
        return [*dict.fromkeys(texts)] or [None]

    def _rendered(self, field: Field, scope: Mapping[str, Any] = MappingProxyType({})) -> Rendered:
        return renderer(field, self._matrix.variables)({**self._target.scope, **scope})

    @staticmethod
    def _pair(rendered: Any) -> tuple[str, str]:
        """Return the one key of a rendered mapping, and its value; annotations are a list."""
        if isinstance(rendered, tuple):
            key, _, text = rendered[0].partition("=")
            return key, text
        return next(iter(rendered.items()))  # type: ignore[no-any-return]

    def _levels(self, *steps: str) -> list[Level]:
        """Return the levels that set a field or a key; the last one takes effect."""
        # `platforms` of an axis value narrows; `narrowing` returns it.
        own = () if steps == ("platforms",) else self._own
        return [
            level
            for level in (*self._image_levels, *own, *self._changing)
            if written(self._matrix, (*level.route, *steps)) is not None
        ]

    def _entry(
        self, steps: tuple[str, ...], chain: list[Level], name: str, key: str, value: Any
    ) -> Given:
        last, *below = reversed(chain)
        former = tuple(self._former(steps, level, name, key) for level in below)
        return Given(name, key, value, last.name, self._place((*last.route, *steps)), former)

    def _former(self, steps: tuple[str, ...], level: Level, name: str, key: str = "") -> Given:
        route = (*level.route, *steps)
        return Given(name, key, written(self._matrix, route), level.name, self._place(route))

    def _place(self, route: Route) -> Location:
        return self._matrix.source.locate(route, key=True)


def _levels_of_part(image: Image, matrix: Matrix) -> list[Level]:
    """Return the levels of the part that declares an image, if one does."""
    if image.part is None:
        return []
    route: Route = ("include", image.part)
    path = matrix.source.locate(route).path
    return [Level(path, route), Level(f"defaults of {path}", (*route, "defaults"))]


def _tested(test: ImageTest) -> str:
    """Return what a test checks; nothing for a command, and the key of a label."""
    return "" if test.part is ImagePart.SHELL else " ".join(filter(None, (test.part, test.key)))


def _level_of(image: Image) -> Level:
    return Level(f"image {image.name}", image.route)
