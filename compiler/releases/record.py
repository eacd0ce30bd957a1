"""The record of a release: each target with its tags and digests.

A record is JSON, written with one target per line. It contains no time and no host.
`parse_record` reads one.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

from compiler.external.platforms import canonical_platform, find_platform
from compiler.external.references import tag_key
from compiler.releases.json_text import printable_json
from compiler.releases.recorded_signatures import RecordedSignatures, signatures_json


FORMAT_VERSION = 1
MAX_NUMBER = 2**53
"""The largest number of bytes or seconds: other JSON parsers round larger integers."""


class RecordedImage(NamedTuple):
    """An image with the tags that name it: of a target, of one of its platforms, or an index."""

    name: str
    """The target; for other images, a text that no target has as its name."""
    target: str
    """The target, or the first target of an index."""
    tags: tuple[str, ...]
    """Its version tags."""
    moving: tuple[str, ...]
    """Its floating tags."""
    digest: str
    is_platform: bool = False
    """Whether it is the image of a single platform."""


def platform_name(target: str, platform: str) -> str:
    """Name the image of one platform of a target."""
    return f"{target} ({platform})"


def index_name(targets: Iterable[str]) -> str:
    """Name the index of several targets."""
    return f"index of {', '.join(targets)}"


class RecordedPlatformTags(NamedTuple):
    """The tags of one platform of a target. The fields have the names of the JSON format."""

    platform: str
    tags: tuple[str, ...]
    """Its version tags."""
    moving: tuple[str, ...]
    """Its floating tags."""


class RecordedCheck(NamedTuple):
    """The result of one check of a target. The fields have the names of the JSON format."""

    check: str
    result: str
    """`passed`, `skipped`, or `accepted` for a failure that an exception accepts."""
    reason: str = ""
    """The reason of the exception."""
    until: str = ""
    """The last day of the exception: `YYYY-MM-DD`."""

    def to_json(self) -> dict[str, str]:
        """Return the result as JSON data, without fields that do not apply."""
        return {name: value for name, value in self._asdict().items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedIndex:
    """An index of the images of several targets. The fields have the names of the JSON format."""

    targets: tuple[str, ...]
    tags: tuple[str, ...]
    """Its version tags."""
    moving: tuple[str, ...]
    """Its floating tags."""
    digest: str
    signatures: tuple[RecordedSignatures, ...] = ()
    """The signatures of the index and of its images."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Return its tags as they are compared."""
        return tuple(map(tag_key, (*self.tags, *self.moving)))

    def to_json(self) -> dict[str, Any]:
        """Return the index as JSON data, in the order of the format."""
        return {
            "targets": list(self.targets),
            "tags": list(self.tags),
            "moving": list(self.moving),
            "digest": self.digest,
            **signatures_json(self.signatures),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedTarget:
    """One target of a release. The fields have the names of the JSON format."""

    target: str
    tags: tuple[str, ...]
    """Its version tags."""
    moving: tuple[str, ...]
    """Its floating tags, aliases included."""
    digest: str
    platforms: Mapping[str, str]
    """Platform -> digest of its image."""
    attestations: Mapping[str, str]
    """Platform -> digest of its SBOM and provenance."""
    fingerprint: str
    """`sha256:` and 64 hexadecimal digits."""
    bases: Mapping[str, str]
    """Locked base image -> digest."""
    state: str
    """`built` by this release, or `reused`."""
    seconds: float
    """The duration of the build."""
    bytes: int
    """The compressed size of its layers, all platforms together."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Platform -> compressed size of its layers; empty in records of older versions."""
    platform_tags: tuple[RecordedPlatformTags, ...] = ()
    """Tags of single platforms."""
    checks: tuple[RecordedCheck, ...] = ()
    """The checks that did not prevent the release."""
    signatures: tuple[RecordedSignatures, ...] = ()
    """The signatures of the image and of its platforms."""
    unknown: Mapping[str, Any] = field(default_factory=dict)
    """Fields that a newer version has written; they are kept."""

    def to_json(self) -> dict[str, Any]:
        """Return the target as JSON data, in the order of the format."""
        platform_tags = [one._asdict() for one in self.platform_tags]
        return {
            "target": self.target,
            "tags": list(self.tags),
            "moving": list(self.moving),
            "digest": self.digest,
            "platforms": dict(self.platforms),
            "attestations": dict(self.attestations),
            "fingerprint": self.fingerprint,
            "bases": dict(self.bases),
            "state": self.state,
            "seconds": self.seconds,
            "bytes": self.bytes,
            **({"sizes": dict(self.sizes)} if self.sizes else {}),
            **({"platform_tags": platform_tags} if platform_tags else {}),
            **({"checks": [check.to_json() for check in self.checks]} if self.checks else {}),
            **signatures_json(self.signatures),
            **self.unknown,
        }

    def images(self) -> Iterator[RecordedImage]:
        """Yield the image, and those of its platforms that have tags of their own."""
        yield RecordedImage(self.target, self.target, self.tags, self.moving, self.digest)
        for platform, tags, moving in self.platform_tags:
            known = find_platform(canonical_platform(platform) or platform, self.platforms)
            if known is not None:
                name = platform_name(self.target, platform)
                digest = self.platforms[known]
                yield RecordedImage(name, self.target, tags, moving, digest, is_platform=True)


@dataclass(frozen=True, kw_only=True)
class ReleaseRecord:
    """A release: its version and its targets."""

    release: str
    targets: tuple[ReleasedTarget, ...]
    indexes: tuple[ReleasedIndex, ...] = ()
    """The indexes of shared tags."""

    @cached_property
    def images(self) -> Mapping[str, RecordedImage]:
        """All images with their tags, by name: of targets, of platforms, and indexes."""
        found = {image.name: image for target in self.targets for image in target.images()}
        for index in self.indexes:
            name = index_name(index.targets)
            first = index.targets[0]
            found[name] = RecordedImage(name, first, index.tags, index.moving, index.digest)
        return found

    @cached_property
    def by_name(self) -> Mapping[str, ReleasedTarget]:
        """The targets by name."""
        return {target.target: target for target in self.targets}

    def with_targets(
        self, targets: Iterable[ReleasedTarget], order: Iterable[str]
    ) -> "ReleaseRecord":
        """Return the record with targets added or replaced.

        Args:
            targets: the new targets.
            order: the names of targets in the order of the plan; other targets follow.
        """
        rows = {**self.by_name, **{target.target: target for target in targets}}
        names = dict.fromkeys([*order, *rows])
        return replace(self, targets=tuple(rows[name] for name in names if name in rows))

    def with_indexes(self, indexes: Iterable[ReleasedIndex]) -> "ReleaseRecord":
        """Return the record with indexes added; they replace those that have one of their tags."""
        added = tuple(indexes)
        taken = {key for index in added for key in index.keys}
        kept = [one for one in self.indexes if taken.isdisjoint(one.keys)]
        return replace(self, indexes=(*kept, *added))

    def narrowed(self, names: Iterable[str]) -> "ReleaseRecord":
        """Return the record with only the named targets, and the indexes of no other targets."""
        selected = frozenset(names)
        return ReleaseRecord(
            release=self.release,
            targets=tuple(target for target in self.targets if target.target in selected),
            indexes=tuple(index for index in self.indexes if selected.issuperset(index.targets)),
        )

    def to_text(self) -> str:
        """Return the record as JSON text with one target per line."""
        return format_record(
            self.release,
            (target.to_json() for target in self.targets),
            [index.to_json() for index in self.indexes],
        )


def format_record(
    release: str,
    targets: Iterable[Mapping[str, Any]],
    indexes: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Return a record of a version as JSON text, with one line for each target or index."""

    def rows(values: Iterable[Mapping[str, Any]]) -> str:
        return ",\n".join(f"  {printable_json(value)}" for value in values)

    more = f', "indexes": [\n{rows(indexes)}\n]' if indexes else ""
    return (
        f'{{"version": {FORMAT_VERSION}, "release": {json.dumps(release)}, '
        f'"targets": [\n{rows(targets)}\n]{more}}}\n'
    )
