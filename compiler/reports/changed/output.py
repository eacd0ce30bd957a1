"""Changes, for people and for programs."""

import json
from collections.abc import Callable, Mapping

from compiler.fingerprint.fingerprint import Fingerprint
from compiler.reports.changed.changed import Changed
from compiler.reports.listing import ListFormat, listing
from compiler.reports.text import columns, shortened
from compiler.targets.plan import Plan
from compiler.targets.selection_file import as_selection


_MOST = 3
"""Reasons, and dependent targets, that the table shows of each target; the rest is counted."""


def changes_text(
    plan: Plan,
    changes: tuple[Changed, ...],
    output_format: ListFormat,
    fingerprints: Callable[[], Mapping[str, Fingerprint]],
    *,
    terminal: int | None = None,
) -> str:
    """Return changes in a format, each line with its line ending; a table of none is empty.

    Args:
        plan: all targets.
        changes: those to print.
        output_format: the format.
        fingerprints: returns the fingerprint of each target, which only JSON contains.
        terminal: the width that a table must fit into.
    """
    match output_format:
        case ListFormat.TABLE | ListFormat.GRID:  # changes have no grid
            return _table(changes, terminal)
        case ListFormat.NAMES:
            return "".join(f"{change.target.name}\n" for change in changes)
        case ListFormat.JSON:
            known = fingerprints() if changes else {}
            described = (_described(change, known[change.target.name]) for change in changes)
            lines = ",\n ".join(map(json.dumps, described))
            return f"[{lines}]\n"
        case ListFormat.GITHUB:
            return listing(plan, tuple(change.target for change in changes), ListFormat.GITHUB)
        case ListFormat.SELECTION:
            return as_selection(change.target.name for change in changes)


def _described(change: Changed, fingerprint: Fingerprint) -> dict[str, object]:
    return {
        "target": change.target.name,
        "image": change.target.image,
        "axes": change.target.axes,
        "reasons": change.reasons,
        "downstream": change.downstream,
        "fingerprint": f"sha256:{fingerprint.digest}",
    }


def _table(changes: tuple[Changed, ...], terminal: int | None) -> str:
    if not changes:
        return ""
    rows = [["TARGET", "WHY", "DOWNSTREAM"]]
    rows += [
        [
            change.target.name,
            shortened(change.reasons, _MOST, "; "),
            shortened(change.downstream, _MOST, " "),
        ]
        for change in changes
    ]
    return "".join(f"{line}\n" for line in columns(rows, terminal=terminal))
