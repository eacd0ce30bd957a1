"""What docker-bake.hcl.j2 is rendered from: every decision taken, so that it only loops.

Takes a `Plan`; returns names for that template.
"""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from compiler.constants import TEST_SUFFIX
from compiler.matrix.matrix import Matrix
from compiler.matrix.names import only_variable
from compiler.matrix.strings import BakeString
from compiler.output.hcl import Block, Expression, literal
from compiler.output.shared_cache import siblings
from compiler.render.render import Dockerfile
from compiler.targets.links import link_to
from compiler.targets.plan import Group, Kind, Plan, shared_fields
from compiler.targets.target import Target


def view(plan: Plan, dockerfiles: tuple[Dockerfile, ...]) -> dict[str, Any]:
    """Return the names that docker-bake.hcl.j2 reads."""
    matrix = plan.matrix
    filters = _filters(matrix)
    return {
        "usage": _usage(plan),
        "variables": [
            (variable.name, BakeString(variable.default)) for variable in matrix.variables.values()
        ],
        "switches": _switches(plan),
        "filters": filters,
        "filter_variables": [
            *(filter_["variable"] for filter_ in filters),
            "ONLY_PLATFORM",
            "ONLY_SHARD",
        ],
        "columns": ["name", *(filter_["name"] for filter_ in filters), "platforms"],
        "condition": " && ".join(
            f"{passes}[t[{n}]]"
            for n, passes in enumerate(
                [*(filter_["passes"] for filter_ in filters), "_platforms_pass"], 1
            )
        ),
        "rows": list(_rows(plan)),
        "platforms": list(dict.fromkeys(_joined(target) for target in plan.targets)),
        "every_platform": list(
            dict.fromkeys(name for target in plan.targets for name in target.platforms or [""])
        ),
        "groups": [(group.name, _members(group)) for group in plan.groups],
        "picks": any(group.kind in (Kind.PICKED, Kind.TESTS) for group in plan.groups),
        "targets": list(_targets(plan, siblings(dockerfiles))),
    }


def _switches(plan: Plan) -> list[tuple[str, str | bool, str]]:
    """Return the variables that turn on what a plain build leaves: name, default, what it does."""
    found: list[tuple[str, str | bool, str]] = []
    if any(target.moving or target.aliases for target in plan.targets):
        found.append(("MOVING", False, "true gives images the tags that move, too."))
    if any(target.cache for target in plan.targets):
        found.append(("CACHE", "", "read, or write: use the cache of each target in its registry."))
    return found


def _filters(matrix: Matrix) -> list[dict[str, Any]]:
    """Return the filters by image and by each axis; `null` is always a value of an axis."""
    known = {"image": list(matrix.images)} | {
        name: list(dict.fromkeys([*(value.text for value in axis.values), "null"]))
        for name, axis in matrix.axes.items()
    }
    return [
        {
            "name": name,
            "variable": only_variable(name),
            "known": values,
            "column": column,
            **{local: f"_{local}_{name}" for local in ("passes", "by")},
        }
        for column, (name, values) in enumerate(known.items(), 1)
    ]


def _rows(plan: Plan) -> Iterator[Expression]:
    """Give each target's row of the table; what many rows hold is quoted once."""
    matrix = plan.matrix
    quoted = {value: literal(value.text) for axis in matrix.axes.values() for value in axis.values}
    places = {
        image.name: _places(list(matrix.axes), [axis.name for axis in image.axes])
        for image in matrix.images.values()
    }
    lacking = literal("null")
    for target in plan.targets:
        cells = [quoted[value] for value in target.values]
        order = places[target.image]
        if order is not None:
            cells = [lacking if place is None else cells[place] for place in order]
        joined = literal(_joined(target))
        # The names of targets and images need no escapes.
        yield Expression(
            f'["{target.name}", "{target.image}", {"".join(f"{c}, " for c in cells)}{joined}]'
        )


def _places(axes: list[str], own: list[str]) -> list[int | None] | None:
    """Return where each axis stands among an image's own; None where they are the same."""
    return None if axes == own else [own.index(axis) if axis in own else None for axis in axes]


def _joined(target: Target) -> BakeString:
    return BakeString(",".join(target.platforms))


def _members(group: Group) -> str:
    if group.kind is Kind.PICKED:
        return f"_pick({literal(group.targets)})"
    if group.kind is Kind.TESTS:
        return f"_tests({literal([name.removesuffix(TEST_SUFFIX) for name in group.targets])})"
    if group.by is None:
        return "_built"
    axis, value = group.by
    return f"_by_{axis}[{literal(value)}]"


def _targets(plan: Plan, near: Mapping[str, list[Target]]) -> Iterator[tuple[str, Block]]:
    """Give each image's shared target and then its targets with their tests, as attributes."""
    by_image: dict[str, list[Target]] = {}
    for target in plan.targets:
        by_image.setdefault(target.image, []).append(target)
    for image, targets in by_image.items():
        shared: Mapping[str, Any] = {}
        parent = f"_{image.replace('.', '_')}"
        if len(targets) > 1:
            shared = shared_fields(targets)
            yield parent, Block(_attributes(shared))
        inherits = {"inherits": Expression(literal([parent]))} if shared else {}
        trimmed: dict[tuple[str, int], Any] = {}
        for target in targets:
            attributes = _attributes(_own(target, shared, trimmed))
            if target.moving or target.aliases:
                tags = literal((*target.moving, *target.aliases))
                attributes = _appended(attributes, "tags", f"_moving({tags})")
            if target.cache is not None:
                attributes = _cached(attributes, target.cache, near.get(target.name, ()))
            place = BakeString(f"cwd://{target.dockerfile}")
            yield target.name, Block(**inherits, dockerfile=place, **attributes)
            if target.tests:
                yield f"{target.name}{TEST_SUFFIX}", _test(target)


def _test(target: Target) -> Block:
    """Return the target that runs a target's tests, and keeps nothing of it."""
    fields: dict[str, Any] = {"contexts": {target.name: link_to(target.name)}}
    if target.platforms:
        fields["platforms"] = target.platforms
    place = BakeString(f"{target.dockerfile.removesuffix('.Dockerfile')}{TEST_SUFFIX}.Dockerfile")
    return Block(
        dockerfile=BakeString(f"cwd://{place}"), **_attributes(fields), output=["type=cacheonly"]
    )


def _appended(fields: Mapping[str, Any], name: str, expression: str) -> Mapping[str, Any]:
    """Return fields with a list that goes on as an expression says."""
    if fields.get(name):
        expression = f"concat({literal(fields[name])}, {expression})"
    return {**fields, name: Expression(expression)}


def _cached(
    fields: Mapping[str, Any], cache: Mapping[str, str], near: Iterable[Target]
) -> Mapping[str, Any]:
    """Return fields with the target's own cache, and those of its siblings to read."""
    refs = [cache["ref"], *(other.cache["ref"] for other in near if other.cache is not None)]
    read = [BakeString(f"type=registry,ref={ref}") for ref in refs]
    written = [BakeString(f"type=registry,ref={cache['ref']},mode={cache['mode']}")]
    fields = _appended(fields, "cache-from", f"_cache_read({literal(read)})")
    return _appended(fields, "cache-to", f"_cache_written({literal(written)})")


def _own(
    target: Target, shared: Mapping[str, Any], trimmed: dict[tuple[str, int], Any]
) -> Mapping[str, Any]:
    """Return the fields of a target that it does not inherit; equal mappings as one object."""
    if not shared:
        return target.fields
    own: dict[str, Any] = {}
    for name, value in target.fields.items():
        if name not in shared:
            own[name] = value
            continue
        common = shared[name]
        if common is value:
            continue
        key = (name, id(value))  # the target's field: alive as long as the plan
        if key not in trimmed:
            trimmed[key] = (
                None if common == value else {k: v for k, v in value.items() if k not in common}  # type: ignore[union-attr]
            )
        if trimmed[key] is not None:
            own[name] = trimmed[key]
    return own


def _attributes(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return fields as bake's attributes: platforms are looked up among what is asked for."""
    if "platforms" not in fields:
        return fields
    joined = literal(BakeString(",".join(fields["platforms"])))
    return {**fields, "platforms": Expression(f"_platforms[{joined}]")}


def _usage(plan: Plan) -> list[str]:
    """Return the commands that a reader of the bake file may want, with names of this matrix."""
    first = next(iter(plan.matrix.axes.values()), None)
    examples = [("docker buildx bake", "everything")]
    if len(plan.groups) > 1:
        examples.append((f"docker buildx bake {plan.groups[1].name}", "one group of it"))
    if first is not None:
        only = f"{only_variable(first.name)}={shlex.quote(first.values[0].text)}"
        examples.append((f"{only} docker buildx bake", "what has this value"))
    examples += [
        ("ONLY_PLATFORM=local docker buildx bake", "for this machine's architecture"),
        ("ONLY_SHARD=2/5 docker buildx bake", "the second of five parts of it"),
    ]
    width = max(len(command) for command, _ in examples) + 3
    return [
        *(f"#   {command:<{width}}{what}" for command, what in examples),
        "#",
        "# Filters take several values, with commas between, and narrow each other in every group.",
    ]
