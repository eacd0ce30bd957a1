"""The targets of a plan, for people and for programs."""

import json
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum

from compiler.matrix.bake_strings import BakeString, substitute
from compiler.matrix.matcher import spelling
from compiler.output.bake_resolved import resolve_variables
from compiler.reports.text import columns
from compiler.targets.field_rendering import RenderedTags
from compiler.targets.plan import Plan, described
from compiler.targets.selection_file import as_selection
from compiler.targets.target import Target
from compiler.targets.target_tags import PlatformTags


class ListFormat(StrEnum):
    """How targets are written."""

    TABLE = "table"
    NAMES = "names"
    JSON = "json"
    GITHUB = "github"
    SELECTION = "selection"


def listing(
    plan: Plan,
    targets: tuple[Target, ...],
    output_format: ListFormat,
    *,
    environment: Mapping[str, str] | None = None,
    terminal: int | None = None,
) -> str:
    """Return targets in a format, each line with its line ending.

    Args:
        plan: the plan of the targets.
        targets: the targets, in the plan's order.
        output_format: `json` is the list of targets of matrix.json, `github` the job matrix of a
            workflow, `selection` a file for `--selection`.
        environment: if given, bake variables in tags are replaced by its values or their defaults.
        terminal: the width that a table must fit into.
    """
    if environment is not None:
        found = resolve_variables(plan, environment)
        values = found.values | {name: f"${{{name}}}" for name in found.missing}
        targets = tuple(_resolved(target, values) for target in targets)
    match output_format:
        case ListFormat.NAMES:
            return "".join(f"{target.name}\n" for target in targets)
        case ListFormat.JSON:
            lines = ",\n ".join(
                json.dumps(described(target), ensure_ascii=False) for target in targets
            )
            return f"[{lines}]\n"
        case ListFormat.GITHUB:
            include = [
                {"target": target.name, "image": target.image, **target.axes} for target in targets
            ]
            return json.dumps({"include": include}, ensure_ascii=False) + "\n"
        case ListFormat.SELECTION:
            return as_selection(target.name for target in targets)
        case ListFormat.TABLE:
            return _table(plan, targets, terminal)


def _resolved(target: Target, values: Mapping[str, str]) -> Target:
    """Return a target whose tags contain no variables."""

    def resolved(tags: tuple[BakeString, ...]) -> tuple[BakeString, ...]:
        return tuple(BakeString(substitute(tag, values)) for tag in tags)

    return target._replace(
        fields={**target.fields, "tags": resolved(target.tags)},
        moving=resolved(target.moving),
        aliases=resolved(target.aliases),
        repositories=target.repositories and resolved(target.repositories),
        shared=RenderedTags(*map(resolved, target.shared)),
        platform_tags=tuple(
            PlatformTags(one.platform, resolved(one.tags), resolved(one.moving))
            for one in target.platform_tags
        ),
    )


def _platform_tags(target: Target) -> list[BakeString]:
    return [tag for one in target.platform_tags for tag in (*one.tags, *one.moving)]


_OTHER_TAGS: Mapping[str, Callable[[Target], Iterable[str]]] = {
    "FLOATING TAGS": lambda target: [*target.moving, *target.aliases],
    "SHARED TAGS": lambda target: [*target.shared.tags, *target.shared.moving],
    "PLATFORM TAGS": _platform_tags,
}
"""Columns of tables that are left out if no target has such tags."""


def _table(plan: Plan, targets: tuple[Target, ...], terminal: int | None) -> str:
    """Return aligned columns; the cell of an axis that an image lacks is empty."""
    axes = list(plan.matrix.axes)
    rows = [["TARGET", "IMAGE", *(axis.upper() for axis in axes), "PLATFORMS", "TAGS"]]
    rows += [
        [
            target.name,
            target.image,
            *(spelling(target.axes[axis]) if axis in target.axes else "" for axis in axes),
            ",".join(target.platforms),
            " ".join(target.tags),
        ]
        for target in targets
    ]
    for title, tags_of in _OTHER_TAGS.items():
        cells = [" ".join(tags_of(target)) for target in targets]
        if any(cells):
            for row, cell in zip(rows, [title, *cells], strict=True):
                row.append(cell)
    return "".join(f"{line}\n" for line in columns(rows, terminal=terminal))
