"""What the repositories of a matrix contain: tags, manifests and releases.

Repositories and tags have the one form of `repository_key` and `tag_key`: the matrix, records and
notes may name Docker Hub differently.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from compiler.external.references import repository_key, tag_key
from compiler.external.registry.artifacts import (
    artifact_annotations,
    artifact_blob,
    creation_time,
)
from compiler.external.registry.client import MEDIA_TYPES, Manifest
from compiler.external.registry.paths import descriptor_size
from compiler.publish import check_marks, clean_up_notes, staging_time
from compiler.releases import registry_record
from compiler.releases.record import ReleaseRecord


_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Kind(StrEnum):
    """What a manifest is."""

    RECORD = "record"
    CHECK = "check"
    """The mark of a passed check."""
    TIME = "time"
    """The note that says when an image was staged."""
    CLEAN_UP = "clean-up"
    """The note of a clean-up."""
    SIGNATURE = "signature"
    """A signature, attestation or SBOM that refers to another manifest."""
    INDEX = "index"
    IMAGE = "image"
    UNKNOWN = "unknown"
    """Of a media type that we do not understand."""


_ARTIFACTS = {
    registry_record.MEDIA_TYPE: Kind.RECORD,
    check_marks.MEDIA_TYPE: Kind.CHECK,
    staging_time.MEDIA_TYPE: Kind.TIME,
    clean_up_notes.MEDIA_TYPE: Kind.CLEAN_UP,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredManifest:
    """A manifest in a repository, as far as a clean-up must know it."""

    digest: str
    kind: Kind
    size: int
    """The number of bytes of the manifest itself."""
    blobs: Mapping[str, int]
    """Digest -> the number of bytes of its configuration and layers."""
    children: tuple[str, ...]
    """The manifests of an index."""
    references: frozenset[str]
    """Each digest that it contains, whatever for."""
    subject: str
    """The digest that it is about; empty for none."""
    created: datetime | None
    """The time in an artifact of ours; None for all other manifests."""
    records: str = ""
    """The repository of records that the note of a staged image names; empty for none."""


def stored_manifest(manifest: Manifest) -> StoredManifest:
    """Return what a clean-up must know of a manifest."""
    data = manifest.data
    kind = _kind(manifest)
    subject = _digest(data.get("subject"))
    if kind in {Kind.CHECK, Kind.TIME}:
        subject = str(artifact_annotations(manifest).get(check_marks.IMAGE) or "")
    records = str(artifact_annotations(manifest).get(staging_time.RECORDS) or "")
    entries = [*_descriptors(data, "layers"), *([data["config"]] if "config" in data else [])]
    return StoredManifest(
        digest=manifest.digest,
        kind=Kind.SIGNATURE if kind is Kind.IMAGE and subject else kind,
        size=len(manifest.content),
        blobs={digest: descriptor_size(entry) for entry in entries if (digest := _digest(entry))},
        children=tuple(filter(None, map(_digest, _descriptors(data, "manifests")))),
        references=frozenset(_DIGEST.findall(json.dumps(data))),
        subject=subject,
        created=creation_time(manifest) if kind in _ARTIFACTS.values() else None,
        records=records and repository_key(records),
    )


def _kind(manifest: Manifest) -> Kind:
    for media_type, kind in _ARTIFACTS.items():
        if artifact_blob(manifest, media_type) is not None:
            return kind
    if manifest.media_type not in MEDIA_TYPES:
        return Kind.UNKNOWN
    return Kind.INDEX if "manifests" in manifest.data else Kind.IMAGE


def _descriptors(data: Mapping[str, Any], name: str) -> list[Any]:
    entries = data.get(name)
    return entries if isinstance(entries, list) else []


def _digest(descriptor: Any) -> str:
    """Return the digest of a descriptor; empty if it has none."""
    digest = descriptor.get("digest") if isinstance(descriptor, dict) else None
    return digest if isinstance(digest, str) and _DIGEST.fullmatch(digest) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRelease:
    """A release with a record."""

    record: ReleaseRecord
    repository: str
    """The repository of its record."""
    digest: str
    """The digest of its record."""
    is_signed: bool = True
    """Whether its record is signed, if the matrix has `sign`."""

    def digests(self) -> Iterator[str]:
        """Yield the digests that it names: its images, with platforms and attestations."""
        yield from (image.digest for image in self.record.images.values())
        for target in self.record.targets:
            yield from target.platforms.values()
            yield from target.attestations.values()

    def tags(self) -> Iterator[tuple[str, str]]:
        """Yield its version tags with the digests of their images."""
        for image in self.record.images.values():
            yield from ((tag_key(tag), image.digest) for tag in image.tags)

    def floating_tags(self) -> Iterator[tuple[str, str]]:
        """Yield its floating tags with the digests of their images."""
        for image in self.record.images.values():
            yield from ((tag_key(tag), image.digest) for tag in image.moving)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRepository:
    """The content of a repository, as far as tags lead to it or releases and clean-ups name it."""

    name: str
    tags: Mapping[str, str]
    """Tag -> digest."""
    manifests: Mapping[str, StoredManifest]
    """Digest -> manifest."""
    announced: frozenset[str] = frozenset()
    """The digests that earlier clean-ups have announced to delete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The content of all repositories of a matrix at one moment."""

    repositories: tuple[StoredRepository, ...]
    releases: tuple[StoredRelease, ...]
    floating_tags: Collection[str]
    """The floating tags that the matrix can produce, with their repositories."""
    version_tags: Mapping[str, str] = field(default_factory=dict)
    """Version tag that the matrix can produce, with its repository -> its version."""
