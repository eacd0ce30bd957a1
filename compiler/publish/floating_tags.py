"""Move floating tags to a release, forward only."""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property

from compiler.external.references import split_tag
from compiler.external.registry.client import Registries
from compiler.external.registry.parallel import run_parallel
from compiler.publish.create_tag import create_tag
from compiler.publish.items import ReleaseItem
from compiler.publish.request import PublishJob, PublishProgress
from compiler.releases.record import ReleaseRecord
from compiler.releases.registry_record import pull_records, recorded_versions
from compiler.releases.version import Release, parse_version


class NewerReleases:
    """Finds out whether a floating tag belongs to a newer release; reads registries on demand."""

    def __init__(
        self,
        registries: Registries,
        record_repository: str,
        release: Release,
        version_tags: Iterable[str],
    ) -> None:
        """Create the finder.

        Args:
            registries: the registries to read.
            record_repository: the repository of release records.
            release: the release that is being published.
            version_tags: the version tags of all targets in this release.
        """
        self._registries, self._record_repository = registries, record_repository
        self._release = release
        self._version_tags = dict.fromkeys(version_tags)

    @cached_property
    def _records(self) -> list[ReleaseRecord]:
        """The records of newer final releases, the newest first."""
        versions = recorded_versions(self._registries, self._record_repository)
        newer = filter(self._is_newer, versions)
        records = pull_records(self._registries, self._record_repository, newer)
        return [record for record in records.values() if isinstance(record, ReleaseRecord)]

    @cached_property
    def _newer_tags(self) -> Mapping[str, dict[str, str]]:
        """Repository -> existing version tag of a newer release -> its version."""
        patterns: dict[str, set[str]] = {}
        for tag in self._version_tags:
            repository, name = split_tag(tag)
            around = [re.escape(text) for text in name.split(self._release.version)]
            patterns.setdefault(repository, set()).add("(.+)".join(around[:2]))
        newer: dict[str, dict[str, str]] = {}
        for repository, expressions in patterns.items():
            versions = newer.setdefault(repository, {})
            for name in self._registries.tags(repository):
                for expression in expressions:
                    match = re.fullmatch(expression, name)
                    if match and match.groups() and self._is_newer(match[1]):
                        versions[name] = match[1]
        return newer

    def _is_newer(self, text: str) -> bool:
        """Return whether a text is a final version above the one being published."""
        own, other = parse_version(self._release.version), parse_version(text)
        return bool(own and other and other > own and not other.is_prerelease)

    def owner(self, tag: str, digest: str) -> str | None:
        """Return the newer release that a floating tag belongs to; None if it may be moved.

        A release that was interrupted before its record was written is recognised by its version
        tags.

        Args:
            tag: the floating tag.
            digest: the image to which it is to be moved.
        """
        repository, name = split_tag(tag)
        current = self._registries.digest(repository, name)
        if current is None or current == digest:
            return None
        for record in self._records:
            for target in record.targets:
                if target.digest == current and tag in target.moving:
                    return record.release
        for version_tag, version in self._newer_tags.get(repository, {}).items():
            if self._registries.digest(repository, version_tag) == current:
                return version
        return None


def move_floating_tags(job: PublishJob, progress: PublishProgress) -> dict[str, str]:
    """Move the floating tags of a final version.

    Returns:
        Floating tag that was not moved -> the newer release that it belongs to.
    """
    release = job.request.release
    if not job.request.move_floating_tags or not release.is_final:
        return {}
    version_tags = (tag for item in job.items.values() for tag in item.version_tags)
    newer = NewerReleases(job.registries, job.record_repository, release, version_tags)
    results = run_parallel(lambda item: _move_tags(job, progress, item, newer), job.selected)
    for name, (moved, _) in results.items():
        progress.count_tags(name, moved)
    return {tag: owner for _, kept in results.values() for tag, owner in kept.items()}


def _move_tags(
    job: PublishJob, progress: PublishProgress, item: ReleaseItem, newer: NewerReleases
) -> tuple[int, dict[str, str]]:
    """Move the floating tags of a target; return how many, and the kept ones with their owner."""
    image = progress.images[item.target]
    builder = job.request.options.builder
    moved, kept = 0, {}
    for tag in item.floating_tags:
        owner = newer.owner(tag, image.digest)
        if owner is not None:
            kept[tag] = owner
        else:
            moved += create_tag(job.registries, image, item.repository, tag, builder)
    return moved, kept
