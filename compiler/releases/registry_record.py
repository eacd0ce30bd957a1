"""Store and read release records in a registry, as artifacts with the tag `release-<version>`.

An artifact has the record as its only blob. It is the last thing that a release writes: without it
there is no release.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from compiler.codes import Code
from compiler.external.registry.client import (
    MANIFEST,
    InvalidContentError,
    Manifest,
    Registries,
    RejectedError,
)
from compiler.external.registry.parallel import run_parallel
from compiler.external.registry.responses import content_digest
from compiler.releases.parse_record import InvalidRecordError, parse_record
from compiler.releases.record import ReleaseRecord
from compiler.releases.version import parse_version


RECORD_PREFIX = "release-"
"""The start of the tags of records."""
MEDIA_TYPE = "application/vnd.compile-matrix.release.v1+json"
_RECORD_ANNOTATION = "com.compile-matrix.artifact-type"
_IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json"
_IMAGE_LAYER = "application/vnd.oci.image.layer.v1.tar"
_EMPTY = b"{}"
_EMPTY_MEDIA_TYPE = "application/vnd.oci.empty.v1+json"


def record_tag(version: str) -> str:
    """Return the name of the tag of a release's record."""
    return RECORD_PREFIX + version


def push_record(registries: Registries, repository: str, record: ReleaseRecord) -> str:
    """Store a record and return its digest.

    Some registries accept only media types that they know. They store the record as an image of
    one layer, with an annotation instead.
    """
    content = record.to_text().encode()
    registries.put_blob(repository, content)
    registries.put_blob(repository, _EMPTY)
    tag = record_tag(record.release)
    artifact = _record_manifest(
        content, _EMPTY_MEDIA_TYPE, MEDIA_TYPE, {"artifactType": MEDIA_TYPE}
    )
    try:
        registries.put_manifest(repository, tag, artifact)
    except RejectedError:
        annotations = {"annotations": {_RECORD_ANNOTATION: MEDIA_TYPE}}
        image = _record_manifest(content, _IMAGE_CONFIG, _IMAGE_LAYER, annotations)
        registries.put_manifest(repository, tag, image)
        return image.digest
    return artifact.digest


def _record_manifest(
    content: bytes, config_type: str, layer_type: str, more: Mapping[str, Any]
) -> Manifest:
    """Return a manifest with a record as its only layer.

    Args:
        content: the text of the record.
        config_type: the media type of the empty configuration.
        layer_type: the media type of the record.
        more: further fields.
    """
    config = {"mediaType": config_type, "digest": content_digest(_EMPTY), "size": len(_EMPTY)}
    layer = {
        "mediaType": layer_type,
        "digest": content_digest(content),
        "size": len(content),
        "annotations": {"org.opencontainers.image.title": "release.json"},
    }
    data = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        **more,
        "config": config,
        "layers": [layer],
    }
    text = json.dumps(data).encode()
    return Manifest(content_digest(text), MANIFEST, text)


def pull_record(registries: Registries, repository: str, version: str) -> ReleaseRecord | None:
    """Return the record of a release; None if there is none.

    Raises:
        InvalidContentError: the record is invalid, or an image has its tag.
        RegistryError: the registry cannot be read.
    """
    manifest = registries.manifest(repository, record_tag(version))
    if manifest is None:
        return None
    blob = _record_blob(manifest)
    if blob is None:
        raise _invalid(repository, version, "it is an image")
    return _read_record(registries, repository, version, blob)


def pull_records(
    registries: Registries, repository: str, versions: Iterable[str]
) -> dict[str, ReleaseRecord | InvalidContentError]:
    """Return the records of releases by version, in the given order.

    A damaged record does not affect the others: its error takes its place. Tags of images are
    ignored.

    Raises:
        RegistryError: the registry cannot be read.
    """

    def pull(version: str) -> ReleaseRecord | InvalidContentError | None:
        try:
            manifest = registries.manifest(repository, record_tag(version))
            blob = _record_blob(manifest) if manifest else None
            return _read_record(registries, repository, version, blob) if blob else None
        except InvalidContentError as error:
            return error

    records = run_parallel(pull, {version: version for version in versions})
    return {version: record for version, record in records.items() if record is not None}


def _read_record(registries: Registries, repository: str, version: str, blob: str) -> ReleaseRecord:
    content = registries.blob(repository, blob)
    if content is None:
        raise _invalid(repository, version, "its content is missing")
    try:
        record = parse_record(content)
    except InvalidRecordError as error:
        raise _invalid(repository, version, str(error)) from None
    if record.release != version:
        raise _invalid(repository, version, f"it is the record of {record.release!a}")
    return record


def _record_blob(manifest: Manifest) -> str | None:
    """Return the digest of a record's blob; None if the manifest is not that of a record."""
    data = manifest.data
    layers, annotations = data.get("layers"), data.get("annotations")
    layer = layers[0] if isinstance(layers, list) and layers else None
    if not isinstance(layer, dict):
        return None
    annotated = isinstance(annotations, dict) and annotations.get(_RECORD_ANNOTATION)
    if MEDIA_TYPE not in {layer.get("mediaType"), annotated}:
        return None
    digest = layer.get("digest")
    return digest if isinstance(digest, str) else None


def _invalid(repository: str, version: str, reason: str) -> InvalidContentError:
    return InvalidContentError(
        f"{repository}:{record_tag(version)}",
        f"not a valid release record: {reason}",
        code=Code.BAD_RECORD,
        help_="publish another version, or delete this tag",
    )


def choose_repository(registries: Registries, candidates: Sequence[str]) -> str | None:
    """Return the repository for records: the first that has some, otherwise the first.

    Records therefore stay in one repository when another target becomes the matrix's first.
    """
    others = candidates[1:]
    if not others or _has_records(registries, candidates[0]):
        return next(iter(candidates), None)
    results = run_parallel(
        lambda repository: _has_records(registries, repository),
        {repository: repository for repository in others},
    )
    return next((name for name, has_records in results.items() if has_records), candidates[0])


def _has_records(registries: Registries, repository: str) -> bool:
    """Return whether a repository has any record; images with such tags do not count."""
    manifests = (
        registries.manifest(repository, record_tag(version))
        for version in recorded_versions(registries, repository)
    )
    return any(manifest is not None and _record_blob(manifest) for manifest in manifests)


def recorded_versions(registries: Registries, repository: str) -> list[str]:
    """Return the versions of the records in a repository; see `versions_in_tags`."""
    return versions_in_tags(registries.tags(repository))


def versions_in_tags(tags: Iterable[str]) -> list[str]:
    """Return the versions in tags of records: the newest first, then texts without an order."""
    names = [tag.removeprefix(RECORD_PREFIX) for tag in tags if tag.startswith(RECORD_PREFIX)]
    ordered = {name: version for name in names if (version := parse_version(name))}
    newest_first = sorted(ordered, key=lambda name: (ordered[name], name), reverse=True)
    return newest_first + sorted(name for name in names if name not in ordered)
