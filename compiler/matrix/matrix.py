"""The checked form of matrix.yaml: axes, values, rules and images, with compiled strings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import Any, TypeAlias

from compiler.errors import Diagnostic, Problems
from compiler.external.signer import Signer
from compiler.matrix.bake_strings import variables_in
from compiler.matrix.derivation import Derivation
from compiler.matrix.model import Scalar
from compiler.matrix.strings import TemplateString
from compiler.matrix.unknown import Unknown
from compiler.matrix.verified_bases import VerifiedBases
from compiler.source.document import Route, Source


Entry: TypeAlias = TemplateString | tuple[tuple[TemplateString, TemplateString], ...]
"""One entry of a list field: text, or the pairs of `key=value,key=value`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A name of a `set`, with its value for templates."""

    name: str
    tree: Any
    """The value as YAML, each string with Jinja a `TemplateString`; `UNKNOWN` if it is invalid."""
    constant: bool
    """Whether no string in it contains Jinja."""
    names: frozenset[str] = frozenset()
    """The names that its Jinja uses."""
    route: Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Matcher:
    """The values of one axis that a pattern matches."""

    values: frozenset[int]
    """Indexes of values of the axis."""
    lacking: bool
    """Whether it matches an image without the axis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """Matchers by axis; all must match."""

    matchers: Mapping[str, Matcher]
    images: frozenset[str] | None
    """The images that it matches; None for all."""
    route: Route


def references(default: str, derivation: Derivation | None) -> tuple[str, ...]:
    """Return the variables on which the value of a variable depends directly."""
    return variables_in(default) if derivation is None else (derivation.source,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A bake variable."""

    name: str
    default: str
    """The default in bake's syntax; it may refer to other variables. Empty if it is derived."""
    resolved: str
    """The value if the environment sets no variable; empty if there is none."""
    route: Route
    derivation: Derivation | None = None
    """How it is derived from another variable, if it is."""
    can_lack_value: bool = False
    """Whether it has no value where an expression does not match: its own, or another's."""

    @property
    def references(self) -> tuple[str, ...]:
        """The variables on which its value depends directly."""
        return references(self.default, self.derivation)


@dataclass(frozen=True, slots=True, kw_only=True)
class TagLists:
    """The tags of `shared` or `platform-tags`."""

    tags: tuple[TemplateString, ...]
    """Version tags."""
    moving: tuple[TemplateString, ...]
    """Floating tags."""


class ImagePart(StrEnum):
    """What a test of an image checks: a key of `tests`."""

    SHELL = "shell"
    FILES = "files"
    LABELS = "labels"
    USER = "user"
    ENTRYPOINT = "entrypoint"
    SIZE = "size"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenTest:
    """One entry of `tests`, as written."""

    part: ImagePart
    texts: tuple[TemplateString, ...]
    """The command, path or expected value; several texts only for `entrypoint`."""
    route: Route
    key: TemplateString | None = None
    """The key of a label."""
    devices: tuple[TemplateString, ...] = ()
    """`RUN --device` of a command."""
    mounts: tuple[TemplateString, ...] = ()
    """`RUN --mount` of a command."""

    def strings(self) -> Iterator[TemplateString]:
        """Yield all its strings."""
        yield from self.texts
        if self.key is not None:
            yield self.key
        yield from (*self.devices, *self.mounts)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenTests:
    """The tests of an image, as written."""

    entries: tuple[WrittenTest, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of an image, merged with `defaults`."""

    name: str
    value: (
        bool
        | TemplateString
        | tuple[Entry, ...]
        | Mapping[str, tuple[TemplateString, TemplateString]]
        | TagLists
        | WrittenTests
        | Unknown
        | None
    )
    """A flag, text, a list, a mapping (raw key -> (key, value)), tags or tests.

    None removes the field; an invalid value is `UNKNOWN`.
    """
    route: Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """The parent of an image, or of some of its variants."""

    image: str | None
    """None if it removes an inherited parent."""
    fixed: Pattern | None
    """The parent's values of the axes that the child lacks or has with other values."""
    route: Route


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Changes:
    """Fields that one level above the image sets: an axis value, a row or an override."""

    settings: Mapping[str, Setting]
    template: TemplateString | None
    parent: Parent | None
    """None if it keeps the inherited parent."""
    fields: Mapping[str, Field]
    route: Route


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Value(Changes):
    """One value of an axis, with its options; `platforms` is not among its fields."""

    value: Scalar
    text: str
    """Its spelling in names, filters and patterns: `3.11`, `true`, `null`."""
    index: int
    tag: TemplateString | None
    platforms: tuple[TemplateString, ...] | None
    """Narrows the platforms of the image."""
    only: Pattern | None
    eol: date | None = None
    """The last day of support."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Axis:
    """An axis: its name, and its values in the order of matrix.yaml."""

    name: str
    values: tuple[Value, ...]
    indexes: Mapping[str, int]
    """The spelling of each value -> its index."""
    route: Route


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Override(Changes):
    """Fields of the variants that match a pattern: an override, or a row of an image."""

    when: Pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """A floating tag of one variant."""

    tag: TemplateString
    pattern: Pattern


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Image:
    """One image: its axes, rules and fields."""

    name: str
    axes: tuple[Axis, ...]
    only: tuple[Pattern, ...] | None
    """Variants that match at least one of them are kept; None keeps all."""
    exclude: tuple[Pattern, ...]
    rows: tuple[Override, ...] | None
    """Variants that match at least one of them exist, and have its fields; None for all."""
    overrides: tuple[Override, ...]
    parent: Parent | None
    aliases: tuple[Alias, ...]
    settings: Mapping[str, Setting]
    template: TemplateString | None
    """None if only axis values, rows or overrides name one."""
    fields: Mapping[str, Field]
    """Fields by name, in the order of the field table."""
    route: Route
    part: int | None = None
    """The number of the part that declares it; None for matrix.yaml."""

    def conditional(self) -> Iterator[Override]:
        """Yield the changes with a pattern, in the order of precedence."""
        yield from self.rows or ()
        yield from self.overrides

    def changes(self) -> Iterator[Changes]:
        """Yield the changes of all axis values and patterns, in the order of precedence."""
        for axis in self.axes:
            yield from axis.values
        yield from self.conditional()

    def parents(self) -> Iterator[Parent]:
        """Yield every parent that some of its variants may have."""
        if self.parent is not None:
            yield self.parent
        for change in self.changes():
            if change.parent is not None:
                yield change.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedFailure:
    """An exception: the failure of a check is accepted for some targets until a date."""

    pattern: Pattern
    reason: str
    until: date
    """The last day, in UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A command that each staged image must pass before any tag is created."""

    name: str
    command: str
    """For `sh -c`."""
    pattern: Pattern | None
    """The targets to check; None for all."""
    needs: tuple[str, ...]
    inputs: tuple[str, ...]
    """Paths of the files that it reads."""
    timeout: int
    """The maximum duration in seconds."""
    jobs: int
    """The maximum number of runs at a time."""
    may_skip: bool
    valid: int | None
    """Seconds for which a passed check is remembered; None for no limit."""
    accepted: tuple[AcceptedFailure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockSettings:
    """How base images are locked: `lock` of matrix.yaml."""

    mirror: str = ""
    """The repository prefix of their copies, in bake's syntax; empty if there are none."""
    policy: bool = False
    """Whether builds are denied every image that is not locked."""
    verify: tuple[VerifiedBases, ...] = ()
    """Which base images must be signed; the first entry that matches one counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeLimits:
    """The limits of the compressed size of each platform of an image."""

    max: int | None
    """Bytes."""
    growth: Fraction | None
    """The largest growth since the last release, as a fraction of the size in it."""
    max_text: str
    """As written."""
    growth_text: str
    """As written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """What `gc` keeps, besides what floating tags name."""

    releases: int
    """The number of newest releases."""
    days: int
    """The age up to which everything is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """The whole matrix, checked as far as possible before expansion."""

    source: Source
    data: Mapping[str, Any]
    variables: Mapping[str, Variable]
    axes: Mapping[str, Axis]
    images: Mapping[str, Image]
    groups: Mapping[str, Pattern]
    """The groups of matrix.yaml."""
    output: str
    """Folder of the generated Dockerfiles, relative to matrix.yaml, with `/`."""
    lock: LockSettings
    version: str | None
    """The bake variable that contains the version of a release."""
    staging: str
    """The staging repository in bake's syntax; if empty, images are staged in their own."""
    checks: Mapping[str, Check]
    """The checks of `publish`, each after those that it needs."""
    size_limits: SizeLimits | None
    """The limits of sizes, checked by `publish`."""
    signer: Signer | None
    """Who signs images before tags are created; None for nobody."""
    keep: Keep | None
    """What `gc` keeps; None if the matrix does not say."""
    read: frozenset[str]
    """Names that strings of the document use."""
    warnings: tuple[Diagnostic, ...]
    late_warnings: Problems
    """Warnings of its strings, which are added when they are rendered."""
    parts: tuple[str, ...] = ()
    """The files of `include`, as paths in the project's folder."""
    errors: tuple[Diagnostic, ...] = ()
    """The errors of the document; the matrix contains only its valid values."""
    left_out: frozenset[str] = frozenset()
    """The images that are missing in it because of errors."""


def all_changes(axes: Mapping[str, Axis], images: Mapping[str, Image]) -> Iterator[Changes]:
    """Yield the changes of all axis values, also of axes that no image has, and of all images."""
    for image in images.values():
        yield from image.conditional()
    for axis in axes.values():
        yield from axis.values


def all_settings(axes: Mapping[str, Axis], images: Mapping[str, Image]) -> Iterator[Setting]:
    """Yield the names of every `set`."""
    for image in images.values():
        yield from image.settings.values()
    for change in all_changes(axes, images):
        yield from change.settings.values()
