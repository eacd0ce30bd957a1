"""Changes, written for people and for programs."""

import json

from compiler.reports.changed.changed import Changed
from compiler.reports.listing import ListFormat, listing
from compiler.targets.plan import Plan
from compiler.targets.selection_file import as_selection


_MOST = 3
"""Reasons, and targets downstream, that the table tells; the rest is counted."""


def written(plan: Plan, changes: tuple[Changed, ...], form: ListFormat) -> str:
    """Return changes in a form, each line ended; nothing where people read and none is there."""
    match form:
        case ListFormat.TABLE:
            return _table(changes)
        case ListFormat.NAMES:
            return "".join(f"{change.target.name}\n" for change in changes)
        case ListFormat.JSON:
            lines = ",\n ".join(json.dumps(_described(one), ensure_ascii=False) for one in changes)
            return f"[{lines}]\n"
        case ListFormat.GITHUB:
            return listing(plan, tuple(change.target for change in changes), ListFormat.GITHUB)
        case ListFormat.SELECTION:
            return as_selection(change.target.name for change in changes)


def _described(change: Changed) -> dict[str, object]:
    return {
        "target": change.target.name,
        "image": change.target.image,
        "axes": change.target.axes,
        "reasons": change.reasons,
        "downstream": change.downstream,
        "fingerprint": f"sha256:{change.fingerprint}",
    }


def _table(changes: tuple[Changed, ...]) -> str:
    if not changes:
        return ""
    rows = [["TARGET", "WHY", "DOWNSTREAM"]]
    rows += [
        [one.target.name, _some(one.reasons, "; "), _some(one.downstream, " ")] for one in changes
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        + "\n"
        for row in rows
    )


def _some(words: tuple[str, ...], between: str) -> str:
    more = len(words) - _MOST
    return between.join(words[:_MOST]) + (f"{between}and {more} more" if more > 0 else "")
