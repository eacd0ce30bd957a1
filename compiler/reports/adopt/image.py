"""The images of a draft, and how values and patterns of their axes are written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from compiler.reports.adopt.model import GivenTarget


_SPELT: Mapping[str, bool | None] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image of the matrix, and its targets."""

    name: str
    targets: tuple[GivenTarget, ...]
    names: tuple[str, ...]
    """The name of each target in the matrix."""
    rows: tuple[Mapping[str, str], ...]
    """For each target: axis of the matrix -> value."""
    axes: Mapping[str, tuple[str, ...]]
    """Axis of the matrix -> its values in this image."""
    given_axes: Mapping[str, str] = field(default_factory=dict)
    """Axis of the matrix -> the given axis."""


def scalar(value: str) -> str | bool | None:
    """Return the value of an axis as it is written: `true`, `false` and `null` are not texts."""
    return _SPELT.get(value, value)


def written_patterns(boxes: Sequence[Mapping[str, Sequence[str]]]) -> list[dict[str, Any]]:
    """Return patterns as they are written."""
    return [{axis: matcher(items) for axis, items in box.items()} for box in boxes]


def matcher(items: Sequence[str]) -> Any:
    """Return a matcher of these values: a value, or a list of several."""
    return scalar(items[0]) if len(items) == 1 else [scalar(item) for item in items]
