"""The record of a release: each target with its tags and digests.

A record is JSON, written with one target per line. It contains no time and no host. Records in a
registry are untrusted input: `parse_record` validates them.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from compiler.external.references import canonical_tag


FORMAT_VERSION = 1
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_MAX_NUMBER = 2**53
"""The largest number of bytes or seconds: other JSON parsers round larger integers."""


class InvalidRecordError(ValueError):
    """A text is not a valid record; the message states the first problem."""


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
    unknown: Mapping[str, Any] = field(default_factory=dict)
    """Fields that a newer version has written; they are kept."""

    def to_json(self) -> dict[str, Any]:
        """Return the target as JSON data, in the order of the format."""
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
            **self.unknown,
        }


@dataclass(frozen=True, kw_only=True)
class ReleaseRecord:
    """A release: its version and its targets."""

    release: str
    targets: tuple[ReleasedTarget, ...]

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
        return ReleaseRecord(
            release=self.release, targets=tuple(rows[name] for name in names if name in rows)
        )

    def narrowed(self, names: Iterable[str]) -> "ReleaseRecord":
        """Return the record with only the named targets."""
        selected = frozenset(names)
        targets = tuple(target for target in self.targets if target.target in selected)
        return ReleaseRecord(release=self.release, targets=targets)

    def to_text(self) -> str:
        """Return the record as JSON text with one target per line."""
        return format_record(self.release, (target.to_json() for target in self.targets))


def format_record(release: str, targets: Iterable[Mapping[str, Any]]) -> str:
    """Return a record as JSON text with one target per line.

    Args:
        release: the version.
        targets: the targets as JSON data.
    """
    rows = ",\n".join(f"  {json.dumps(target, ensure_ascii=False)}" for target in targets)
    return (
        f'{{"version": {FORMAT_VERSION}, "release": {json.dumps(release)}, '
        f'"targets": [\n{rows}\n]}}\n'
    )


def parse_record(content: bytes) -> ReleaseRecord:
    """Return the record in a JSON text.

    Raises:
        InvalidRecordError: it is not JSON, or a field is missing or has the wrong type.
    """
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        raise InvalidRecordError("not valid JSON") from None
    if not isinstance(data, dict):
        raise InvalidRecordError("not a JSON object")
    version = data.get("version")
    if version != FORMAT_VERSION or isinstance(version, bool):
        raise InvalidRecordError(f"unsupported version {version!r}")
    rows = data.get("targets")
    if not isinstance(rows, list):
        raise InvalidRecordError("`targets` must be a list")
    targets = tuple(_parse_target(row) for row in rows)
    record = ReleaseRecord(release=_text(data, "release"), targets=targets)
    if len(record.by_name) < len(targets):
        raise InvalidRecordError("duplicate targets")
    return record


def _parse_target(row: Any) -> ReleasedTarget:
    if not isinstance(row, dict):
        raise InvalidRecordError("each of `targets` must be an object")
    seconds, size = row.get("seconds"), row.get("bytes")
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        raise InvalidRecordError("`seconds` must be a number")
    if not 0 <= seconds <= _MAX_NUMBER:
        raise InvalidRecordError("`seconds` must be a number of seconds")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _MAX_NUMBER:
        raise InvalidRecordError("`bytes` must be an integer")
    known = ReleasedTarget.__dataclass_fields__.keys() - {"unknown"}
    return ReleasedTarget(
        target=_text(row, "target"),
        tags=_tags(row, "tags"),
        moving=_tags(row, "moving"),
        digest=_digest(row, "digest"),
        platforms=_digests(row, "platforms"),
        attestations=_digests(row, "attestations"),
        fingerprint=_digest(row, "fingerprint"),
        bases=_digests(row, "bases"),
        state=_text(row, "state"),
        seconds=seconds,
        bytes=size,
        unknown={name: value for name, value in row.items() if name not in known},
    )


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str):
        raise InvalidRecordError(f"`{name}` must be a string")
    if not value.isprintable():
        raise InvalidRecordError(f"`{name}` must not contain control characters")
    return value


def _tags(data: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return a list of tags; empty if the key is missing."""
    values = data.get(name, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise InvalidRecordError(f"`{name}` must be a list of strings")
    for value in values:
        if canonical_tag(value) is None:
            raise InvalidRecordError(f"invalid tag in `{name}`: {value!a}")
    return tuple(values)


def _digest(data: Mapping[str, Any], name: str) -> str:
    value = _text(data, name)
    if not _DIGEST.match(value):
        raise InvalidRecordError(f"`{name}` must be a sha256 digest")
    return value


def _digests(data: Mapping[str, Any], name: str) -> dict[str, str]:
    """Return a mapping of names to digests; empty if the key is missing."""
    values = data.get(name, {})
    if not isinstance(values, dict):
        raise InvalidRecordError(f"`{name}` must be an object")
    if not all(key.isprintable() for key in values):
        raise InvalidRecordError(f"`{name}` must not contain control characters")
    return {key: _digest(values, key) for key in values}
