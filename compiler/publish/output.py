"""What was published, and what releases there are, for people and for programs."""

import json
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from compiler.publish.request import PublishResult
from compiler.releases.record import text
from compiler.reports.text import columns, counted


class PublishFormat(StrEnum):
    """How a release is written."""

    TABLE = "table"
    JSON = "json"


_SHORT = 19
"""Characters of a digest that tell it from others."""


def published(done: PublishResult, form: PublishFormat, seconds: float) -> str:
    """Return what a publish did, each line ended."""
    if form is PublishFormat.JSON:
        return text(done.record) if done.record else json.dumps(_staged(done)) + "\n"
    rows = [("TARGET", "STATE", "DIGEST", "TAGS")]
    rows += [
        (
            row.record["target"],
            row.record["state"],
            row.record["digest"][:_SHORT],
            " ".join(row.record["tags"]),
        )
        for row in done.rows
    ]
    built = sum(row.record["state"] == "built" for row in done.rows)
    given = sum(row.given for row in done.rows)
    counts = f"{built} built, {len(done.rows) - built} reused"
    if done.record:
        last = f"published {done.release}: {counts}, {counted(given, 'tag')} given"
    else:
        last = f"staged: {counts}"
    lines = columns(rows)
    lines += left(done)
    lines.append(f"{last}, {counted(done.requests, 'request')}, in {seconds:.0f} s")
    return "".join(f"{line}\n" for line in lines)


def left(done: PublishResult) -> list[str]:
    """Return a line for each tag that moves and did not, with who has it."""
    return [f"left: {tag} belongs to {newer}, which is newer" for tag, newer in done.kept.items()]


def _staged(done: PublishResult) -> Mapping[str, Any]:
    return {"version": 1, "targets": [row.record for row in done.rows]}


def shown(
    record: Mapping[str, Any],
    form: PublishFormat,
    sboms: Mapping[str, Sequence[str]],
    held: Mapping[str, Sequence[str]],
) -> str:
    """Return a release for an auditor: digests, platforms, bases, where its attestations are.

    Args:
        record: of the release.
        form: how it is written.
        sboms: target -> where an SBOM of it is, each as `REPOSITORY@DIGEST`.
        held: target -> the tags that move and stand for it now.
    """
    if form is PublishFormat.JSON:
        rows = [
            {
                **row,
                "sboms": list(sboms.get(row["target"], ())),
                "held": list(held.get(row["target"], ())),
            }
            for row in record["targets"]
        ]
        return text({**record, "targets": rows})
    return "".join(f"{line}\n" for row in record["targets"] for line in _entry(row, sboms, held))


def _entry(
    row: Mapping[str, Any], sboms: Mapping[str, Sequence[str]], held: Mapping[str, Sequence[str]]
) -> Iterable[str]:
    yield f"{row['target']}  {row['digest']}"
    for tag in row["tags"]:
        yield f"  tag       {tag}"
    for tag in row.get("moving", ()):
        elsewhere = "" if tag in held.get(row["target"], ()) else "  (not here now)"
        yield f"  moving    {tag}{elsewhere}"
    for platform, digest in row["platforms"].items():
        yield f"  platform  {platform} {digest}"
    for base, digest in row["bases"].items():
        yield f"  base      {base} {digest}"
    for place in sboms.get(row["target"], ()):
        yield f"  sbom      {place}"
    yield f"  made      {row['state']} from fingerprint {row['fingerprint']}"


def listed(found: Iterable[Mapping[str, Any]], form: PublishFormat) -> str:
    """Return releases, each with what it holds."""
    counts = [
        {
            "release": record["release"],
            "targets": len(record["targets"]),
            "built": sum(row["state"] == "built" for row in record["targets"]),
        }
        for record in found
    ]
    if form is PublishFormat.JSON:
        return "".join(f"{line}\n" for line in ["[", _rows(counts), "]"] if line)
    rows = [("RELEASE", "TARGETS", "BUILT")]
    rows += [(str(one["release"]), str(one["targets"]), str(one["built"])) for one in counts]
    return "".join(f"{line}\n" for line in columns(rows)) if counts else ""


def _rows(found: Iterable[Mapping[str, Any]]) -> str:
    return ",\n".join(f" {json.dumps(one)}" for one in found)
