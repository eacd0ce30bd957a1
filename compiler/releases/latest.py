"""Find the release that consumers of images should use."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from compiler.codes import Code
from compiler.errors import Argument, Diagnostic, DiagnosticError, Repository
from compiler.external.registry.client import InvalidContentError, Registries
from compiler.releases.history import current_digests, in_repositories
from compiler.releases.record import ReleaseRecord
from compiler.releases.registry_record import (
    StoredRecord,
    pull_records,
    pull_stored_records,
    record_tag,
    recorded_versions,
)
from compiler.releases.version import parse_version


Unsigned: TypeAlias = Callable[[Iterable[tuple[str, str]]], Collection[tuple[str, str]]]
"""Returns which of some records, each with repository and digest, are not signed as required."""


class LatestRelease(NamedTuple):
    """The result of a search."""

    record: ReleaseRecord | None
    """The release to use, with all its targets; None if there is none."""
    damaged: tuple[InvalidContentError, ...]
    """The errors of invalid or unsigned records that were met; these releases are left out."""


def find_latest(
    registries: Registries,
    record_repository: str,
    repositories: Collection[str],
    targets: Collection[str] = (),
    unsigned: Unsigned = lambda _: (),
) -> LatestRelease:
    """Return the release that floating tags name, otherwise the highest release.

    Floating tags name a release if all of them refer to its images now. If several releases have
    these same images, the highest counts. Final versions come before prereleases, and these before
    names that are not versions; the latter count only if floating tags name them.

    Args:
        registries: the registries to read.
        record_repository: the repository of release records.
        repositories: the repositories of the matrix. Floating tags in others are not read, because
            a record is untrusted.
        targets: only these targets of each release count; all of them if empty.
        unsigned: finds records that are not signed. Only those are verified that may be the result.

    Raises:
        CosignError: cosign cannot verify signatures.
        RegistryError: a registry cannot be read.
    """
    versions = by_preference(recorded_versions(registries, record_repository))
    tags = _CurrentTags(registries, repositories)
    candidates = _Candidates(record_repository, unsigned)
    others: list[StoredRecord] = []
    # In most cases the first record is the answer, and the others need not be read.
    for batch in (versions[:1], versions[1:]):
        for stored in pull_stored_records(registries, record_repository, batch).values():
            if isinstance(stored, InvalidContentError):
                candidates.errors.append(stored)
                continue
            counted = stored.record.narrowed(targets) if targets else stored.record
            if not counted.targets:
                continue
            if not tags.name_release(counted):
                others.append(stored)
            elif (record := candidates.find_first([stored])) is not None:
                return LatestRelease(record, tuple(candidates.errors))
    record = candidates.find_first(
        [other for other in others if parse_version(other.record.release)]
    )
    return LatestRelease(record, tuple(candidates.errors))


class _Candidates:
    """Verifies records that may be the result of a search, and collects the errors."""

    def __init__(self, repository: str, unsigned: Unsigned) -> None:
        self._repository, self._unsigned = repository, unsigned
        self.errors: list[InvalidContentError] = []

    def find_first(self, candidates: Sequence[StoredRecord]) -> ReleaseRecord | None:
        """Return the first signed record; the others are verified only if the first is not."""
        for batch in (candidates[:1], candidates[1:]):
            unsigned = self._unsigned([(self._repository, stored.digest) for stored in batch])
            for stored in batch:
                if (self._repository, stored.digest) not in unsigned:
                    return stored.record
                self.errors.append(self._error(stored.record.release))
        return None

    def _error(self, version: str) -> InvalidContentError:
        return InvalidContentError(
            f"{self._repository}:{record_tag(version)}",
            f"the record of {version} is not signed as `publish.sign` requires",
            code=Code.UNSIGNED_IMAGE,
            help_="publish the release again to sign it, or delete this tag",
        )


def find_previous(
    registries: Registries, record_repository: str, version: str = ""
) -> ReleaseRecord | None:
    """Return the highest release below a version, in a few requests; floating tags are not read.

    Final versions come before prereleases. Damaged records, and images with their tags, are left
    out.

    Args:
        registries: the registries to read.
        record_repository: the repository of release records.
        version: the version; empty, or not a version, if every other release counts.

    Raises:
        RegistryError: a registry cannot be read.
    """
    limit = parse_version(version)
    for name in by_preference(recorded_versions(registries, record_repository)):
        parsed = parse_version(name)
        if name == version or (limit and (parsed is None or parsed >= limit)):
            continue
        record = pull_records(registries, record_repository, [name]).get(name)
        if isinstance(record, ReleaseRecord):
            return record
    return None


def no_release(repository: str, target: str = "") -> DiagnosticError:
    """Return the error for a search that found no release.

    Args:
        repository: the repository of release records.
        target: the only target that counted; empty for all.
    """
    message, help_ = f"no release in {repository}", "`compile-matrix publish` publishes one"
    location: Argument | Repository = Repository(name=repository)
    if target:
        location = Argument(name="TARGET", text=target)
        message = f"no release of {target!r} in {repository}"
        help_ = "`compile-matrix release list` shows all releases"
    return DiagnosticError(
        [
            Diagnostic(
                code=Code.UNKNOWN_RELEASE,
                message=message,
                location=location,
                help=help_,
            )
        ]
    )


def by_preference(versions: Iterable[str]) -> list[str]:
    """Return versions, ordered newest first, with final versions before all others."""

    def rank(text: str) -> int:
        version = parse_version(text)
        return 2 if version is None else int(version.is_prerelease)

    return sorted(versions, key=rank)


class _CurrentTags:
    """The images that floating tags refer to now; each tag is read once."""

    def __init__(self, registries: Registries, repositories: Collection[str]) -> None:
        self._registries = registries
        self._repositories = repositories
        self._digests: dict[str, str | None] = {}

    def name_release(self, record: ReleaseRecord) -> bool:
        """Return whether a release has floating tags, and all of them refer to its images."""
        pairs = list(self._tags(record))
        unread = (tag for tag, _ in pairs if tag not in self._digests)
        self._digests |= current_digests(self._registries, unread)
        return bool(pairs) and all(self._digests[tag] == digest for tag, digest in pairs)

    def _tags(self, record: ReleaseRecord) -> Iterator[tuple[str, str]]:
        """Yield each floating tag of a release in these repositories, with the recorded digest."""
        for image in record.images.values():
            for tag in in_repositories(image.moving, self._repositories):
                yield tag, image.digest
