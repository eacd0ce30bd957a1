"""A comparison of two definitions, for people and for programs."""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from compiler.reports.compare.compare import SHOWN_NAMES, Comparison, Difference
from compiler.reports.text import columns, counted, inert, printable, shortened


_OFTEN = 3
"""Number of targets above which a common difference is shown once."""
_WIDEST = 60
"""Maximum width to which a column is padded."""


def as_text(comparison: Comparison, file: str) -> str:
    """Return a comparison for people, each line with its line ending; `file` is the other file."""
    lines = [_summary(comparison, file), *(f"note: {note}" for note in comparison.notes)]
    differing = [pair for pair in comparison.pairs if pair.differences]
    owners: dict[Difference, list[str]] = {}
    for pair in differing:
        for difference in pair.differences:
            owners.setdefault(difference, []).append(pair.ours)
    alike: dict[tuple[str, ...], list[Difference]] = {}
    for difference, names in owners.items():
        if len(names) > _OFTEN:
            alike.setdefault(tuple(names), []).append(difference)
    for members, several in alike.items():
        which = (
            "all compared targets"
            if len(members) == len(comparison.pairs)
            else shortened(members, SHOWN_NAMES)
        )
        lines += [f"in {len(members):,} targets: {which}", *_table(several)]
    for pair in differing:
        own = [difference for difference in pair.differences if len(owners[difference]) <= _OFTEN]
        if own:
            other = f" (theirs: {pair.theirs})" if pair.theirs != pair.ours else ""
            lines += [f"{pair.ours}{other}", *_table(own)]
    lines += _alone("only theirs", comparison.only_theirs)
    lines += _alone("only here", comparison.only_ours)
    if comparison.left_out:
        lines.append(
            "ignored, because they have neither tags nor an output: "
            + shortened(comparison.left_out, SHOWN_NAMES)
        )
    return "".join(f"{inert(printable(line))}\n" for line in lines)


def as_json(comparison: Comparison, file: str) -> str:
    """Return a comparison as one JSON document."""
    return (
        json.dumps(
            {
                "version": 1,
                "file": file,
                "same": comparison.same,
                "here": len(comparison.pairs) + len(comparison.only_ours),
                "theirs": len(comparison.pairs) + len(comparison.only_theirs),
                "different": [
                    {
                        "target": pair.ours,
                        "theirs": pair.theirs,
                        "fields": [_plain(difference) for difference in pair.differences],
                    }
                    for pair in comparison.pairs
                    if pair.differences
                ],
                "only_here": _listed(comparison.only_ours),
                "only_theirs": _listed(comparison.only_theirs),
                "left_out": comparison.left_out,
                "notes": comparison.notes,
            },
            indent=2,
        )
        + "\n"
    )


def _plain(difference: Difference) -> dict[str, Any]:
    return {
        "field": difference.field,
        "key": difference.key,
        "theirs": difference.theirs,
        "ours": difference.ours,
    }


def _listed(targets: Mapping[str, tuple[str, ...]]) -> list[dict[str, Any]]:
    return [{"target": name, "tags": tags} for name, tags in targets.items()]


def _summary(comparison: Comparison, file: str) -> str:
    differ = sum(bool(pair.differences) for pair in comparison.pairs)
    here = len(comparison.pairs) + len(comparison.only_ours)
    theirs = len(comparison.pairs) + len(comparison.only_theirs)
    counts = [
        f"{count:,} {word}"
        for count, word in (
            (len(comparison.pairs) - differ, "the same"),
            (differ, "differs" if differ == 1 else "differ"),
            (len(comparison.only_theirs), "only theirs"),
            (len(comparison.only_ours), "only here"),
        )
        if count
    ]
    result = (
        "all the same" if comparison.same and here else ", ".join(counts) or "nothing to compare"
    )
    return f"{counted(here, 'target')} here, {theirs:,} in {file}: {result}"


def _table(differences: Collection[Difference]) -> list[str]:
    """Return aligned fields with both values."""
    rows = [
        (
            difference.field if difference.key is None else f"{difference.field}.{difference.key}",
            f"theirs: {_shown(difference.theirs)}",
            f"ours: {_shown(difference.ours)}",
        )
        for difference in differences
    ]
    return columns(rows, indent="  ", widest=_WIDEST)


def _shown(value: str | tuple[str, ...] | None) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, str):
        return value or '""'
    return ", ".join(value)


def _alone(what: str, targets: Mapping[str, tuple[str, ...]]) -> Iterable[str]:
    for name, tags in targets.items():
        more = f" and {len(tags) - 1:,} more" if len(tags) > 1 else ""
        yield f"{what}: {name} ({f'tag {tags[0]}{more}' if tags else 'no tags'})"
