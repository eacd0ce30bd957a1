"""What docker-bake.hcl.j2 is rendered from: every decision taken, so that it only loops.

Takes a `Plan`; returns names for that template.
"""

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from compiler.hcl import Expression, literal
from compiler.matrix import Matrix
from compiler.names import only_variable
from compiler.pattern import spelling
from compiler.plan import Group, Plan, shared_fields
from compiler.resolve import Target
from compiler.text import Interpolated


def view(plan: Plan) -> dict[str, Any]:
    """Return the names that docker-bake.hcl.j2 reads."""
    matrix = plan.matrix
    filters = _filters(matrix)
    return {
        "usage": _usage(plan),
        "variables": [
            (variable.name, Interpolated(variable.default))
            for variable in matrix.variables.values()
        ],
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
        "rows": [_row(target, matrix) for target in plan.targets],
        "platforms": list(dict.fromkeys(_joined(target) for target in plan.targets)),
        "every_platform": list(
            dict.fromkeys(name for target in plan.targets for name in target.platforms or [""])
        ),
        "groups": [(group.name, _members(group)) for group in plan.groups],
        "targets": list(_targets(plan)),
    }


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


def _row(target: Target, matrix: Matrix) -> list[str]:
    values = target.axes
    return [
        target.name,
        target.image,
        *(spelling(values.get(name)) for name in matrix.axes),
        _joined(target),
    ]


def _joined(target: Target) -> Interpolated:
    return Interpolated(",".join(target.platforms))


def _members(group: Group) -> str:
    if group.by is None:
        return "_built"
    axis, value = group.by
    return f"_by_{axis}[{literal(value)}]"


def _targets(plan: Plan) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """Give each image's shared target and then its targets, as bake's attributes."""
    by_image: dict[str, list[Target]] = {}
    for target in plan.targets:
        by_image.setdefault(target.image, []).append(target)
    for image, targets in by_image.items():
        shared: Mapping[str, Any] = {}
        parent = f"_{image.replace('.', '_')}"
        if len(targets) > 1:
            shared = shared_fields(targets)
            yield parent, _attributes(shared)
        for target in targets:
            own = _own(target, shared)
            attributes = _attributes(own)
            place = Interpolated(f"cwd://{target.dockerfile}")
            head: list[tuple[str, Any]] = [("dockerfile", place)]
            if shared:
                head.insert(0, ("inherits", [parent]))
            yield target.name, head + attributes


def _own(target: Target, shared: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields of a target that it does not inherit."""
    if not shared:
        return target.fields
    own: dict[str, Any] = {}
    for name, value in target.fields.items():
        if name not in shared:
            own[name] = value
        elif shared[name] is not value and shared[name] != value:
            own[name] = {k: v for k, v in value.items() if k not in shared[name]}  # type: ignore[union-attr]
    return own


def _attributes(fields: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [
        (name, Expression(f"_platforms[{literal(Interpolated(','.join(value)))}]"))
        if name == "platforms"
        else (name, value)
        for name, value in fields.items()
    ]


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
