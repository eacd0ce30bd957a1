"""Read the record of a release from JSON: a record in a registry is untrusted input."""

import json
import re
from collections.abc import Mapping
from math import isfinite
from typing import Any, TypeGuard

from compiler.external.json_object import MAX_QUOTE, quote
from compiler.external.references import canonical_tag, split_repository
from compiler.releases.record import (
    FORMAT_VERSION,
    MAX_NUMBER,
    RecordedCheck,
    RecordedPlatformTags,
    ReleasedIndex,
    ReleasedTarget,
    ReleaseRecord,
)
from compiler.releases.recorded_signatures import RecordedSignatures


_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_MAX_LEVELS = 100
"""The levels of lists and objects in unknown fields: a deep text could be read, but not written."""


class InvalidRecordError(ValueError):
    """A text is not a valid record; the message states the first problem."""


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
        raise InvalidRecordError(f"unsupported version {quote(version)}")
    rows = data.get("targets")
    if not isinstance(rows, list):
        raise InvalidRecordError("`targets` must be a list")
    targets = tuple(_parse_target(row) for row in rows)
    indexes = data.get("indexes", [])
    if not isinstance(indexes, list):
        raise InvalidRecordError("`indexes` must be a list")
    record = ReleaseRecord(
        release=_text(data, "release"),
        targets=targets,
        indexes=tuple(_parse_index(row) for row in indexes),
    )
    if len(record.by_name) < len(targets):
        raise InvalidRecordError("duplicate targets")
    return record


def _parse_index(row: Any) -> ReleasedIndex:
    if not isinstance(row, dict):
        raise InvalidRecordError("each of `indexes` must be an object")
    names = row.get("targets")
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise InvalidRecordError("`targets` of an index must be a list of names")
    if not all(name.isprintable() for name in names):
        raise InvalidRecordError("`targets` must not contain control characters")
    return ReleasedIndex(
        targets=tuple(names),
        tags=_tags(row, "tags"),
        moving=_tags(row, "moving"),
        digest=_digest(row, "digest"),
        signatures=_signatures(row),
    )


def _signatures(row: Mapping[str, Any]) -> tuple[RecordedSignatures, ...]:
    rows = row.get("signatures", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InvalidRecordError("`signatures` must be a list of objects")
    signatures = []
    for entry in rows:
        repository, digests = _text(entry, "repository"), entry.get("digests")
        if split_repository(repository) is None:
            raise InvalidRecordError(f"invalid repository in `signatures`: {quote(repository)}")
        if not isinstance(digests, list):
            raise InvalidRecordError("`digests` must be a list")
        names = tuple(_digest({"digests": digest}, "digests") for digest in digests)
        signatures.append(RecordedSignatures(repository, _text(entry, "signer"), names))
    return tuple(signatures)


def _platform_tags(row: Mapping[str, Any]) -> tuple[RecordedPlatformTags, ...]:
    rows = row.get("platform_tags", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InvalidRecordError("`platform_tags` must be a list of objects")
    return tuple(
        RecordedPlatformTags(_text(row, "platform"), _tags(row, "tags"), _tags(row, "moving"))
        for row in rows
    )


def _checks(row: Mapping[str, Any]) -> tuple[RecordedCheck, ...]:
    rows = row.get("checks", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InvalidRecordError("`checks` must be a list of objects")
    return tuple(
        RecordedCheck(
            _text(row, "check"),
            _text(row, "result"),
            _text({"reason": "", **row}, "reason"),
            _text({"until": "", **row}, "until"),
        )
        for row in rows
    )


def _parse_target(row: Any) -> ReleasedTarget:
    if not isinstance(row, dict):
        raise InvalidRecordError("each of `targets` must be an object")
    seconds, size = row.get("seconds"), row.get("bytes")
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        raise InvalidRecordError("`seconds` must be a number")
    if not 0 <= seconds <= MAX_NUMBER:
        raise InvalidRecordError("`seconds` must be a number of seconds")
    if not _is_size(size):
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
        sizes=_sizes(row),
        platform_tags=_platform_tags(row),
        checks=_checks(row),
        signatures=_signatures(row),
        unknown=_unknown({name: value for name, value in row.items() if name not in known}),
    )


def _unknown(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that a newer version has written; they can be written again."""
    values = list(fields.values())
    for _ in range(_MAX_LEVELS):
        if any(isinstance(value, float) and not isfinite(value) for value in values):
            raise InvalidRecordError("not valid JSON")
        lists = [value for value in values if isinstance(value, list)]
        values = [entry for value in values if isinstance(value, dict) for entry in value.values()]
        values += [entry for value in lists for entry in value]
        if not values:
            return fields
    raise InvalidRecordError(f"unknown fields have more than {_MAX_LEVELS} levels")


def _is_size(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_NUMBER


def _sizes(row: Mapping[str, Any]) -> dict[str, int]:
    """Return the size of each platform; empty if an older version has written the record."""
    values = row.get("sizes", {})
    if not isinstance(values, dict) or not all(map(_is_size, values.values())):
        raise InvalidRecordError("`sizes` must be an object of integers")
    if not all(key.isprintable() for key in values):
        raise InvalidRecordError("`sizes` must not contain control characters")
    return dict(values)


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
            raise InvalidRecordError(f"invalid tag in `{name}`: {quote(value)}")
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
    shown = {key: key if len(key) <= MAX_QUOTE else name for key in values}
    return {key: _digest({shown[key]: value}, shown[key]) for key, value in values.items()}
