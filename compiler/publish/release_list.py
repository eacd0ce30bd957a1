"""Write a list of releases as text or JSON."""

import json
from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

from compiler.publish.output import PublishFormat
from compiler.releases.record import ReleaseRecord
from compiler.reports.sizes import growth, growth_text, size
from compiler.reports.text import columns


class _ReleaseRow(NamedTuple):
    """A release in the list of releases."""

    release: str
    targets: int
    built: int
    bytes: int
    growth: float | None
    """By how much its targets have grown since the release before, as a fraction."""


def format_releases(records: Sequence[ReleaseRecord], output_format: PublishFormat) -> str:
    """Return a list of releases with the number, the size and the growth of their targets.

    Args:
        records: the releases, the newest first.
        output_format: the format.
    """
    rows = [
        _ReleaseRow(
            release=record.release,
            targets=len(record.targets),
            built=sum(target.state == "built" for target in record.targets),
            bytes=sum(target.bytes for target in record.targets),
            growth=_growth(record, before),
        )
        for record, before in zip_longest(records, records[1:])
    ]
    if output_format is PublishFormat.JSON:
        lines = ",\n".join(f" {json.dumps(row._asdict())}" for row in rows)
        return "".join(f"{line}\n" for line in ("[", lines, "]") if line)
    if not rows:
        return ""
    table = [("RELEASE", "TARGETS", "BUILT", "SIZE", "GROWTH")]
    table += [
        (
            row.release,
            str(row.targets),
            str(row.built),
            size(row.bytes),
            growth_text(row.growth),
        )
        for row in rows
    ]
    return "".join(f"{line}\n" for line in columns(table))


def _growth(record: ReleaseRecord, before: ReleaseRecord | None) -> float | None:
    """Return the growth of the targets that both releases have; None if no size is known."""
    earlier = {} if before is None else before.by_name
    pairs = [
        (target.bytes, old.bytes)
        for target in record.targets
        if (old := earlier.get(target.target)) is not None and target.bytes and old.bytes
    ]
    return growth(sum(new for new, _ in pairs), sum(old for _, old in pairs))
