"""Make bake groups: all targets, images, axis values, the groups of matrix.yaml, and tests.

In bake, a group and a target with one name are merged silently. Therefore a name that is already in
use is an error, except for axis values: their group is left out, with a warning.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

from compiler.codes import Code
from compiler.constants import TEST_SUFFIX
from compiler.errors import Diagnostic, Problems, Severity
from compiler.matrix.matcher import spelling
from compiler.matrix.matrix import Matrix, Pattern
from compiler.matrix.names import MAX_FILE_NAME, group_name, safe
from compiler.matrix.pattern import holds, rule
from compiler.targets.expand import Variant
from compiler.targets.target import Target


class Kind(Enum):
    """What the targets of a group have in common."""

    ALL = 0
    VALUE = 1
    """One value of an axis, or one image."""
    PICKED = 2
    """A pattern under `groups` in matrix.yaml."""
    TESTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A named list of targets, in the order of matrix.yaml."""

    name: str
    kind: Kind
    targets: tuple[str, ...]
    by: tuple[str, str] | None = None
    """The axis, or `image`, and its value; None unless the kind is `VALUE`."""


class _Groups:
    """The groups so far, and the names in use."""

    def __init__(self, names: Collection[str]) -> None:
        self.by_name: dict[str, Group] = {}
        self._names = names

    def add(
        self, name: str, kind: Kind, members: list[str], by: tuple[str, str] | None = None
    ) -> bool:
        """Add a group; return False if its name is in use."""
        if name in self.by_name or (name in self._names and members != [name]):
            return False
        self.by_name[name] = Group(name=name, kind=kind, targets=tuple(members), by=by)
        return True


def make_groups(
    matrix: Matrix,
    targets: tuple[Target, ...],
    problems: Problems,
    warnings: Problems,
    missing: Collection[Variant] = (),
) -> tuple[Group, ...]:
    """Return all groups; empty groups and name collisions are added to the problems.

    Args:
        matrix: the matrix.
        targets: its targets.
        problems: the collector of errors.
        warnings: the collector of warnings.
        missing: its variants that are not targets, because of errors.
    """
    names = {target.name for target in targets}
    tests = [f"{target.name}{TEST_SUFFIX}" for target in targets if target.tests]
    groups = _Groups(names.union(tests))
    if not groups.add("default", Kind.ALL, [target.name for target in targets]):
        image = next(target.image for target in targets if target.name == "default")
        message = "the target 'default' has the same name as the group of all targets"
        problems.add(_collision(matrix, image, message))
    for image, members in _by_image(targets).items():
        if not groups.add(safe(image), Kind.VALUE, members, ("image", image)):
            other = "another group" if safe(image) in groups.by_name else "another image's target"
            message = f"the group of image {image!r} has the same name as {other}"
            problems.add(_collision(matrix, image, message))
    _add_picked(matrix, targets, groups, problems, missing)
    _check_tests(matrix, targets, names, problems)
    if tests and not groups.add("test", Kind.TESTS, tests):
        image = next(name for name in matrix.images if safe(name).startswith("test"))
        message = "the group 'test' of all tests has the same name as another group or target"
        problems.add(_collision(matrix, image, message))
    for (axis, value), members in _by_value(matrix, targets).items():
        name = group_name(axis, value)
        if members and not groups.add(name, Kind.VALUE, members, (axis, value)):
            warnings.add(_left_out(matrix, name, axis, value))
    return tuple(groups.by_name.values())


def _add_picked(
    matrix: Matrix,
    targets: tuple[Target, ...],
    groups: _Groups,
    problems: Problems,
    missing: Collection[Variant],
) -> None:
    """Add the groups of matrix.yaml."""
    for name, pattern in matrix.groups.items():
        rules = {image.name: rule(pattern, image) for image in matrix.images.values()}
        members = [
            target.name
            for target in targets
            if (wanted := rules[target.image]) is not None and holds(wanted, target.values)
        ]
        location = matrix.source.locate(("groups", name), key=True)
        if not members and _may_match(pattern, matrix, missing):
            continue
        if not members:
            problems.add(
                Diagnostic(
                    code=Code.EMPTY_GROUP,
                    message=f"no target matches the group {name!r}",
                    location=location,
                    help="change its pattern, or remove it",
                )
            )
        elif not groups.add(name, Kind.PICKED, members):
            problems.add(
                Diagnostic(
                    code=Code.GROUP_COLLISION,
                    message=f"the name of group {name!r} is already in use",
                    location=location,
                    help="choose another name: images, targets and axis values have groups, too",
                )
            )


def _may_match(pattern: Pattern, matrix: Matrix, missing: Collection[Variant]) -> bool:
    """Return whether a pattern may match what is missing because of errors."""
    if matrix.left_out and (pattern.images is None or pattern.images & matrix.left_out):
        return True
    return any(
        (wanted := rule(pattern, image)) is not None and holds(wanted, values)
        for image, values in missing
    )


def _check_tests(
    matrix: Matrix, targets: tuple[Target, ...], names: Collection[str], problems: Problems
) -> None:
    """Reject tests whose target name is in use, or is too long for a file."""
    for target in targets:
        if not target.tests:
            continue
        name = f"{target.name}{TEST_SUFFIX}"
        in_use = name in names
        if not in_use and len(f"{name}.Dockerfile") <= MAX_FILE_NAME:
            continue
        image = matrix.images[target.image]
        problems.add(
            Diagnostic(
                code=Code.NAME_COLLISION if in_use else Code.NAME_TOO_LONG,
                message=f"the tests of {target.name!r} need the name {name!r}, "
                "which another target has"
                if in_use
                else f"the file name of the tests of '{target.name[:40]}...' is longer than "
                f"{MAX_FILE_NAME} bytes",
                location=matrix.source.locate(image.route, key=True),
                help="rename one of them" if in_use else "set shorter `tag`s for its values",
            )
        )
        if not in_use:
            return


def _by_image(targets: tuple[Target, ...]) -> dict[str, list[str]]:
    members: dict[str, list[str]] = {}
    for target in targets:
        members.setdefault(target.image, []).append(target.name)
    return members


def _by_value(matrix: Matrix, targets: tuple[Target, ...]) -> dict[tuple[str, str], list[str]]:
    """Group targets by each value of each axis; an image without the axis has the value null."""
    groups: dict[tuple[str, str], list[str]] = {
        (axis.name, value.text): [] for axis in matrix.axes.values() for value in axis.values
    }
    null = spelling(None)
    absent = {
        image.name: [
            groups[name, null]
            for name in matrix.axes.keys() - {axis.name for axis in image.axes}
            if (name, null) in groups
        ]
        for image in matrix.images.values()
    }
    for target in targets:
        for axis, value in zip(target.axes, target.values, strict=True):
            groups[axis, value.text].append(target.name)
        for members in absent[target.image]:
            members.append(target.name)
    return groups


def _collision(matrix: Matrix, image: str, message: str) -> Diagnostic:
    return Diagnostic(
        code=Code.GROUP_COLLISION,
        message=message,
        location=matrix.source.locate(matrix.images[image].route, key=True),
        help=f"rename image {image!r}",
    )


def _left_out(matrix: Matrix, name: str, axis: str, value: str) -> Diagnostic:
    routes = (
        known_value.route for known_value in matrix.axes[axis].values if known_value.text == value
    )
    return Diagnostic(
        code=Code.GROUP_LEFT_OUT,
        message=f"no group is generated for {axis}={value}: the name {name!r} is already in use",
        location=matrix.source.locate(next(routes), key=True),
        help=f"select with {axis}={value} instead, or rename the other group or target",
        severity=Severity.WARNING,
    )
