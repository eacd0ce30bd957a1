"""Targets -> the plan of one bake file: its groups, and what an image's targets share.

Takes a `Matrix` and its targets; returns a `Plan`.
Promises that no name means two things in bake, which would merge them without a word.
Refuses a group whose name is taken by something else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compiler.errors import Diagnostic, Problems, Severity
from compiler.matrix import Matrix
from compiler.names import group_name, safe
from compiler.pattern import spelling
from compiler.resolve import Target


MERGED_BY_BAKE = ("contexts", "args", "labels")
"""Fields that bake merges by key when one target inherits another (bake/bake.go, Merge)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A named list of targets, in the author's order."""

    name: str
    targets: tuple[str, ...]
    by: tuple[str, str] | None
    """What its targets share: an axis, or `image`, and the value's spelling; None for all."""


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
    names = {target.name for target in targets}
    groups: dict[str, Group] = {}

    def add(name: str, members: list[str], by: tuple[str, str] | None) -> bool:
        """Add a group unless its name means something else already."""
        if name in groups or (name in names and members != [name]):
            return False
        groups[name] = Group(name=name, targets=tuple(members), by=by)
        return True

    if not add("default", [target.name for target in targets], None):
        image = next(target.image for target in targets if target.name == "default")
        problems.add(_collision(matrix, image, "target 'default' has", "the group of all targets"))
    for image, members in _by_image(targets).items():
        if not add(safe(image), members, ("image", image)):
            other = "another group" if safe(image) in groups else "a target of another image"
            problems.add(_collision(matrix, image, f"the group of image {image!r} has", other))
    for (axis, value), members in _by_value(matrix, targets).items():
        name = group_name(axis, value)
        if members and not add(name, members, (axis, value)):
            warnings.add(_left_out(matrix, name, axis, value))
    problems.refuse()
    return Plan(
        matrix=matrix,
        targets=targets,
        groups=tuple(groups.values()),
        warnings=warnings.diagnostics(),
    )


def _by_image(targets: tuple[Target, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for target in targets:
        found.setdefault(target.image, []).append(target.name)
    return found


def _by_value(matrix: Matrix, targets: tuple[Target, ...]) -> dict[tuple[str, str], list[str]]:
    """Group targets by each value of each axis; null holds for an image that lacks the axis."""
    found: dict[tuple[str, str], list[str]] = {
        (axis.name, value.text): [] for axis in matrix.axes.values() for value in axis.values
    }
    for target in targets:
        for axis in matrix.axes:
            members = found.get((axis, spelling(target.axes.get(axis))))
            if members is not None:
                members.append(target.name)
    return found


def _collision(matrix: Matrix, image: str, what: str, other: str) -> Diagnostic:
    return Diagnostic(
        code="group-collision",
        message=f"{what} the name of {other}",
        location=matrix.source.locate(matrix.images[image].route, key=True),
        help=f"rename image {image!r}",
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


def _common_keys(name: str, first: Target, others: list[Target]) -> Mapping[Any, object]:
    common = dict(first.fields[name])  # type: ignore[arg-type]
    for other in others:
        mine = other.fields.get(name, {})
        common = {k: v for k, v in common.items() if mine.get(k) == v}  # type: ignore[union-attr]
        if not common:
            break
    return common


def described(target: Target) -> dict[str, Any]:
    """Return a target as matrix.json has it; text in bake's form, `${NAME}` and `$${`."""
    fields = target.fields
    found = {
        "target": target.name,
        "image": target.image,
        "axes": target.axes,
        "variant": target.variant,
        "dockerfile": target.dockerfile,
        "context": fields.get("context", "."),
        "tags": fields.get("tags", ()),
        "moving": (),
        "platforms": fields.get("platforms", ()),
        "parent": None,
    }
    for name, value in fields.items():
        if name == "target":
            found["stage"] = value  # `target` is the target's own name
        elif name not in found:
            found[name] = value
    return found
