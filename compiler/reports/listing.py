"""The targets of a plan, for people and for programs."""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum

from compiler.matrix.bake_strings import BakeString, substitute
from compiler.output.bake_resolved import resolve_variables
from compiler.reports.grid import draw, grid_of
from compiler.reports.list_columns import default_columns, known_columns
from compiler.reports.text import columns as aligned
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
    GRID = "grid"


def listing(
    plan: Plan,
    targets: tuple[Target, ...],
    output_format: ListFormat,
    *,
    environment: Mapping[str, str] | None = None,
    terminal: int | None = None,
    columns: Sequence[str] | None = None,
) -> str:
    """Return targets in a format, each line with its line ending.

    Args:
        plan: the plan of the targets.
        targets: the targets, in the plan's order.
        output_format: `json` is the list of targets of matrix.json, `github` the job matrix of a
            workflow, `selection` a file for `--selection`.
        environment: if given, bake variables in tags are replaced by its values or their defaults.
        terminal: the width that a table or grid must fit into.
        columns: the names of a table's columns; None for the default ones.

    A grid of targets that do not differ in exactly two axes, or that does not fit, is a table.
    """
    if environment is not None:
        resolved = resolve_variables(plan, environment)
        values = resolved.values | {name: f"${{{name}}}" for name in resolved.missing}
        targets = tuple(with_resolved_tags(target, values) for target in targets)
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
        case ListFormat.GRID:
            grid = grid_of(plan, targets)
            drawn = None if grid is None else draw(grid, terminal)
            return drawn or _table(plan, targets, terminal, columns)
        case ListFormat.TABLE:
            return _table(plan, targets, terminal, columns)


def with_resolved_tags(target: Target, values: Mapping[str, str]) -> Target:
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
            PlatformTags(
                platform_tags.platform, resolved(platform_tags.tags), resolved(platform_tags.moving)
            )
            for platform_tags in target.platform_tags
        ),
    )


def _table(
    plan: Plan, targets: tuple[Target, ...], terminal: int | None, names: Sequence[str] | None
) -> str:
    """Return aligned columns; the cell of an axis that an image lacks is empty."""
    known = known_columns(plan)
    shown = [known[name] for name in names or default_columns(plan, targets)]
    rows = [[column.title for column in shown]]
    rows += [[column.cell(target) for column in shown] for target in targets]
    return "".join(f"{line}\n" for line in aligned(rows, terminal=terminal))
