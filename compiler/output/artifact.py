"""What a matrix compiles to, before anything is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from compiler.render.shapes import Shapes
from compiler.targets.plan import Plan


class Artifact(NamedTuple):
    """A file to be generated; MARKER is in its first lines."""

    path: str
    """Relative to the project's folder, with `/`."""
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Compilation:
    """Everything that a matrix compiles to."""

    plan: Plan
    dockerfiles: Mapping[str, str]
    """Target -> the text of its Dockerfile, without the header that names its sources."""
    artifacts: tuple[Artifact, ...]
    """In the order in which they have to be written."""
    refreshed: Mapping[str, str]
    """Target -> the date since which matrix.lock requires it to be built without cache."""
    inputs: Mapping[str, str | None]
    """The digest of each file that was read, the matrix file first; see `saved_state.State`."""
    shapes: Mapping[str, Shapes]
    """Template -> the shapes of the Dockerfiles that it rendered."""
    globs: Mapping[str, Sequence[str]]
    """Each entry of `include` with the files that it finds."""
