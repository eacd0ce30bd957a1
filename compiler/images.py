"""The images: `defaults` merged in, every string compiled, every file that they name looked up."""

from collections.abc import Collection, Mapping
from typing import Any

from compiler.errors import did_you_mean
from compiler.matrix import Axis, Entry, Field, Image, Pattern, Setting
from compiler.model import ImageOptions
from compiler.names import IMAGE, safe
from compiler.pattern import read_pattern
from compiler.reader import Reader
from compiler.source import Route
from compiler.text import Text


FIELDS = (
    *("description", "annotations", "attest", "context", "contexts", "args", "labels", "tags"),
    *("cache-from", "cache-to", "target", "secret", "ssh", "platforms", "output", "pull"),
    *("no-cache", "network", "no-cache-filter", "shm-size", "ulimits", "entitlements"),
    "extra-hosts",
)
"""The fields of an image that end up in the bake file, in bake's own order (bake.go, Target)."""

MERGED = frozenset({"annotations", "args", "contexts", "extra-hosts", "labels"})
"""Fields that merge by key; all others are replaced."""

_ATTRIBUTES = {(info.alias or name): name for name, info in ImageOptions.model_fields.items()}


def read_images(
    images: Mapping[str, ImageOptions],
    defaults: ImageOptions,
    *,
    top_exclude: tuple[Pattern, ...],
    top_settings: Mapping[str, Setting],
    axes: Mapping[str, Axis],
    reader: Reader,
) -> dict[str, Image]:
    """Read `images`, each over `defaults` over the top level."""
    if not images and not reader.problems:
        reader.problem(
            "no-images", "no image is declared", ("images",), "name at least one", key=True
        )
    _check_names(images, reader)
    below = {**top_settings, **reader.settings(defaults.set, ("defaults", "set"))}
    fields = _fields(defaults, ("defaults",), reader)
    found = {}
    for name, options in images.items():
        route: Route = ("images", name)
        chosen = {
            key: (options, route)
            if getattr(options, key) is not None
            else (defaults, ("defaults",))
            for key in ("axes", "exclude", "template")
        }
        given, at = chosen["axes"]
        along = _axes(given.axes, (*at, "axes"), axes, reader)
        given, at = chosen["exclude"]
        exclude = tuple(
            read_pattern(row, (*at, "exclude", n), axes=axes, images=images, reader=reader)
            for n, row in enumerate(given.exclude or [])
        )
        given, at = chosen["template"]
        if given.template is None:
            reader.problem(
                "missing-key",
                f"image {name!r} has no template",
                route,
                "name a file of templates/: `template: Dockerfile.j2`, here or in `defaults`",
                key=True,
            )
        found[name] = Image(
            name=name,
            axes=along,
            exclude=(*top_exclude, *exclude),
            settings={**below, **reader.settings(options.set, (*route, "set"))},
            template=reader.text(given.template or "", (*at, "template")),
            fields=_merged(fields, _fields(options, route, reader)),
            route=route,
        )
    return found


def _check_names(images: Collection[str], reader: Reader) -> None:
    first: dict[str, str] = {}
    for name in images:
        if not IMAGE.match(name):
            reader.problem(
                "bad-image-name",
                f"{name!r} is no name for an image",
                ("images", name),
                "use letters, digits, `-`, `_` and `.`, and begin with a letter or digit",
                key=True,
            )
        other = first.setdefault(safe(name), name)
        if other != name:
            reader.problem(
                "name-collision",
                f"images {other!r} and {name!r} both become {safe(name)!r} in bake",
                ("images", name),
                "rename one of them",
                key=True,
                related=(("the other one", reader.source.locate(("images", other), key=True)),),
            )


def _axes(
    names: list[str] | None, route: Route, axes: Mapping[str, Axis], reader: Reader
) -> tuple[Axis, ...]:
    if names is None:
        return tuple(axes.values())
    found: dict[str, Axis] = {}
    for n, name in enumerate(names):
        if name not in axes:
            reader.problem(
                "unknown-axis",
                f"no axis is named {name!r}",
                (*route, n),
                did_you_mean(name, axes, otherwise=f"the axes are {', '.join(axes)}"),
            )
        elif name in found:
            reader.problem(
                "duplicate-value", f"axis {name!r} is listed twice", (*route, n), "remove one"
            )
        else:
            found[name] = axes[name]
    return tuple(found.values())


def _fields(options: ImageOptions, route: Route, reader: Reader) -> dict[str, Field]:
    found = {}
    for name in FIELDS:
        raw = getattr(options, _ATTRIBUTES[name])
        if raw is not None:
            at = (*route, name)
            found[name] = Field(name=name, value=_compiled(raw, at, reader), route=at)
    return found


def _compiled(raw: Any, route: Route, reader: Reader) -> Any:
    """Compile the strings of a field."""
    if isinstance(raw, str):
        return reader.text(raw, route, bake=True)
    if isinstance(raw, list):
        return tuple(_entry(item, (*route, n), reader) for n, item in enumerate(raw))
    if isinstance(raw, dict):
        return dict(zip(raw, _pairs(raw, route, reader), strict=True))
    return raw


def _entry(raw: str | dict[str, str], route: Route, reader: Reader) -> Entry:
    if isinstance(raw, str):
        return reader.text(raw, route, bake=True)
    return _pairs(raw, route, reader)


def _pairs(raw: Mapping[str, str], route: Route, reader: Reader) -> tuple[tuple[Text, Text], ...]:
    return tuple(
        (
            reader.text(key, (*route, key), bake=True, key=True),
            reader.text(value, (*route, key), bake=True),
        )
        for key, value in raw.items()
    )


def _merged(below: Mapping[str, Field], above: Mapping[str, Field]) -> dict[str, Field]:
    """Lay an image's fields over the defaults, in bake's order."""
    found = {}
    for name in FIELDS:
        field = above.get(name, below.get(name))
        if field is None:
            continue
        if name in MERGED and name in above and name in below:
            both = {**below[name].value, **above[name].value}  # type: ignore[dict-item]
            field = Field(name=name, value=both, route=field.route)
        found[name] = field
    return found
