"""Targets as a grid: one axis in rows, another in columns, the platforms in the cells."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from compiler.matrix.matcher import spelling
from compiler.matrix.matrix import Axis
from compiler.reports.text import columns, counted, display_width, printable
from compiler.targets.plan import Plan
from compiler.targets.target import Target


_ABSENT = "-"
_ANY_PLATFORM = "yes"
"""The cell of a target without platforms: the builder decides."""


class _Dimension(NamedTuple):
    """The images, or an axis, by which targets differ."""

    name: str
    of: Callable[[Target], str]
    """Returns the value of a target."""
    values: tuple[str, ...]
    """The values that some target has, in the order of the matrix; null where it lacks the axis."""
    is_varying: bool
    """Whether targets that have the axis differ in it."""


class Grid(NamedTuple):
    """Targets that differ in exactly two axes."""

    rows: _Dimension
    columns: _Dimension
    cells: dict[tuple[str, str], str]
    summary: str
    """How many targets there are, and the values that they have in common."""


def grid_of(plan: Plan, targets: Sequence[Target]) -> Grid | None:
    """Return targets as a grid; None unless they differ in exactly two of image and axes."""
    dimensions = _dimensions(plan, targets)
    varying = [dimension for dimension in dimensions if dimension.is_varying]
    if len(varying) != 2:  # noqa: PLR2004 - the axes of a grid
        return None
    rows, across = varying
    same = [
        f"{dimension.name}={dimension.values[0]}"
        for dimension in dimensions
        if len(dimension.values) == 1
    ]
    common = f", all with {', '.join(same)}" if same else ""
    return Grid(
        rows,
        across,
        {(rows.of(target), across.of(target)): _cell(target) for target in targets},
        f"{counted(len(targets), 'target')}{common}",
    )


def draw(grid: Grid, terminal: int | None) -> str | None:
    """Return a grid as lines of text, turned if only that fits; None if neither fits.

    Args:
        grid: the grid.
        terminal: the width that it must fit into; None for any.
    """
    for rows, across, is_turned in (
        (grid.rows, grid.columns, False),
        (grid.columns, grid.rows, True),
    ):
        table = [[rows.name.upper(), *(f"{across.name}={value}" for value in across.values)]]
        for row in rows.values:
            pairs = [(value, row) if is_turned else (row, value) for value in across.values]
            table.append([row, *(grid.cells.get(pair, _ABSENT) for pair in pairs)])
        lines = columns(table)
        if terminal is None or max(map(display_width, lines)) <= terminal:
            return "".join(f"{line}\n" for line in (*lines, "", printable(grid.summary)))
    return None


def _dimensions(plan: Plan, targets: Sequence[Target]) -> list[_Dimension]:
    """Return the images and the axes with the values that the targets have."""
    images = {target.image for target in targets}
    names = tuple(name for name in plan.matrix.images if name in images)
    axes = (_dimension(axis, targets) for axis in plan.matrix.axes.values())
    of_images = _Dimension("image", lambda target: target.image, names, len(names) > 1)
    return [of_images, *(dimension for dimension in axes if dimension.values != ("null",))]


def _dimension(axis: Axis, targets: Sequence[Target]) -> _Dimension:
    """Return the values of an axis; `null` alone if no target has another one."""

    def of(target: Target) -> str:
        return spelling(target.axes.get(axis.name))

    present = set(map(of, targets))
    texts = [value.text for value in axis.values]
    order = texts if "null" in texts else ["null", *texts]
    own = {of(target) for target in targets if axis.name in target.axes}
    return _Dimension(
        axis.name, of, tuple(value for value in order if value in present), len(own) > 1
    )


def _cell(target: Target) -> str:
    """Return the platforms of a target, of Linux only the architecture."""
    return (
        ",".join(platform.removeprefix("linux/") for platform in target.platforms) or _ANY_PLATFORM
    )
