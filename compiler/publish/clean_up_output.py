"""Write what a clean-up deletes, as a table or JSON."""

import json
from collections.abc import Collection, Iterable

from compiler.publish.clean_up import CleanUpPlan
from compiler.publish.deletions import Deletion
from compiler.publish.output import SHORT_DIGEST
from compiler.releases.json_text import printable_json
from compiler.reports.sizes import size
from compiler.reports.text import columns, counted, shortened


_SHOWN_TAGS = 2
_SHOWN_LETTERS = 40


def format_deletions(deletions: Iterable[Deletion]) -> str:
    """Return a table with one line for each manifest; empty without manifests."""
    rows = [
        (
            deletion.repository,
            deletion.kind,
            deletion.digest[:SHORT_DIGEST],
            shortened([_short(tag) for tag in deletion.tags], _SHOWN_TAGS),
            size(deletion.bytes),
            deletion.reason,
        )
        for deletion in sorted(deletions, key=lambda deletion: deletion.repository)
    ]
    heading = ("REPOSITORY", "KIND", "DIGEST", "TAGS", "SIZE", "REASON")
    return "".join(f"{line}\n" for line in columns([heading, *rows])) if rows else ""


def _short(tag: str) -> str:
    return tag if len(tag) <= _SHOWN_LETTERS else f"{tag[:SHORT_DIGEST]}..."


def format_plan(plan: CleanUpPlan, deleted: Collection[Deletion] | None) -> str:
    """Return a plan, and what was deleted of it, as JSON.

    Args:
        plan: what may be deleted.
        deleted: what was deleted; None for a dry run.
    """
    done = {deletion.image for deletion in deleted or ()}
    manifests = [
        {
            "repository": deletion.repository,
            "digest": deletion.digest,
            "kind": deletion.kind,
            "tags": list(deletion.tags),
            "bytes": deletion.bytes,
            "reason": deletion.reason,
            **({} if deleted is None else {"deleted": deletion.image in done}),
        }
        for deletion in plan.deletions
    ]
    lines = ",\n ".join(printable_json(row) for row in manifests)
    releases = {"kept": list(plan.kept_releases), "expired": list(plan.expired_releases)}
    total = sum(deletion.bytes for deletion in plan.deletions)
    return (
        f'{{"version": 1, "releases": {json.dumps(releases)}, "undated": {len(plan.undated)}, '
        f'"bytes": {total}, "manifests": [\n {lines}\n]}}\n'
    )


def summarise(deletions: Collection[Deletion]) -> str:
    """Return the number of manifests and of bytes."""
    total = sum(deletion.bytes for deletion in deletions)
    return f"{counted(len(deletions), 'manifest')}, {size(total)}"
