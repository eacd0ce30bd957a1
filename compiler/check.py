"""What bake takes in silence and we do not: names, tags, platforms, contexts, links."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from compiler.errors import CompileError, Diagnostic, Location, Problems, did_you_mean
from compiler.expand import Variant
from compiler.fields import Rendered
from compiler.files import FileError, Files
from compiler.matrix import Image, Matrix
from compiler.names import MAX_FILE_NAME
from compiler.reference import KNOWN_PLATFORMS, canonical_platform, canonical_tag
from compiler.source import Route
from compiler.text import Interpolated, Text, interpolate, references
from compiler.text import resolve as resolve_text


if TYPE_CHECKING:
    from compiler.resolve import Target


class Checks:
    """Checks targets one by one, and each against those before it."""

    def __init__(self, matrix: Matrix, files: Files, problems: Problems) -> None:
        self._matrix, self._files, self._problems = matrix, files, problems
        self._values = {
            name: variable.resolved or name.lower() for name, variable in matrix.variables.items()
        }
        self._names: dict[str, tuple[str, Variant]] = {}
        self._tags: dict[str, tuple[str, Image, str, str, Mapping[str, Any]]] = {}
        self._contexts: set[tuple[str, str]] = set()
        self._met: dict[tuple[str, int, int], object] = {}
        self._told: dict[tuple[object, ...], str] = {}
        self._narrowed: dict[tuple[Any, ...], tuple[Interpolated, ...]] = {}

    def target(
        self, name: str, variant: Variant, fields: dict[str, Rendered], scope: Mapping[str, Any]
    ) -> None:
        """Check one target, and narrow its platforms to what its values allow."""
        self._name(name, variant)
        self._tags_of(name, variant.image, fields.get("tags", ()), scope)  # type: ignore[arg-type]
        self._platforms(name, variant, fields, scope)
        self._context(name, variant.image, fields)

    def links(self, targets: list["Target"]) -> None:
        """Check that each `target:` among the contexts of a target names another target."""
        names = {target.name for target in targets}
        seen: set[int] = set()
        for target in targets:
            contexts = target.fields.get("contexts")
            if contexts is None or id(contexts) in seen:
                continue
            seen.add(id(contexts))
            for key, value in contexts.items():  # type: ignore[union-attr]
                linked = value.removeprefix("target:")
                if linked != value and not references(value) and linked not in names:
                    self._problem(
                        "unknown-target",
                        f"no target is named {linked!r}",
                        self._place(self._matrix.images[target.image], "contexts", str(key)),
                        did_you_mean(linked, sorted(names)),
                        target.name,
                    )

    def _problem(
        self,
        code: str,
        message: str,
        location: Location,
        help_: str = "",
        variant: str | None = None,
        related: tuple[tuple[str, Location], ...] = (),
    ) -> None:
        self._problems.add(
            Diagnostic(code=code, message=message, location=location, help=help_, related=related),
            variant,
        )

    def _place(self, image: Image, field: str, *inner: str | int) -> Location:
        """Return the place of a field, `defaults` included; without one, the image's."""
        if field not in image.fields:
            return self._matrix.source.locate(image.route, key=True)
        return self._matrix.source.locate((*image.fields[field].route, *inner))

    def _name(self, name: str, variant: Variant) -> None:
        image = variant.image
        # Files of names that differ in case only are one file on macOS.
        first = self._names.setdefault(name.lower(), (name, variant))
        if first[1] is not variant:
            other = first[1]
            here, there = self._apart(variant, other)
            if self._is_new("name-collision", here, there):
                self._problem(
                    "name-collision",
                    f"{_described(other)} and {_described(variant)} would both be target {name!r}"
                    if first[0] == name
                    else f"targets {first[0]!r} and {name!r} differ in case only",
                    here,
                    "give one of their values another `tag`",
                    related=(("the other one", there),),
                )
        if len(f"{name}.Dockerfile") > MAX_FILE_NAME:
            place = self._matrix.source.locate(image.route, key=True)
            if self._is_new("name-too-long", place):
                self._problem(
                    "name-too-long",
                    f"the file name of target '{name[:40]}...' is over {MAX_FILE_NAME} bytes",
                    place,
                    "give its values shorter `tag`s",
                )

    def _apart(self, variant: Variant, other: Variant) -> tuple[Location, Location]:
        """Return what tells two variants apart: a value of each, or their images."""
        locate = self._matrix.source.locate
        if variant.image is other.image:
            for mine, its in zip(variant.values, other.values, strict=True):
                if mine is not its:
                    return locate(mine.route, key=True), locate(its.route, key=True)
        return locate(variant.image.route, key=True), locate(other.image.route, key=True)

    def _is_new(self, *fault: object) -> bool:
        """Tell whether a fault is met for the first time, however many variants show it."""
        if fault in self._told:
            return False
        self._told[fault] = ""
        return True

    def _tags_of(
        self, name: str, image: Image, tags: tuple[Interpolated, ...], scope: Mapping[str, Any]
    ) -> None:
        for tag in tags:
            full = canonical_tag(resolve_text(tag, self._values))
            if full is None:
                place = self._entry(image, "tags", tag, scope)
                message = f"{str(tag)!r} is no legal tag"
                self._problem(
                    "illegal-tag",
                    self._told.setdefault(("illegal-tag", place), message),
                    place,
                    "[REGISTRY/]name[:tag]: a lower-case name, a tag of at most 128 letters, "
                    "digits, `_`, `.`, `-`",
                    name,
                )
                continue
            first = self._tags.get(full)
            if first is None:
                self._tags[full] = (name, image, "tags", tag, scope)
            elif first[0] != name:
                place, other = self._entry(image, "tags", tag, scope), self._entry(*first[1:])
                if self._is_new("duplicate-tag", place, other):
                    self._problem(
                        "duplicate-tag",
                        f"targets {first[0]!r} and {name!r} are both tagged {str(tag)!r}",
                        place,
                        "tell them apart, for instance by {{ variant }}",
                        related=(("the other one", other),) if other != place else (),
                    )

    def _entry(self, image: Image, field: str, wanted: str, scope: Mapping[str, Any]) -> Location:
        """Return the place of the entry of a list that renders to this."""
        given = image.fields[field].value
        for n, entry in enumerate(given if isinstance(given, tuple) else ()):
            if isinstance(entry, Text):
                rendered = interpolate(entry, entry.render(scope), self._values)
                if wanted in (rendered, *rendered.split()):
                    return self._place(image, field, n)
        return self._place(image, field)

    def _platforms(
        self, name: str, variant: Variant, fields: dict[str, Rendered], scope: Mapping[str, Any]
    ) -> None:
        given: tuple[Interpolated, ...] = fields.get("platforms", ())  # type: ignore[assignment]
        narrowing = tuple(value for value in variant.values if value.platforms is not None)
        if not given and not narrowing:
            return
        key = (variant.image, given, narrowing)
        left = self._narrowed.get(key)
        if left is None:
            left = self._narrow(name, variant, given, scope)
            if all(text.constant is not None for v in narrowing for text in v.platforms or ()):
                self._narrowed[key] = left
        if left:
            fields["platforms"] = left

    def _narrow(
        self,
        name: str,
        variant: Variant,
        given: tuple[Interpolated, ...],
        scope: Mapping[str, Any],
    ) -> tuple[Interpolated, ...]:
        image = variant.image
        place = self._place(image, "platforms")
        left = self._known(given, lambda n: self._entry(image, "platforms", given[n], scope))
        for value in variant.values:
            if value.platforms is None:
                continue
            try:
                texts = tuple(
                    interpolate(text, text.render(scope), self._values) for text in value.platforms
                )
            except CompileError as error:
                self._problems.extend(error.diagnostics, name)
                break
            route = (*value.route, "platforms")
            at = self._matrix.source.locate(route)
            allowed = self._known(texts, partial(self._nth, route))
            before = left
            left = (
                {full: text for full, text in left.items() if full in allowed} if given else allowed
            )
            if not left and (before or not given) and (allowed or not texts):
                self._problem(
                    "no-platform",
                    "the values leave no platform",
                    at,
                    "widen it, or exclude the combination",
                    name,
                    related=(("narrows these", place),) if given else (),
                )
                break
        return tuple(left.values())

    def _nth(self, route: Route, n: int) -> Location:
        return self._matrix.source.locate((*route, n))

    def _known(
        self, texts: tuple[Interpolated, ...], place: Callable[[int], Location]
    ) -> dict[str, Interpolated]:
        """Return canonical platform -> as written; what BuildKit does not know is a problem."""
        found: dict[str, Interpolated] = {}
        for n, text in enumerate(texts):
            plain = resolve_text(text, self._values)
            full = canonical_platform(plain)
            if full is None:
                self._problem(
                    "unknown-platform",
                    f"there is no platform {plain!r}",
                    place(n),
                    near_platform(plain),
                )
            elif full in found:
                self._problem(
                    "duplicate-value",
                    f"the platform {plain!r} is listed twice",
                    place(n),
                    "remove one",
                )
            else:
                found[full] = text
        return found

    def _context(self, name: str, image: Image, fields: Mapping[str, Rendered]) -> None:
        # Fields that no variant decides are the same objects for all variants.
        met = (image.name, id(fields.get("context")), id(fields.get("contexts")))
        if met in self._met:
            return
        self._met[met] = fields
        paths = {"": fields.get("context", Interpolated("."))}
        paths.update(fields.get("contexts", {}))  # type: ignore[arg-type]
        for key, path in paths.items():
            asked = (image.name, f"{key}={path}")
            if asked in self._contexts:
                continue
            self._contexts.add(asked)
            plain = resolve_text(str(path), self._values)
            if "://" in plain or plain.startswith(("target:", "git@")):
                continue
            try:
                self._files.require_folder(plain)
            except FileError as error:
                at = ("contexts", str(key)) if key else ("context",)
                self._problems.add(error.at(self._place(image, *at)), name)


_MACHINES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386"}


def near_platform(text: str) -> str:
    """Return help for a platform that is not known: others name the same machine otherwise.

    >>> near_platform("linux/x86_64")
    "did you mean 'linux/amd64'?"
    """
    system, _, machine = text.rpartition("/")
    name = f"{system or 'linux'}/{_MACHINES.get(machine, machine)}"
    if canonical_platform(name) is not None:
        return f"did you mean {name!r}?"
    return did_you_mean(text, KNOWN_PLATFORMS, otherwise="write it as linux/amd64")


def _described(variant: Variant) -> str:
    values = ", ".join(
        f"{axis.name}={value.text}"
        for axis, value in zip(variant.image.axes, variant.values, strict=True)
    )
    return f"{variant.image.name} ({values})" if values else variant.image.name
