"""Store and read release records in a registry, as artifacts with the tag `release-<version>`.

An artifact has the record as its only blob. It is the last thing that a release writes: without it
there is no release.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from compiler.codes import Code
from compiler.external.json_object import quote
from compiler.external.registry.artifacts import Artifact, artifact_blob, created_now, push_artifact
from compiler.external.registry.client import InvalidContentError, Manifest, Registries
from compiler.external.registry.parallel import run_parallel
from compiler.releases.parse_record import InvalidRecordError, parse_record
from compiler.releases.record import ReleaseRecord
from compiler.releases.version import parse_version


RECORD_PREFIX = "release-"
"""The start of the tags of records."""
MEDIA_TYPE = "application/vnd.compile-matrix.release.v1+json"


def record_tag(version: str) -> str:
    """Return the name of the tag of a release's record."""
    return RECORD_PREFIX + version


class StoredRecord(NamedTuple):
    """A record in a registry."""

    digest: str
    """The digest of its manifest."""
    record: ReleaseRecord


def push_record(
    registries: Registries,
    repository: str,
    record: ReleaseRecord,
    before_tag: Callable[[str], None] | None = None,
) -> str:
    """Store a record, with the time as an annotation, and return its digest.

    Args:
        registries: the registry of the repository.
        repository: the repository of records.
        record: the record.
        before_tag: called with the digest, when the record is stored and has no tag yet.
    """
    artifact = Artifact(record.to_text().encode(), "release.json", MEDIA_TYPE, created_now())
    return push_artifact(registries, repository, record_tag(record.release), artifact, before_tag)


def pull_record(registries: Registries, repository: str, version: str) -> ReleaseRecord | None:
    """Return the record of a release; None if there is none. See `pull_stored_record`."""
    stored = pull_stored_record(registries, repository, version)
    return stored.record if stored else None


def pull_stored_record(
    registries: Registries, repository: str, version: str
) -> StoredRecord | None:
    """Return the record of a release with its digest; None if there is none.

    Raises:
        InvalidContentError: the record is invalid, or an image has its tag.
        RegistryError: the registry cannot be read.
    """
    manifest = find_manifest(registries, repository, version)
    record = read_record(registries, repository, version, manifest) if manifest else None
    return StoredRecord(manifest.digest, record) if manifest and record else None


def find_manifest(registries: Registries, repository: str, version: str) -> Manifest | None:
    """Return the manifest of the record of a release; None if there is none.

    Raises:
        InvalidContentError: an image has its tag.
        RegistryError: the registry cannot be read.
    """
    manifest = registries.manifest(repository, record_tag(version))
    if manifest is not None and _record_blob(manifest) is None:
        raise _invalid(repository, version, "it is an image")
    return manifest


def pull_records(
    registries: Registries, repository: str, versions: Iterable[str]
) -> dict[str, ReleaseRecord | InvalidContentError]:
    """Return the records of releases by version; see `pull_stored_records`."""
    stored = pull_stored_records(registries, repository, versions)
    return {
        version: record.record if isinstance(record, StoredRecord) else record
        for version, record in stored.items()
    }


def pull_stored_records(
    registries: Registries, repository: str, versions: Iterable[str]
) -> dict[str, StoredRecord | InvalidContentError]:
    """Return the records of releases with their digests by version, in the given order.

    A damaged record does not affect the others: its error takes its place. Tags of images are
    ignored.

    Raises:
        RegistryError: the registry cannot be read.
    """

    def pull(version: str) -> StoredRecord | InvalidContentError | None:
        try:
            manifest = registries.manifest(repository, record_tag(version))
            record = read_record(registries, repository, version, manifest) if manifest else None
        except InvalidContentError as error:
            return error
        return StoredRecord(manifest.digest, record) if manifest and record else None

    records = run_parallel(pull, {version: version for version in versions})
    return {version: record for version, record in records.items() if record is not None}


def read_record(
    registries: Registries, repository: str, version: str, manifest: Manifest
) -> ReleaseRecord | None:
    """Return the record in a manifest; None if the manifest is an image.

    Raises:
        InvalidContentError: the record is invalid.
    """
    blob = _record_blob(manifest)
    return _read_record(registries, repository, version, blob) if blob else None


def _read_record(registries: Registries, repository: str, version: str, blob: str) -> ReleaseRecord:
    content = registries.blob(repository, blob)
    if content is None:
        raise _invalid(repository, version, "its content is missing")
    try:
        record = parse_record(content)
    except InvalidRecordError as error:
        raise _invalid(repository, version, str(error)) from None
    if record.release != version:
        raise _invalid(repository, version, f"it is the record of {quote(record.release)}")
    return record


def _record_blob(manifest: Manifest) -> str | None:
    """Return the digest of a record's blob; None if the manifest is not that of a record."""
    return artifact_blob(manifest, MEDIA_TYPE)


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
