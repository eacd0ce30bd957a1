"""Targets -> the plan of one bake file: its groups, and what an image's targets share.

Takes a `Matrix` and its targets; returns a `Plan`.
Promises that no name means two things in bake, which would merge them without a word.
Refuses a group whose name is taken by something else.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from compiler.codes import Code
from compiler.constants import TEST_SUFFIX
from compiler.errors import Diagnostic, Problems, Severity
from compiler.matrix.field_table import ROWS
from compiler.matrix.matrix import Matrix
from compiler.matrix.names import MAX_FILE_NAME, group_name, safe
from compiler.matrix.pattern import holds, rule, spelling
from compiler.targets.target import Target


class Kind(Enum):
    """What makes a group."""

    ALL = 0
    VALUE = 1
    """One value of an axis, or one image."""
    PICKED = 2
    """A pattern of the author's."""
    TESTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A named list of targets, in the author's order."""

    name: str
    kind: Kind
    targets: tuple[str, ...]
    by: tuple[str, str] | None = None
    """What its targets share, if that is a value: an axis, or `image`, and the spelling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that is generated, before it is written down."""

    matrix: Matrix
    targets: tuple[Target, ...]
    groups: tuple[Group, ...]
    warnings: tuple[Diagnostic, ...] = ()


class _Groups:
    """Groups so far, and the names that are taken."""

    def __init__(self, names: Collection[str]) -> None:
        self.found: dict[str, Group] = {}
        self._names = names

    def add(
        self, name: str, kind: Kind, members: list[str], by: tuple[str, str] | None = None
    ) -> bool:
        """Add a group unless its name means something else already."""
        if name in self.found or (name in self._names and members != [name]):
            return False
        self.found[name] = Group(name=name, kind=kind, targets=tuple(members), by=by)
        return True


def plan(matrix: Matrix, targets: tuple[Target, ...]) -> Plan:
    """Plan the groups: `default`, images, the author's, `test`, one for each value of each axis.

    Raises:
        CompileError: two groups, or a group and a target, would share a name; or one is empty.
    """
    problems, warnings = Problems(), Problems()
    warnings.extend(matrix.warnings)
    names = {target.name for target in targets}
    tests = [f"{target.name}{TEST_SUFFIX}" for target in targets if target.tests]
    groups = _Groups(names.union(tests))
    if not groups.add("default", Kind.ALL, [target.name for target in targets]):
        image = next(target.image for target in targets if target.name == "default")
        problems.add(_collision(matrix, image, "target 'default' has", "the group of all targets"))
    for image, members in _by_image(targets).items():
        if not groups.add(safe(image), Kind.VALUE, members, ("image", image)):
            other = "another group" if safe(image) in groups.found else "a target of another image"
            problems.add(_collision(matrix, image, f"the group of image {image!r} has", other))
    _pick(matrix, targets, groups, problems)
    _check_tests(matrix, targets, names, problems)
    if tests and not groups.add("test", Kind.TESTS, tests):
        image = next(name for name in matrix.images if safe(name).startswith("test"))
        problems.add(_collision(matrix, image, "the group 'test' of all tests has", "another"))
    for (axis, value), members in _by_value(matrix, targets).items():
        name = group_name(axis, value)
        if members and not groups.add(name, Kind.VALUE, members, (axis, value)):
            warnings.add(_left_out(matrix, name, axis, value))
    problems.refuse()
    return Plan(
        matrix=matrix,
        targets=targets,
        groups=tuple(groups.found.values()),
        warnings=warnings.diagnostics(),
    )


def _pick(matrix: Matrix, targets: tuple[Target, ...], groups: _Groups, problems: Problems) -> None:
    """Add the author's groups."""
    for name, pattern in matrix.groups.items():
        rules = {image.name: rule(pattern, image) for image in matrix.images.values()}
        members = [
            target.name
            for target in targets
            if (said := rules[target.image]) is not None and holds(said, target.values)
        ]
        place = matrix.source.locate(("groups", name), key=True)
        if not members:
            problems.add(
                Diagnostic(
                    code=Code.EMPTY_GROUP,
                    message=f"no target is left for the group {name!r}",
                    location=place,
                    help="loosen its pattern, or remove it",
                )
            )
        elif not groups.add(name, Kind.PICKED, members):
            problems.add(
                Diagnostic(
                    code=Code.GROUP_COLLISION,
                    message=f"the group {name!r} has the name of something else",
                    location=place,
                    help="choose another name: images, targets and values of axes have theirs",
                )
            )


def _check_tests(
    matrix: Matrix, targets: tuple[Target, ...], names: Collection[str], problems: Problems
) -> None:
    """Refuse a target of tests whose name is another's, or is too long for a file."""
    for target in targets:
        name = f"{target.name}{TEST_SUFFIX}"
        taken = name in names
        if not target.tests or not (taken or len(f"{name}.Dockerfile") > MAX_FILE_NAME):
            continue
        image = matrix.images[target.image]
        problems.add(
            Diagnostic(
                code=Code.NAME_COLLISION if taken else Code.NAME_TOO_LONG,
                message=f"the tests of {target.name!r} would have the name of target {name!r}"
                if taken
                else f"the file name of the tests of '{target.name[:40]}...' is over "
                f"{MAX_FILE_NAME} bytes",
                location=matrix.source.locate(image.route, key=True),
                help="give one of them another name" if taken else "give its values shorter `tag`s",
            )
        )
        if not taken:
            return


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
        code=Code.GROUP_COLLISION,
        message=f"{what} the name of {other}",
        location=matrix.source.locate(matrix.images[image].route, key=True),
        help=f"rename image {image!r}",
    )


def _left_out(matrix: Matrix, name: str, axis: str, value: str) -> Diagnostic:
    return Diagnostic(
        code=Code.GROUP_LEFT_OUT,
        message=f"there will be no group {name!r} for {axis}={value}: the name is taken",
        location=matrix.source.locate(
            next(one.route for one in matrix.axes[axis].values if one.text == value), key=True
        ),
        help=f"select by {axis}={value} instead, or rename what has the name",
        severity=Severity.WARNING,
    )


def shared_fields(targets: list[Target]) -> dict[str, object]:
    """Return what all these targets have in common, by field.

    Of a field that bake merges by key, the common keys; of any other, the whole or nothing. Where
    targets have tags that move, or caches of their own, each says its tags or caches itself.
    """
    first, *others = targets
    apart = set()
    if any(target.moving or target.aliases for target in targets):
        apart.add("tags")
    if any(target.cache for target in targets):
        apart |= {"cache-from", "cache-to"}
    found: dict[str, object] = {}
    for name, value in first.fields.items():
        if name in apart:
            continue
        if all(other.fields.get(name) == value for other in others):
            found[name] = value
        elif ROWS[name].merged_by_bake:
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
    found: dict[str, Any] = {
        "target": target.name,
        "image": target.image,
        "axes": target.axes,
        "variant": target.variant,
        "dockerfile": target.dockerfile,
        "context": fields.get("context", "."),
        "tags": fields.get("tags", ()),
        "moving": target.moving,
        "aliases": target.aliases,
        "platforms": fields.get("platforms", ()),
        "parent": target.parent,
    }
    if target.tests:
        found["tests"] = target.tests
    if target.cache is not None:
        found["cache"] = target.cache
    for name, value in fields.items():
        if name == "target":
            found["stage"] = value  # `target` is the target's own name
        elif name not in found:
            found[name] = value
    return found
