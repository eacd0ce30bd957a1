"""Releases of a matrix as a part of the page's document: sizes, and which images differ."""

from collections.abc import Iterable
from typing import Any

from compiler.releases.record import ReleaseRecord
from compiler.reports.page.interning import Interned


def release_rows(records: Iterable[ReleaseRecord]) -> dict[str, Any]:
    """Return releases, the oldest first, and their images, which several releases can share.

    `{"images": [[target, digest, fingerprint, bytes]], "list": [[version, [number of an image]]]}`;
    digests are shortened to twelve digits.
    """
    images: Interned[tuple[str, str, str, int]] = Interned()
    listed = [
        [
            record.release,
            images.numbers(
                (one.target, _short(one.digest), _short(one.fingerprint), one.bytes)
                for one in record.targets
            ),
        ]
        for record in reversed([*records])
    ]
    return {"images": images.values, "list": listed}


def _short(digest: str) -> str:
    return digest.rpartition(":")[2][:12]
