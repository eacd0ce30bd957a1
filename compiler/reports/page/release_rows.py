"""Releases of a matrix as a part of the page's document: sizes, and which images differ."""

from collections.abc import Iterable
from typing import Any

from compiler.releases.record import ReleaseRecord


def release_rows(records: Iterable[ReleaseRecord]) -> list[dict[str, Any]]:
    """Return releases, the oldest first.

    `{"release", "targets": {TARGET: [digest, fingerprint, bytes, state, seconds]}}`; the digests
    are shortened to twelve digits.
    """
    return [
        {
            "release": record.release,
            "targets": {
                one.target: [
                    _short(one.digest),
                    _short(one.fingerprint),
                    one.bytes,
                    one.state,
                    one.seconds,
                ]
                for one in record.targets
            },
        }
        for record in reversed([*records])
    ]


def _short(digest: str) -> str:
    return digest.rpartition(":")[2][:12]
