"""Find the release that an image of a floating tag belongs to.

Recorded releases are known from their records. A release without a record, which was interrupted or
is running, is known from its version tags: the version is the text in the position of the
version in the template of the tag.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property

from compiler.external.references import tag_key
from compiler.external.registry.client import Registries
from compiler.external.registry.parallel import run_parallel
from compiler.publish.request import PublishJob
from compiler.releases.history import current_digests
from compiler.releases.record import ReleaseRecord
from compiler.releases.registry_record import pull_records, versions_in_tags
from compiler.releases.tag_templates import TagTemplates
from compiler.releases.version import Release, parse_version


class TagOwners:
    """The releases at one moment, seen from one of them; reads registries on demand, once."""

    def __init__(
        self,
        registries: Registries,
        record_repository: str,
        release: Release,
        templates: TagTemplates,
    ) -> None:
        """Create the finder.

        Args:
            registries: the registries to read.
            record_repository: the repository of release records.
            release: the release that is being published.
            templates: the tags that the matrix can produce.
        """
        self._registries, self._record_repository = registries, record_repository
        self._release, self._templates = release, templates
        self._records: dict[str, ReleaseRecord | None] = {}

    @classmethod
    def of(cls, job: PublishJob) -> "TagOwners":
        """Return a finder for the release of a job, with the state of the registry now."""
        return cls(job.registries, job.record_repository, job.request.release, job.templates)

    @cached_property
    def versions(self) -> tuple[str, ...]:
        """The recorded versions, the newest first."""
        return tuple(versions_in_tags(self._record_tags))

    @cached_property
    def _record_tags(self) -> list[str]:
        """The tags of the repository of records."""
        return self._registries.tags(self._record_repository)

    @property
    def has_newer(self) -> bool:
        """Return whether there is a newer final release, with or without a record."""
        return any(map(self._is_newer, self.versions)) or bool(self._unfinished)

    @cached_property
    def latest(self) -> ReleaseRecord | None:
        """The record of the newest older final release; None if it is damaged."""
        version = next((version for version in self.versions if self._is_older(version)), None)
        if version is None:
            return None
        self._read([version])
        return self._records[version]

    @cached_property
    def newer_images(self) -> Mapping[str, Mapping[str, list[str]]]:
        """Newer final release -> its `recorded_images`, for all with a record."""
        versions = [version for version in self.versions if self._is_newer(version)]
        self._read(versions)
        return {version: recorded_images(self._records[version]) for version in versions}

    def newest(self, tag: str) -> tuple[str, str] | None:
        """Return version and digest of the newest newer release with a floating tag.

        None if no record of a newer final release has the tag.
        """
        return next(iter(self._newer_records.get(tag_key(tag), ())), None)

    def newer(self, tag: str, digest: str) -> str | None:
        """Return the newer final release to which an image belongs; None if there is none.

        Args:
            tag: a floating tag that refers to the image.
            digest: the digest of the image.
        """
        for version, recorded in self._newer_records.get(tag_key(tag), ()):
            if recorded == digest:
                return version
        other = self._unfinished.get(digest)
        return other if other and self._templates.can_move(tag, other) else None

    def recorded(self, tag: str, digest: str, versions: Iterable[str]) -> str | None:
        """Return which of these other releases has recorded an image for a floating tag.

        Args:
            tag: the floating tag.
            digest: the digest of the image.
            versions: the recorded versions to consider, in this order.
        """
        for version in versions:
            if version == self._release.version:
                continue
            if version not in self._records:
                self._read([version])
            if digest in recorded_images(self._records[version]).get(tag_key(tag), ()):
                return version
        return None

    def _read(self, versions: list[str]) -> None:
        pulled = pull_records(self._registries, self._record_repository, versions)
        for version in versions:
            record = pulled.get(version)
            self._records[version] = record if isinstance(record, ReleaseRecord) else None

    @cached_property
    def _newer_records(self) -> Mapping[str, list[tuple[str, str]]]:
        """Key of a floating tag -> version and digest in newer releases, newest first."""
        by_tag: dict[str, list[tuple[str, str]]] = {}
        for version, images in self.newer_images.items():
            for tag, digests in images.items():
                by_tag.setdefault(tag, []).extend((version, digest) for digest in digests)
        return by_tag

    @cached_property
    def _unfinished(self) -> Mapping[str, str]:
        """Digest -> newer version, for targets of newer releases that are in no record.

        Floating tags follow when all version tags of a release exist: a target counts if all its
        version tags name the same image.
        """
        repositories = {
            repository: repository
            for templates in self._templates.version_tags.values()
            for template in templates
            if template.has_version and (repository := template.repository)
        }
        known = {self._record_repository: self._record_tags}
        unread = {name: name for name in repositories if name not in known}
        listed = known | run_parallel(self._registries.tags, unread)
        tags = (f"{repository}:{name}" for repository, names in listed.items() for name in names)
        claims: dict[tuple[str, str], list[str]] = {}
        for target, version in dict.fromkeys(self._templates.versions(tags)):
            if self._is_newer(version) and not self._has_recorded(target, version):
                templates = self._templates.version_tags[target]
                claims[target, version] = [
                    template.tag(version) for template in templates if template.has_version
                ]
        digests = current_digests(
            self._registries, (tag for tags in claims.values() for tag in tags)
        )
        named = {claim: {digests[tag] for tag in tags} for claim, tags in claims.items()}
        return {
            digest: version
            for (_, version), digests_of in named.items()
            if len(digests_of) == 1 and (digest := next(iter(digests_of)))
        }

    def _has_recorded(self, image: str, version: str) -> bool:
        """Return whether the record of a newer release has an image."""
        _ = self._newer_records
        record = self._records.get(version)
        return record is not None and image in record.images

    def _is_newer(self, text: str) -> bool:
        """Return whether a text is a final version above the one being published."""
        own, other = parse_version(self._release.version), parse_version(text)
        return bool(own and other and other > own and not other.is_prerelease)

    def _is_older(self, text: str) -> bool:
        """Return whether a text is a final version below the one being published."""
        own, other = parse_version(self._release.version), parse_version(text)
        return bool(own and other and other < own and not other.is_prerelease)


def recorded_images(record: ReleaseRecord | None) -> Mapping[str, list[str]]:
    """Return the key of each floating tag -> its images in a record; empty without one."""
    by_tag: dict[str, list[str]] = {}
    for image in record.images.values() if record else ():
        for tag in image.moving:
            by_tag.setdefault(tag_key(tag), []).append(image.digest)
    return by_tag
