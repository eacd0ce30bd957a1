"""Combine targets into a plan: their groups, and the fields that an image's targets share."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from compiler.codes import Code
from compiler.errors import Diagnostic, Problems
from compiler.matrix.field_table import ROWS
from compiler.matrix.matrix import Matrix
from compiler.targets.expand import Variant
from compiler.targets.groups import Group, make_groups
from compiler.targets.image_tests import tests_as_json
from compiler.targets.indexes import Index, make_indexes
from compiler.targets.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that one bake file contains, and the indexes that `publish` creates."""

    matrix: Matrix
    targets: tuple[Target, ...]
    groups: tuple[Group, ...]
    indexes: tuple[Index, ...] = ()
    """The tags that several targets share."""
    warnings: tuple[Diagnostic, ...] = ()
    errors: tuple[Diagnostic, ...] = ()
    """The errors of matrix.yaml; the plan contains only the targets that can be rendered."""
    unsound: frozenset[str] = frozenset()
    """The targets with errors."""

    @property
    def tested(self) -> int:
        """The number of targets that have tests."""
        return sum(bool(target.tests) for target in self.targets)

    @property
    def unbaked_tags(self) -> int:
        """The number of tags that only `publish` creates: of indexes and of single platforms."""
        of_platforms = (tags for target in self.targets for tags in target.platform_tags)
        return len(self.indexes) + sum(
            len(group.tags) + len(group.moving) for group in of_platforms
        )


def plan(
    matrix: Matrix,
    targets: tuple[Target, ...],
    problems: Problems,
    missing: Collection[Variant] = (),
) -> Plan:
    """Return the plan of a matrix and its targets.

    A group that is empty, or whose name is already in use, is added to the problems.

    Args:
        matrix: the matrix.
        targets: its targets.
        problems: the collector of errors; the plan gets all that it has.
        missing: its variants that are not targets, because of errors.
    """
    warnings = Problems()
    warnings.extend(matrix.warnings)
    warnings.extend(matrix.late_warnings.diagnostics())
    groups = make_groups(matrix, targets, problems, warnings, missing)
    return Plan(
        matrix=matrix,
        targets=targets,
        groups=groups,
        indexes=make_indexes(targets),
        warnings=warnings.diagnostics(),
        errors=_causes(problems.diagnostics()),
        unsound=problems.targets(),
    )


def _causes(errors: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """Return errors without those that follow from a value of the wrong type."""
    wrong = {error.location for error in errors if error.code is Code.WRONG_TYPE}
    return tuple(e for e in errors if e.code is Code.WRONG_TYPE or e.location not in wrong)


def shared_fields(targets: list[Target]) -> dict[str, object]:
    """Return the fields that all these targets have in common.

    A field that bake merges by key is reduced to its common keys; any other field must be equal as
    a whole. Tags are not shared if a target has floating tags, nor caches if a target has its own.
    """
    first, *others = targets
    separate = set()
    if any(target.moving or target.aliases for target in targets):
        separate.add("tags")
    if any(target.cache for target in targets):
        separate |= {"cache-from", "cache-to"}
    shared: dict[str, object] = {}
    for name, value in first.fields.items():
        if name in separate:
            continue
        if all(other.fields.get(name) == value for other in others):
            shared[name] = value
        elif ROWS[name].merged_by_bake:
            common = _common_keys(name, first, others)
            if common:
                shared[name] = common
    return shared


def _common_keys(name: str, first: Target, others: list[Target]) -> Mapping[Any, object]:
    common = dict(first.fields[name])  # type: ignore[arg-type]
    for other in others:
        values = other.fields.get(name, {})
        common = {k: v for k, v in common.items() if values.get(k) == v}  # type: ignore[union-attr]
        if not common:
            break
    return common


def described(target: Target) -> dict[str, Any]:
    """Return a target as matrix.json lists it; strings are in bake's syntax (`${NAME}`, `$${`)."""
    fields = target.fields
    entry: dict[str, Any] = {
        "target": target.name,
        "image": target.image,
        "axes": target.axes,
        "variant": target.variant,
        "dockerfile": target.dockerfile,
        **({"generated": False} if target.is_existing else {}),
        "context": fields.get("context", "."),
        "tags": fields.get("tags", ()),
        "moving": target.moving,
        "aliases": target.aliases,
        "platforms": fields.get("platforms", ()),
        "parent": target.parent,
    }
    if target.repositories is not None:
        entry["repositories"] = target.repositories
    if any(target.shared):
        entry["shared"] = target.shared._asdict()
    if target.platform_tags:
        entry["platform_tags"] = [tags._asdict() for tags in target.platform_tags]
    if target.reproducible:
        entry["reproducible"] = True
    if target.tests:
        entry["tests"] = tests_as_json(target.tests)
    if target.cache is not None:
        entry["cache"] = target.cache
    for name, value in fields.items():
        if name == "target":
            entry["stage"] = value  # `target` is the target's own name
        elif name not in entry:
            entry[name] = value
    return entry
