"""The names that docker-bake.hcl.j2 reads: every decision is taken here, so that it only loops."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from compiler.constants import TEST_SUFFIX
from compiler.external.platforms import unversioned_platform
from compiler.matrix.bake_strings import BakeString
from compiler.matrix.matrix import Matrix
from compiler.matrix.matrix import Variable as MatrixVariable
from compiler.matrix.names import only_variable
from compiler.output.bake_targets import bake_targets, joined_platforms
from compiler.output.hcl import Block, Expression, literal
from compiler.output.shared_cache import siblings
from compiler.render.render import Dockerfile
from compiler.targets.groups import Group, Kind
from compiler.targets.needed_platforms import partly_needed
from compiler.targets.plan import Plan
from compiler.targets.target import Target


class Variable(NamedTuple):
    """A variable of the matrix."""

    name: str
    default: BakeString | Expression


class Switch(NamedTuple):
    """A variable that adds floating tags or caches to a plain build."""

    name: str
    default: str | bool
    effect: str


class Filter(NamedTuple):
    """A filter by image, or by an axis."""

    name: str
    variable: str
    known: tuple[str, ...]
    """The values that it accepts; `null` is always a value of an axis."""
    column: int
    """Its column in the rows of targets."""
    passes: str
    """The local that maps each value to whether the filter selects it."""
    by: str
    """The local that maps each value to the names of its targets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BakeContext:
    """The names that docker-bake.hcl.j2 reads."""

    usage: tuple[str, ...]
    """The comment at the top, line by line."""
    variables: tuple[Variable, ...]
    switches: tuple[Switch, ...]
    filters: tuple[Filter, ...]
    filter_variables: tuple[str, ...]
    columns: tuple[str, ...]
    """The names of the columns of the rows."""
    rows: tuple[Expression, ...]
    """A row for each target."""
    condition: str
    """The expression that is true for the rows that all filters select."""
    platforms: tuple[str, ...]
    """Each list of platforms that a target has, joined by commas."""
    os_versions: bool
    """Whether a platform has a version of its operating system."""
    every_platform: tuple[str, ...]
    """Each platform; empty for the builder's choice."""
    linked: tuple[tuple[str, Expression], ...]
    """Target -> its name, platforms and dependents, for targets that may be needed partly."""
    groups: tuple[tuple[str, str], ...]
    """Name -> the expression of its targets."""
    picks: bool
    """Whether an expression of a group names targets."""
    targets: tuple[tuple[str, Block], ...]

    def names(self) -> dict[str, Any]:
        """Return the names, for a template."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def bake_context(plan: Plan, dockerfiles: tuple[Dockerfile, ...]) -> BakeContext:
    """Return what the bake file of a plan consists of."""
    filters = tuple(_filters(plan.matrix))
    tests = [*(filter_.passes for filter_ in filters), "_platforms_pass"]
    partly = partly_needed(plan.targets)
    lists = dict.fromkeys(target.platforms for target in plan.targets)
    platforms = tuple(map(joined_platforms, lists))
    os_versions = any("(" in joined for joined in platforms)
    every_platform = (name for platforms in lists for name in platforms or [""])
    return BakeContext(
        usage=tuple(_usage(plan)),
        variables=tuple(
            Variable(variable.name, _default(variable))
            for variable in plan.matrix.variables.values()
        ),
        switches=tuple(_switches(plan)),
        filters=filters,
        filter_variables=(
            *(filter_.variable for filter_ in filters),
            "ONLY_PLATFORM",
            "ONLY_SHARD",
        ),
        columns=("name", *(filter_.name for filter_ in filters), "platforms"),
        rows=tuple(_rows(plan, {names: literal(joined_platforms(names)) for names in lists})),
        condition=" && ".join(f"{passes}[t[{n}]]" for n, passes in enumerate(tests, 1)),
        platforms=platforms,
        os_versions=os_versions,
        every_platform=tuple(
            dict.fromkeys(
                name for text in every_platform for name in (text, unversioned_platform(text))
            )
        ),
        linked=tuple(
            (target.name, _linked(target, partly[target.name]))
            for target in plan.targets
            if target.name in partly
        ),
        groups=tuple((group.name, _members(group)) for group in plan.groups),
        picks=any(group.kind in (Kind.PICKED, Kind.TESTS) for group in plan.groups),
        targets=tuple(bake_targets(plan, siblings(dockerfiles), partly)),
    )


def _default(variable: MatrixVariable) -> BakeString | Expression:
    """Return the default of a variable; null if it has no value."""
    derivation = variable.derivation
    if derivation is not None:
        return Expression(
            f"try(regex({literal(derivation.pattern)}, {derivation.source})[0], null)"
        )
    default = BakeString(variable.default)
    return Expression(f"try({literal(default)}, null)") if variable.can_lack_value else default


def _switches(plan: Plan) -> Iterator[Switch]:
    if any(target.moving or target.aliases for target in plan.targets):
        yield Switch("MOVING", default=False, effect="true adds the floating tags.")
    if any(target.cache for target in plan.targets):
        effect = "read: read the cache of each target; write: read and write it."
        yield Switch("CACHE", default="", effect=effect)


def _filters(matrix: Matrix) -> Iterator[Filter]:
    known = {"image": tuple(matrix.images)} | {
        name: tuple(dict.fromkeys([*(value.text for value in axis.values), "null"]))
        for name, axis in matrix.axes.items()
    }
    for column, (name, values) in enumerate(known.items(), 1):
        yield Filter(
            name=name,
            variable=only_variable(name),
            known=values,
            column=column,
            passes=f"_passes_{name}",
            by=f"_by_{name}",
        )


def _rows(plan: Plan, platforms: Mapping[tuple[BakeString, ...], str]) -> Iterator[Expression]:
    """Yield each target's row; a value that many rows have is quoted once.

    Args:
        plan: the plan.
        platforms: the lists of platforms that targets have -> the same, quoted.
    """
    matrix = plan.matrix
    quoted = {value: literal(value.text) for axis in matrix.axes.values() for value in axis.values}
    columns = {
        image.name: _columns(list(matrix.axes), [axis.name for axis in image.axes])
        for image in matrix.images.values()
    }
    null = literal("null")
    for target in plan.targets:
        cells = [quoted[value] for value in target.values]
        order = columns[target.image]
        if order is not None:
            cells = [null if position is None else cells[position] for position in order]
        cells.append(platforms[target.platforms])
        # The names of targets and images need no escapes.
        yield Expression(f'["{target.name}", "{target.image}", {", ".join(cells)}]')


def _linked(target: Target, names: tuple[str, ...]) -> Expression:
    """Return the arguments of the function that determines the needed platforms."""
    arguments = (target.name, joined_platforms(target.platforms), names)
    return Expression(", ".join(map(literal, arguments)))


def _columns(axes: list[str], own: list[str]) -> list[int | None] | None:
    """Return the position of each axis among an image's own; None if they are the same."""
    return None if axes == own else [own.index(axis) if axis in own else None for axis in axes]


def _members(group: Group) -> str:
    """Return the expression of a group's targets."""
    if group.kind is Kind.PICKED:
        return f"_pick({literal(group.targets)})"
    if group.kind is Kind.TESTS:
        return f"_tests({literal([name.removesuffix(TEST_SUFFIX) for name in group.targets])})"
    if group.by is None:
        return "_built"
    axis, value = group.by
    return f"_by_{axis}[{literal(value)}]"


def _usage(plan: Plan) -> list[str]:
    """Return example commands with names of this matrix, as a comment."""
    first = next(iter(plan.matrix.axes.values()), None)
    examples = [("docker buildx bake", "all targets")]
    if len(plan.groups) > 1:
        examples.append((f"docker buildx bake {plan.groups[1].name}", "the targets of a group"))
    if first is not None:
        only = f"{only_variable(first.name)}={shlex.quote(first.values[0].text)}"
        examples.append((f"{only} docker buildx bake", "the targets with this value"))
    examples += [
        ("ONLY_PLATFORM=local docker buildx bake", "the architecture of this machine"),
        ("ONLY_SHARD=2/5 docker buildx bake", "the second of five shards"),
    ]
    width = max(len(command) for command, _ in examples) + 3
    return [
        *(f"#   {command:<{width}}{what}" for command, what in examples),
        "#",
        "# A filter takes one or more values, separated by commas. Every group contains only",
        "# targets that all filters select.",
    ]
