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


def as_text(found: Comparison, file: str) -> str:
    """Return a comparison for people, each line with its line ending; `file` is the other file."""
    lines = [_summary(found, file), *(f"note: {note}" for note in found.notes)]
    differing = [pair for pair in found.pairs if pair.differences]
    owners: dict[Difference, list[str]] = {}
    for pair in differing:
        for one in pair.differences:
            owners.setdefault(one, []).append(pair.ours)
    alike: dict[tuple[str, ...], list[Difference]] = {}
    for one, names in owners.items():
        if len(names) > _OFTEN:
            alike.setdefault(tuple(names), []).append(one)
    for members, several in alike.items():
        which = (
            "all compared targets"
            if len(members) == len(found.pairs)
            else shortened(members, SHOWN_NAMES)
        )
        lines += [f"in {len(members):,} targets: {which}", *_table(several)]
    for pair in differing:
        own = [one for one in pair.differences if len(owners[one]) <= _OFTEN]
        if own:
            other = f" (theirs: {pair.theirs})" if pair.theirs != pair.ours else ""
            lines += [f"{pair.ours}{other}", *_table(own)]
    lines += _alone("only theirs", found.only_theirs)
    lines += _alone("only here", found.only_ours)
    if found.left_out:
        lines.append(
            "ignored, because they have neither tags nor an output: "
            + shortened(found.left_out, SHOWN_NAMES)
        )
    return "".join(f"{inert(printable(line))}\n" for line in lines)


def as_json(found: Comparison, file: str) -> str:
    """Return a comparison as one JSON document."""
    return (
        json.dumps(
            {
                "version": 1,
                "file": file,
                "same": found.same,
                "here": len(found.pairs) + len(found.only_ours),
                "theirs": len(found.pairs) + len(found.only_theirs),
                "different": [
                    {
                        "target": pair.ours,
                        "theirs": pair.theirs,
                        "fields": [_plain(one) for one in pair.differences],
                    }
                    for pair in found.pairs
                    if pair.differences
                ],
                "only_here": _listed(found.only_ours),
                "only_theirs": _listed(found.only_theirs),
                "left_out": found.left_out,
                "notes": found.notes,
            },
            indent=2,
        )
        + "\n"
    )


def _plain(one: Difference) -> dict[str, Any]:
    return {"field": one.field, "key": one.key, "theirs": one.theirs, "ours": one.ours}


def _listed(targets: Mapping[str, tuple[str, ...]]) -> list[dict[str, Any]]:
    return [{"target": name, "tags": tags} for name, tags in targets.items()]


def _summary(found: Comparison, file: str) -> str:
    differ = sum(bool(pair.differences) for pair in found.pairs)
    here = len(found.pairs) + len(found.only_ours)
    there = len(found.pairs) + len(found.only_theirs)
    counts = [
        f"{count:,} {word}"
        for count, word in (
            (len(found.pairs) - differ, "the same"),
            (differ, "differs" if differ == 1 else "differ"),
            (len(found.only_theirs), "only theirs"),
            (len(found.only_ours), "only here"),
        )
        if count
    ]
    told = "all the same" if found.same and here else ", ".join(counts) or "nothing to compare"
    return f"{counted(here, 'target')} here, {there:,} in {file}: {told}"


def _table(differences: Collection[Difference]) -> list[str]:
    """Return aligned fields with both values."""
    rows = [
        (
            one.field if one.key is None else f"{one.field}.{one.key}",
            f"theirs: {_shown(one.theirs)}",
            f"ours: {_shown(one.ours)}",
        )
        for one in differences
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
