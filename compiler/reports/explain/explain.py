"""Explain targets and excluded combinations: the origin of each value, and the effect of each rule.

Takes a `Plan` and arguments; returns an `Explanation` for each target or combination that they
name. The values shown are those of the plan's targets, so they are the values that are built; only
the locations of the values are looked up in matrix.yaml again.
"""

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from compiler.constants import TEST_SUFFIX
from compiler.errors import Location
from compiler.matrix.matrix import Image, Matrix, Value
from compiler.matrix.template_files import FOLDER
from compiler.reports.explain.provenance import Given, Origins, written
from compiler.reports.explain.query import Combination, Open, find_queries
from compiler.reports.explain.rule_effects import Effect, Ruling, flow, rulings
from compiler.targets.applicable_checks import applicable_checks
from compiler.targets.groups import Kind
from compiler.targets.plan import Plan
from compiler.targets.target import Target


MOST = 3
"""Maximum number of nearest targets shown for an excluded combination."""


class Chosen(NamedTuple):
    """An axis, its value, and its fragment in names."""

    axis: str
    value: str
    """Its spelling; `*` stands for any value."""
    place: Location
    fragment: str
    why: str
    """The source of the fragment, such as `its tag`; empty without a target."""
    eol: str = ""
    """The last day of support; empty if it is not declared."""


class Link(NamedTuple):
    """The parent of a target."""

    target: str
    image: str
    why: str
    """The common values, and the values that `with` fixes."""
    place: Location


class Member(NamedTuple):
    """A group that contains the target, or a check of its image."""

    name: str
    place: Location | None
    """Where it is declared; None for a group that always exists."""


class Near(NamedTuple):
    """A target that differs from an excluded combination in one value."""

    target: str
    value: str
    """The different value: `AXIS=VALUE`."""


class Content(NamedTuple):
    """The fingerprint of a target's image, and the contexts that are inputs as a whole."""

    fingerprint: str
    whole: tuple[tuple[str, str], ...]
    """Contexts of which all files are inputs, each with the instruction that is the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """The values with which a target is built, each with its origin."""

    target: str
    variant: str
    dockerfile: str
    template: Given
    """Its value is the file's path."""
    settings: tuple[Given, ...]
    fields: tuple[Given, ...]
    """Each entry of a list such as tags, and each key of a mapping."""
    platforms: tuple[str, ...]
    narrowing: tuple[Given, ...]
    """The platforms that remain after narrowing by axis values."""
    parent: Link | None
    children: tuple[str, ...]
    groups: tuple[Member, ...]
    checks: tuple[Member, ...]
    """The checks of `publish` that its image must pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The explanation of one combination of values."""

    image: str
    place: Location
    axes: tuple[Chosen, ...]
    rules: tuple[Ruling, ...]
    build: Build | None
    """None if the rules exclude the combination."""
    near: tuple[Near, ...] = ()

    @property
    def dropped(self) -> tuple[Ruling, ...]:
        """The rules that exclude the combination."""
        return tuple(ruling for ruling in self.rules if ruling.effect is Effect.DROPPED)


def explain(
    plan: Plan, arguments: Sequence[str]
) -> tuple[tuple[Explanation, ...], tuple[Open, ...]]:
    """Explain the targets and combinations that arguments name.

    Args:
        plan: the targets of the matrix.
        arguments: names of targets, or `axis=value` for each axis, and `image=`.

    Returns:
        An explanation for each target and combination, and the images for which the arguments
        leave the value of an axis open.

    Raises:
        CompileError: the arguments match nothing, or leave values open for every image.
    """
    explanations: list[Explanation] = []
    incomplete: list[Open] = []
    for query in find_queries(plan, arguments):
        match query:
            case Target():
                explanations.append(_target(plan, query))
            case Combination():
                explanations.append(_combination(plan, query))
            case Open():
                incomplete.append(query)
    return tuple(explanations), tuple(incomplete)


def _target(plan: Plan, target: Target) -> Explanation:
    matrix = plan.matrix
    image = matrix.images[target.image]
    origins = Origins(matrix, target)
    folder = posixpath.dirname(matrix.source.path)
    template = origins.template()
    axes = []
    for axis, value in zip(image.axes, target.values, strict=True):
        fragment, why = _fragment(axis.name, value, target)
        place = matrix.source.locate(value.route, key=True)
        axes.append(Chosen(axis.name, value.text, place, fragment, why, str(value.eol or "")))
    return Explanation(
        image=image.name,
        place=matrix.source.locate(image.route, key=True),
        axes=tuple(axes),
        rules=rulings(matrix, image, target.values),
        build=Build(
            target=target.name,
            variant=target.variant,
            dockerfile=posixpath.join(folder, target.dockerfile),
            template=template._replace(
                value=posixpath.join(
                    folder, *([] if target.is_existing else [FOLDER]), template.value
                )
            ),
            settings=origins.settings(),
            fields=(*origins.fields(), *origins.aliases()),
            platforms=target.platforms,
            narrowing=origins.narrowing(),
            parent=_parent(matrix, image, target),
            children=tuple(child.name for child in plan.targets if child.parent == target.name),
            groups=_groups(plan, target.name),
            checks=tuple(
                Member(
                    check.name, matrix.source.locate(("publish", "checks", check.name), key=True)
                )
                for check in applicable_checks(matrix, target)
            ),
        ),
    )


def _fragment(axis: str, value: Value, target: Target) -> tuple[str, str]:
    """Return the fragment that a value adds to the variant's name, and its source."""
    if value.tag is not None:
        return value.tag.render(target.scope), "its tag"
    if value.value is True:
        return axis, "true gives the axis's name"
    return (value.value, "the value itself") if value.value else ("", f"{value.text} gives none")


def _parent(matrix: Matrix, image: Image, target: Target) -> Link | None:
    parent = target.spec.parent
    if parent is None or parent.image is None or target.parent is None:
        return None
    names = {axis.name for axis in image.axes}
    fixed = parent.fixed.matchers if parent.fixed is not None else {}
    shared = [
        axis.name
        for axis in matrix.images[parent.image].axes
        if axis.name in names and axis.name not in fixed
    ]
    why = []
    if shared:
        why.append(f"with the same {_listed(shared)}")
    if parent.fixed is not None:
        why.append(f"with {flow(written(matrix, parent.fixed.route))}")
    place = matrix.source.locate(parent.route, key=True)
    return Link(target.parent, parent.image, " and ".join(why), place)


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _groups(plan: Plan, name: str) -> tuple[Member, ...]:
    locate = plan.matrix.source.locate
    return tuple(
        Member(
            group.name,
            locate(("groups", group.name), key=True) if group.kind is Kind.PICKED else None,
        )
        for group in plan.groups
        if name in group.targets
        or (group.kind is Kind.TESTS and f"{name}{TEST_SUFFIX}" in group.targets)
    )


def _combination(plan: Plan, combination: Combination) -> Explanation:
    matrix, (image, values) = plan.matrix, combination
    axes = tuple(
        Chosen(
            axis.name,
            "*" if value is None else value.text,
            matrix.source.locate(axis.route if value is None else value.route, key=True),
            "",
            "",
        )
        for axis, value in zip(image.axes, values, strict=True)
    )
    return Explanation(
        image=image.name,
        place=matrix.source.locate(image.route, key=True),
        axes=axes,
        rules=tuple(
            ruling
            for ruling in rulings(matrix, image, values)
            if not ruling.rule.startswith("override")  # overrides only change existing variants
        ),
        build=None,
        near=tuple(_near(plan, image, values)[:MOST]),
    )


def _near(plan: Plan, image: Image, values: Sequence[Value | None]) -> list[Near]:
    """Return the targets that differ in one value."""
    nearest = []
    for target in plan.targets:
        if target.image != image.name:
            continue
        others = [
            f"{axis.name}={value.text}"
            for axis, value, wanted in zip(image.axes, target.values, values, strict=True)
            if wanted is not None and wanted is not value
        ]
        if len(others) == 1:
            nearest.append(Near(target.name, others[0]))
    return nearest
