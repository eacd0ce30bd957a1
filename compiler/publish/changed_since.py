"""What a release changed since the one before it, for the terminal."""

from collections.abc import Iterator

from compiler.publish.result import PublishResult
from compiler.releases.release_diff import change_reasons
from compiler.reports.text import printable


MAX_LISTED = 10
"""Maximum number of targets that are listed with their reasons."""


def changes_since(result: PublishResult) -> Iterator[str]:
    """Yield lines: how many targets a release added and changed, and why the first of them.

    Nothing is yielded for images that are only staged, and for the first release.
    """
    previous = result.previous
    if result.record is None or previous is None:
        return
    earlier = previous.by_name
    reasons = {
        one.record.target: ", ".join(change_reasons(earlier[one.record.target], one.record))
        if one.record.target in earlier
        else "new"
        for one in result.targets
        if one.record.target not in earlier
        or earlier[one.record.target].digest != one.record.digest
    }
    added = sum(name not in earlier for name in reasons)
    unchanged = len(result.targets) - len(reasons)
    yield printable(
        f"since {previous.release}: {added} added, {len(reasons) - added} changed, "
        f"{unchanged} unchanged"
    )
    for name, reason in list(reasons.items())[:MAX_LISTED]:
        yield printable(f"  {name}: {reason or 'another image'}")
    if len(reasons) > MAX_LISTED:
        yield printable(
            f"  and {len(reasons) - MAX_LISTED} more: compile-matrix release diff "
            f"{previous.release} {result.release}"
        )
