"""What a matrix compiles to, before anything is written."""

from dataclasses import dataclass
from typing import NamedTuple

from compiler.targets.plan import Plan


class Artifact(NamedTuple):
    """A file to be: where it belongs and its bytes, which bear MARKER in their first lines."""

    path: str
    """Relative to the project's folder, with `/`."""
    content: bytes
    """Every byte of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compilation:
    """Everything that a matrix compiles to."""

    plan: Plan
    artifacts: tuple[Artifact, ...]
    """In the order in which they have to be written."""
