"""What an existing definition declares, and what a matrix cannot take over from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from compiler.matrix.names import (
    HCL_WORDS,
    RESERVED_PREFIXES,
    RESERVED_VARIABLES,
    SECRET_VARIABLES,
    VARIABLE,
)
from compiler.output.bake_fields import Fields
from compiler.output.definition import Definition


MATRIX = "matrix.yaml"
"""The file that `init` writes."""

_FIRST = 0xE000
MAX_VARIABLES = 0x1900
"""The maximum number of variables: as many as Unicode has characters for private use."""


def variable_mark(number: int) -> str:
    """Return the character that stands for a variable in texts of `GivenTarget`."""
    return chr(_FIRST + number)


def is_variable(character: str) -> bool:
    """Return whether a character can stand for a variable."""
    return bool(character) and _FIRST <= ord(character) < _FIRST + MAX_VARIABLES


def why_not_variable(name: str) -> str:
    """Return why a matrix cannot have a variable of this name; empty if it can."""
    if not VARIABLE.match(name) or name in RESERVED_VARIABLES | SECRET_VARIABLES | HCL_WORDS:
        return "a matrix cannot have a variable of this name"
    reserved = next((prefix for prefix in RESERVED_PREFIXES if name.startswith(prefix)), "")
    return reserved and f"names that begin with {reserved} are reserved"


def with_variables(text: str, names: Sequence[str]) -> str:
    """Return a string of matrix.yaml with `${NAME}` instead of the marks of variables."""
    for number, name in enumerate(names):
        text = text.replace(variable_mark(number), f"${{{name}}}")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """A part of the definition that the matrix does not contain."""

    path: str
    """The file, as users see it."""
    line: int
    """The line, from 1; 0 refers to the whole file."""
    what: str
    """The part, as a noun: "target 'app'"."""
    why: str
    """The reason, without a full stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenTarget:
    """One build of the definition."""

    name: str
    fields: Fields
    """Normalised, except that tags are as written; each variable is its `variable_mark`."""
    dockerfile: str
    """The path of its Dockerfile, relative to the project's folder."""
    line: int = 0
    family: str = ""
    """The block of a matrix that declares it together with others; empty without a matrix."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Axis -> the value, for a target of a family; `null` for no value."""
    details: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Axis -> name -> text: what the value consists of, if it is a mapping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Everything that a definition declares."""

    path: str
    """The file or folder, as users see it."""
    targets: tuple[GivenTarget, ...]
    named: bool = True
    """Whether the targets' names belong to the definition; otherwise they can be chosen."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Bake variable -> its default, in the syntax of matrix.yaml."""
    marks: tuple[str, ...] = ()
    """The variables whose `variable_mark` the texts contain, by its number."""
    definitions: tuple[tuple[Mapping[str, str], Definition], ...] = ()
    """What the matrix must define, each for values of variables."""
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Group -> its targets."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """Family or group -> its line."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Files that the matrix needs in addition: path -> content."""
    leftovers: tuple[Leftover, ...] = ()
