"""Targets -> the plan of one bake file: its groups, and what an image's targets share.

Takes a `Matrix` and its targets; returns a `Plan`.
Promises that no name means two things in bake, which would merge them without a word.
Refuses a group whose name is taken by something else.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from compiler.errors import Diagnostic, Problems, Severity
from compiler.matrix import Matrix
from compiler.names import group_name, safe
from compiler.resolve import Target


MERGED_BY_BAKE = ("contexts", "args", "labels")
"""Fields that bake merges by key when one target inherits another (bake/bake.go, Merge)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A named list of targets, in the author's order."""

    name: str
    targets: tuple[str, ...]
    members: tuple[int, ...]
    """The same as indexes into the plan's targets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that is generated, before it is written down."""

    matrix: Matrix
    targets: tuple[Target, ...]
    groups: tuple[Group, ...]
    warnings: tuple[Diagnostic, ...] = ()


def plan(matrix: Matrix, targets: tuple[Target, ...]) -> Plan:
    """Plan the groups: `default`, one for each image, one for each value of each axis.

    Raises:
        CompileError: two groups, or a group and a target, would share a name.
    """
    problems, warnings = Problems(), Problems()
    groups: dict[str, Group] = {}
    taken: dict[str, tuple[int, ...]] = {target.name: (n,) for n, target in enumerate(targets)}

    def add(name: str, members: tuple[int, ...]) -> bool:
        """Add a group unless its name means something else already."""
        if name in groups or taken.get(name, members) != members:
            return False
        names = tuple(targets[n].name for n in members)
        groups[name] = Group(name=name, targets=names, members=members)
        return True

    if not add("default", tuple(range(len(targets)))):
        image = matrix.images[targets[taken["default"][0]].image]
        problems.add(
            Diagnostic(
                code="group-collision",
                message="target 'default' has the name of the group of all targets",
                location=matrix.source.locate(image.route, key=True),
                help=f"rename image {image.name!r}",
            )
        )
    by_image: dict[str, list[int]] = {}
    by_value: dict[tuple[str, str], list[int]] = {
        (axis.name, value.text): [] for axis in matrix.axes.values() for value in axis.values
    }
    for n, target in enumerate(targets):
        by_image.setdefault(target.image, []).append(n)
        for axis, value in zip(matrix.images[target.image].axes, target.values, strict=True):
            by_value[axis.name, value.text].append(n)
    for name, found in by_image.items():
        if not add(safe(name), tuple(found)):
            problems.add(_collision(matrix, name, "another group" if safe(name) in groups else "a target"))
    values: dict[str, tuple[str, str]] = {}
    for (axis, value), found in by_value.items():
        name = group_name(axis, value)
        if not found or add(name, tuple(found)):
            values.setdefault(name, (axis, value))
            continue
        warnings.add(_left_out(matrix, name, axis, value))
    problems.refuse()
    return Plan(
        matrix=matrix,
        targets=targets,
        groups=tuple(groups.values()),
        warnings=warnings.diagnostics(),
    )


def _collision(matrix: Matrix, image: str, other: str) -> Diagnostic:
    return Diagnostic(
        code="group-collision",
        message=f"the group of image {image!r} has the name of {other}",
        location=matrix.source.locate(matrix.images[image].route, key=True),
        help="rename the image",
    )


def _left_out(matrix: Matrix, name: str, axis: str, value: str) -> Diagnostic:
    return Diagnostic(
        code="group-left-out",
        message=f"there will be no group {name!r} for {axis}={value}: the name is taken",
        location=matrix.source.locate(("axes", axis), key=True),
        help=f"select by {axis}={value} instead, or rename what has the name",
        severity=Severity.WARNING,
    )


def shared_fields(targets: list[Target]) -> dict[str, object]:
    """Return what all these targets have in common, by field.

    Of a field that bake merges by key, the common keys; of any other, the whole or nothing.
    """
    first, *others = targets
    found: dict[str, object] = {}
    for name, value in first.fields.items():
        if all(other.fields.get(name) == value for other in others):
            found[name] = value
        elif name in MERGED_BY_BAKE:
            common = _common_keys(name, first, others)
            if common:
                found[name] = common
    return found


def _common_keys(name: str, first: Target, others: list[Target]) -> Mapping[str, object]:
    common = dict(first.fields[name])  # type: ignore[arg-type]
    for other in others:
        mine = other.fields.get(name, {})
        common = {k: v for k, v in common.items() if mine.get(k) == v}  # type: ignore[union-attr]
        if not common:
            break
    return common
