"""Decide what a clean-up may delete: a pure function of what repositories contain.

A digest may be deleted only if nothing that is kept leads to it. Kept are the newest releases, the
releases that floating tags name, everything young, floating tags, everything that a kept release
names, and every tag and manifest whose purpose is unknown. What is kept protects each digest that
its manifest contains, and signatures, checks and notes that are about it. Unknown age counts as
young.

A version tag that no record names was left by an interrupted release if all images of its version
were staged long ago. It protects nothing then.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import cached_property

from compiler.external.references import repository_key, split_tag
from compiler.external.registry.attached import DIGEST_PREFIX
from compiler.fingerprint.naming import CHECK_PREFIX, FINGERPRINT_PREFIX
from compiler.matrix.matrix import Keep
from compiler.publish.interrupted_releases import InterruptedReleases
from compiler.publish.inventory import (
    Inventory,
    Kind,
    StoredRelease,
    StoredRepository,
)
from compiler.releases.latest import by_preference
from compiler.releases.registry_record import RECORD_PREFIX, record_tag, versions_in_tags


STAGED = re.compile(rf"{FINGERPRINT_PREFIX}[0-9a-f]{{64}}(?:-[a-z0-9._()-]+)?\Z", re.ASCII)
"""The tags of staged images."""
_MARK = re.compile(rf"{CHECK_PREFIX}[0-9a-f]{{64}}\Z")
SIGNATURE = re.compile(rf"{DIGEST_PREFIX}([0-9a-f]{{64}})(?:\.(?:sig|att|sbom))?\Z")
"""The tags of signatures, attestations and SBOMs: cosign's, and OCI's for old registries."""
_NOTE_DAYS = 2
"""The number of days for which notes of clean-ups are kept: longer than they affect releases."""


class Retention:
    """What to keep of an inventory, and what may be deleted."""

    def __init__(self, inventory: Inventory, keep: Keep, now: datetime) -> None:
        """Take what exists, what to keep of it, and the present time."""
        self._inventory, self._keep, self._now = inventory, keep, now
        self._names = frozenset(repository.name for repository in inventory.repositories)

    @cached_property
    def _times(self) -> Mapping[str, datetime]:
        """Digest -> the latest time at which it was written, or noted to be staged."""
        times: dict[str, datetime] = {}
        for repository in self._inventory.repositories:
            for manifest in repository.manifests.values():
                if manifest.created is not None:
                    about = manifest.subject if manifest.kind is Kind.TIME else manifest.digest
                    times[about] = max(manifest.created, times.get(about, manifest.created))
        return times

    def _is_young(self, digest: str) -> bool:
        return not self._has_age(self._times.get(digest), self._keep.days)

    def _has_age(self, created: datetime | None, days: int) -> bool:
        """Return whether a time is known, and at least so many days ago."""
        return created is not None and self._now - created >= timedelta(days=days)

    def _is_own(self, release: StoredRelease) -> bool:
        """Return whether all images of a release have a tag in the repositories.

        Otherwise it is foreign, at least in part: another matrix may have released it.
        """
        tagged = [(*image.tags, *image.moving) for image in release.record.images.values()]
        return all(
            any(repository_key(split_tag(tag)[0]) in self._names for tag in tags)
            for tags in tagged
            if tags
        )

    @cached_property
    def kept_releases(self) -> tuple[StoredRelease, ...]:
        """The newest releases, all young ones, those that floating tags name, and foreign ones.

        Records that are not signed do not count among those that are.
        """
        newest: dict[bool, set[str]] = {}
        for is_signed in (True, False):
            own = {
                release.record.release
                for release in self._inventory.releases
                if self._is_own(release) and release.is_signed == is_signed
            }
            ordered = versions_in_tags(map(record_tag, own))
            newest[is_signed] = {*ordered[: self._keep.releases]}
        return tuple(
            release
            for release in self._inventory.releases
            if release.record.release in newest[release.is_signed]
            or not self._is_own(release)
            or self._is_young(release.digest)
            or (release.repository, release.digest) in self._named_releases
        )

    @cached_property
    def _named_releases(self) -> frozenset[tuple[str, str]]:
        """Repository and digest of the newest record of the image that each floating tag names.

        `release latest` returns such a release, perhaps after a rollback. Without its record, the
        release from which somebody has returned would be the latest again.
        """
        current = {
            f"{repository.name}:{tag}": digest
            for repository in self._inventory.repositories
            for tag, digest in repository.tags.items()
        }
        own = [release for release in self._inventory.releases if self._is_own(release)]
        names = by_preference(
            versions_in_tags(record_tag(release.record.release) for release in own)
        )
        rank = {name: number for number, name in enumerate(names)}
        first: dict[tuple[str, bool], tuple[str, str]] = {}
        for release in sorted(own, key=lambda stored: rank[stored.record.release]):
            for tag, digest in release.floating_tags():
                if current.get(tag) == digest:
                    key = tag, release.is_signed
                    first.setdefault(key, (release.repository, release.digest))
        return frozenset(first.values())

    @cached_property
    def expired_releases(self) -> tuple[StoredRelease, ...]:
        """All other releases."""
        kept = {(release.repository, release.digest) for release in self.kept_releases}
        return tuple(
            release
            for release in self._inventory.releases
            if (release.repository, release.digest) not in kept
        )

    @cached_property
    def expired_tags(self) -> Mapping[tuple[str, str], list[str]]:
        """Version tag of only expired releases, and its digest -> these releases."""
        protected = set(self._inventory.floating_tags)
        for release in self._inventory.releases:
            protected.update(tag for tag, _ in release.floating_tags())
        for release in self.kept_releases:
            protected.update(tag for tag, _ in release.tags())
        releases_of: dict[tuple[str, str], list[str]] = defaultdict(list)
        for release in self.expired_releases:
            for tag, digest in release.tags():
                if tag not in protected:
                    releases_of[tag, digest].append(release.record.release)
        return releases_of

    @cached_property
    def interrupted_tags(self) -> Mapping[tuple[str, str], str]:
        """Version tag that an interrupted release has left, and its digest -> the version."""
        return InterruptedReleases(
            self._inventory,
            self._times,
            lambda time: self._has_age(time, self._keep.days),
            {release.record.release for release in self.kept_releases},
        ).tags()

    @cached_property
    def _kept_everywhere(self) -> frozenset[str]:
        """The digests that must stay in each repository."""
        named = {digest for release in self.kept_releases for digest in release.digests()}
        staged = {
            digest
            for repository in self._inventory.repositories
            for tag, digest in repository.tags.items()
            if STAGED.match(tag) and self._is_young(digest)
        }
        return frozenset(named | staged)

    def is_root(self, repository: StoredRepository, tag: str) -> bool:
        """Return whether everything to which a tag leads must stay."""
        digest = repository.tags[tag]
        manifest = repository.manifests.get(digest)
        if manifest is None or f"{repository.name}:{tag}" in self._inventory.floating_tags:
            return True
        if manifest.kind is Kind.RECORD:
            expired = {(release.repository, release.digest) for release in self.expired_releases}
            return not tag.startswith(RECORD_PREFIX) or (repository.name, digest) not in expired
        if manifest.kind is Kind.CLEAN_UP:
            return not self._has_age(manifest.created, _NOTE_DAYS)
        if manifest.kind is Kind.TIME or (manifest.kind is Kind.CHECK and _MARK.match(tag)):
            return not self._has_age(manifest.created, self._keep.days)
        if STAGED.match(tag):
            return self._is_young(digest)
        signature = SIGNATURE.match(tag)
        if signature:
            subject = f"sha256:{signature[1]}"
            return subject not in repository.manifests and subject not in repository.announced
        named = (f"{repository.name}:{tag}", digest)
        return named not in self.expired_tags and named not in self.interrupted_tags

    def kept(self, repository: StoredRepository) -> frozenset[str]:
        """Return the digests of a repository that must stay."""
        roots = {digest for tag, digest in repository.tags.items() if self.is_root(repository, tag)}
        roots |= self._kept_everywhere
        roots |= {m.digest for m in repository.manifests.values() if m.kind is Kind.UNKNOWN}
        attached = attachments(repository)
        kept: set[str] = set()
        pending = list(roots)
        while pending:
            digest = pending.pop()
            if digest in kept:
                continue
            kept.add(digest)
            manifest = repository.manifests.get(digest)
            pending += manifest.references if manifest else ()
            pending += attached.get(digest, ())
        return frozenset(kept)

    def undated(self) -> Iterator[tuple[str, str]]:
        """Yield repository and digest of staged images and records of unknown age."""
        for repository in self._inventory.repositories:
            for tag, digest in repository.tags.items():
                manifest = repository.manifests.get(digest)
                is_record = manifest is not None and manifest.kind is Kind.RECORD
                if (is_record or STAGED.match(tag)) and digest not in self._times:
                    yield repository.name, digest

    def staged_on(self, digest: str) -> str:
        """Return the day on which an image was staged; empty if it is unknown."""
        time = self._times.get(digest)
        return f"{time:%Y-%m-%d}" if time else ""


def attachments(repository: StoredRepository) -> Mapping[str, set[str]]:
    """Return digest -> the manifests that are about it: signatures, checks and notes."""
    attached: dict[str, set[str]] = defaultdict(set)
    for manifest in repository.manifests.values():
        if manifest.subject:
            attached[manifest.subject].add(manifest.digest)
    for tag, digest in repository.tags.items():
        signature = SIGNATURE.match(tag)
        if signature:
            attached[f"sha256:{signature[1]}"].add(digest)
    return attached
