"""A generated file before it meets the disk."""

from typing import NamedTuple


class Artifact(NamedTuple):
    """A file to be: where it belongs and its bytes, which bear MARKER in their first lines."""

    path: str
    """Relative to the project's folder, with `/`."""
    content: bytes
    """Every byte of it."""
