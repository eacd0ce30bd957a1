"""A generated file before it meets the disk."""

from dataclasses import dataclass

from compiler.unchanged import MARKER


__all__ = ["MARKER", "Artifact"]


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file to be: where it belongs and its bytes, which bear MARKER in their first lines."""

    path: str
    """Relative to the project's folder, with `/`."""
    content: bytes
    """Every byte of it."""
