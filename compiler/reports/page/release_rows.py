"""Releases of a matrix as a part of the page's document: sizes, and which images differ."""

from collections.abc import Iterable
from typing import Any, TypeAlias

from compiler.releases.record import ReleasedTarget, ReleaseRecord
from compiler.reports.page.interning import Interned


_Image: TypeAlias = tuple[str, str, str, int, tuple[tuple[str, int], ...]]


def release_rows(records: Iterable[ReleaseRecord]) -> dict[str, Any]:
    """Return releases, the oldest first, and their images, which several releases can share.

    `{"images": [[target, digest, fingerprint, bytes, [[platform, bytes]]]],
    "list": [[version, [number of an image]]]}`; digests are shortened to twelve digits. The sizes
    of platforms are left out where an image has one, or where they were not recorded.
    """
    images: Interned[_Image] = Interned()
    listed = [
        [
            record.release,
            images.numbers(
                (
                    target.target,
                    _short(target.digest),
                    _short(target.fingerprint),
                    target.bytes,
                    _sizes(target),
                )
                for target in record.targets
            ),
        ]
        for record in reversed([*records])
    ]
    return {"images": images.values, "list": listed}


def _sizes(target: ReleasedTarget) -> tuple[tuple[str, int], ...]:
    """Return the sizes of the platforms of an image that has several."""
    return tuple(target.sizes.items()) if len(target.sizes) > 1 else ()


def _short(digest: str) -> str:
    return digest.rpartition(":")[2][:12]
