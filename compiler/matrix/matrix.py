"""What matrix.yaml means once it is read: axes, values, rules, images; every string compiled."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from compiler.errors import Diagnostic
from compiler.matrix.model import Scalar
from compiler.matrix.strings import TemplateString
from compiler.source.document import Route, Source


Entry: TypeAlias = TemplateString | tuple[tuple[TemplateString, TemplateString], ...]
"""One entry of a list field: text, or the pairs of `key=value,key=value`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One name that a `set` gives to templates."""

    name: str
    tree: Any
    """What is given: YAML with each string that holds Jinja as a `TemplateString`."""
    constant: bool
    """Whether no string in it holds Jinja."""
    route: Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Matcher:
    """Which values of one axis a pattern takes."""

    values: frozenset[int]
    """Indexes of values of the axis."""
    lacking: bool
    """Whether it takes an image that lacks the axis, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """Axis -> matcher; all must hold."""

    matchers: Mapping[str, Matcher]
    images: frozenset[str] | None
    """The images that it takes; None for all."""
    route: Route


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Value:
    """One value of an axis and what comes with it."""

    value: Scalar
    text: str
    """Its spelling in names, filters and patterns: `3.11`, `true`, `null`."""
    index: int
    tag: TemplateString | None
    platforms: tuple[TemplateString, ...] | None
    only: Pattern | None
    settings: Mapping[str, Setting]
    route: Route


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Axis:
    """A name and its values, in the author's order."""

    name: str
    values: tuple[Value, ...]
    route: Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A bake variable."""

    name: str
    default: str
    """Its default in bake's form, which may name other variables."""
    resolved: str
    """Its value where the environment sets no variable."""
    route: Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One of bake's fields of an image, defaults merged in."""

    name: str
    value: (
        bool
        | TemplateString
        | tuple[Entry, ...]
        | Mapping[str, tuple[TemplateString, TemplateString]]
        | None
    )
    """A flag, text, a list, or a mapping: raw key -> (key, value); None clears what was below."""
    route: Route


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Override:
    """What is different in the variants that a pattern matches."""

    when: Pattern
    settings: Mapping[str, Setting]
    template: TemplateString | None
    fields: Mapping[str, Field]
    route: Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """The image that another stands on."""

    image: str
    fixed: Pattern | None
    """Which values the parent has of the axes that the child lacks."""
    route: Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """A moving tag of one variant."""

    tag: TemplateString
    pattern: Pattern


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Image:
    """One image: the axes it varies along, its rules and its fields."""

    name: str
    axes: tuple[Axis, ...]
    only: tuple[Pattern, ...] | None
    """It keeps what matches at least one; None keeps all."""
    exclude: tuple[Pattern, ...]
    overrides: tuple[Override, ...]
    parent: Parent | None
    aliases: tuple[Alias, ...]
    settings: Mapping[str, Setting]
    template: TemplateString
    fields: Mapping[str, Field]
    """By bake's names, in bake's order; then those that are no field of bake."""
    route: Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """The whole input, checked as far as it can be without expanding it."""

    source: Source
    data: Mapping[str, Any]
    variables: Mapping[str, Variable]
    axes: Mapping[str, Axis]
    images: Mapping[str, Image]
    groups: Mapping[str, Pattern]
    """The author's groups."""
    output: str
    """Folder of the generated Dockerfiles, relative to matrix.yaml, with `/`."""
    version: str | None
    """The bake variable that is the version of a release."""
    staging: str
    """The repository where images wait, in bake's form; empty where each has its own."""
    read: frozenset[str]
    """Names that some string of the document reads."""
    warnings: tuple[Diagnostic, ...]
    errors: tuple[Diagnostic, ...] = ()
    """What is invalid in the document; the rest of the matrix is what is valid."""
