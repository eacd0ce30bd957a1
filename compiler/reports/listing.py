"""The targets of a plan, written for people and for programs."""

import json
from enum import StrEnum

from compiler.matrix.pattern import spelling
from compiler.reports.text import columns
from compiler.targets.plan import Plan, described
from compiler.targets.selection_file import as_selection
from compiler.targets.target import Target


class ListFormat(StrEnum):
    """How targets are listed."""

    TABLE = "table"
    NAMES = "names"
    JSON = "json"
    GITHUB = "github"
    SELECTION = "selection"


def listing(plan: Plan, targets: tuple[Target, ...], form: ListFormat) -> str:
    """Return targets in a form, each line ended.

    `json` is the list of targets as matrix.json has them, `github` the job matrix of a workflow,
    `selection` what `--selection` takes.
    """
    match form:
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
            return _table(plan, targets)


def _table(plan: Plan, targets: tuple[Target, ...]) -> str:
    """Align columns; an axis that an image lacks is left blank."""
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
    return "".join(f"{line}\n" for line in columns(rows))
