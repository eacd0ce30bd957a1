"""What a release changed since an earlier one."""

from collections.abc import Iterator

from compiler.publish.result import PublishResult
from compiler.releases.record import ReleaseRecord
from compiler.releases.release_diff import change_reasons
from compiler.reports.text import printable


MAX_LISTED = 10
"""Maximum number of targets that are listed with their reasons."""


def changed_targets(
    result: PublishResult, earlier: ReleaseRecord | None
) -> dict[str, tuple[str, ...]]:
    """Return the targets whose images differ from an earlier release, with the reasons.

    Args:
        result: what a run has published or staged.
        earlier: the earlier release; without one, every target is new.
    """
    recorded = earlier.by_name if earlier else {}
    changed: dict[str, tuple[str, ...]] = {}
    for target in result.targets:
        old = recorded.get(target.record.target)
        if old is None:
            changed[target.record.target] = ("new",)
        elif old.digest != target.record.digest:
            changed[target.record.target] = change_reasons(old, target.record)
    return changed


def changes_since(result: PublishResult) -> Iterator[str]:
    """Yield lines: how many targets a release added and changed, and why the first of them.

    Nothing is yielded for images that are only staged, and for the first release.
    """
    previous = result.previous
    if result.record is None or previous is None:
        return
    reasons = changed_targets(result, previous)
    added = sum(name not in previous.by_name for name in reasons)
    unchanged = len(result.targets) - len(reasons)
    yield printable(
        f"since {previous.release}: {added} added, {len(reasons) - added} changed, "
        f"{unchanged} unchanged"
    )
    for name, texts in list(reasons.items())[:MAX_LISTED]:
        yield printable(f"  {name}: {', '.join(texts) or 'another image'}")
    if len(reasons) > MAX_LISTED:
        yield printable(
            f"  and {len(reasons) - MAX_LISTED} more: compile-matrix release diff "
            f"{previous.release} {result.release}"
        )
