"""Find the version tags that interrupted releases have left: no record names them.

A tag with the form of a version tag can also be foreign, or of a release whose record is in a
repository that is not read. So only images count whose notes name a repository that is read.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import cached_property

from compiler.publish.inventory import Inventory, Kind


class InterruptedReleases:
    """The releases of an inventory that ended before their record."""

    def __init__(
        self,
        inventory: Inventory,
        times: Mapping[str, datetime],
        is_old: Callable[[datetime], bool],
        kept: Collection[str],
    ) -> None:
        """Take what exists.

        Args:
            inventory: what repositories contain.
            times: digest -> the latest time at which an image was staged.
            is_old: returns whether a run that has staged something at a time must have ended.
            kept: the versions of kept releases: a run may be adding targets to them.
        """
        self._inventory, self._times = inventory, times
        self._is_old, self._kept = is_old, kept

    def tags(self) -> dict[tuple[str, str], str]:
        """Return version tag that an interrupted release has left, and its digest -> its version.

        A version with any young image may be in progress.
        """
        recorded = {tag for release in self._inventory.releases for tag, _ in release.tags()}
        by_version: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for repository in self._inventory.repositories:
            for name, digest in repository.tags.items():
                tag = f"{repository.name}:{name}"
                version = self._inventory.version_tags.get(tag)
                if version is not None and version not in self._kept and tag not in recorded:
                    by_version[version].append((tag, digest))
        return {
            pair: version
            for version, pairs in by_version.items()
            if not any(self._is_young(digest) for _, digest in pairs)
            for pair in pairs
            if self._is_own(pair[1])
        }

    def _is_young(self, digest: str) -> bool:
        """Return whether an image, or any image of an index, was staged a short time ago."""
        times = (self._staged.get(child) for child in (digest, *self._children.get(digest, ())))
        return any(time is not None and not self._is_old(time) for time in times)

    def _is_own(self, digest: str) -> bool:
        """Return whether runs with known records have staged an image, or those of an index."""
        children = self._children.get(digest, ())
        return digest in self._own or (bool(children) and self._own.issuperset(children))

    @cached_property
    def _own(self) -> frozenset[str]:
        """The digests of staged images and their platforms, if their notes name known records.

        A repository without manifests cannot be read, or has lost its records: what releases it
        had is unknown.
        """
        names = {
            repository.name for repository in self._inventory.repositories if repository.manifests
        }
        staged = {
            manifest.subject
            for repository in self._inventory.repositories
            for manifest in repository.manifests.values()
            if manifest.kind is Kind.TIME and manifest.records in names and manifest.created
        }
        children = (child for digest in staged for child in self._children.get(digest, ()))
        return frozenset([*staged, *children])

    @cached_property
    def _staged(self) -> Mapping[str, datetime]:
        """Digest of a staged image, or of its platforms -> the latest time of staging."""
        times = dict(self._times)
        for digest, time in self._times.items():
            for child in self._children.get(digest, ()):
                times[child] = max(time, times.get(child, time))
        return times

    @cached_property
    def _children(self) -> Mapping[str, tuple[str, ...]]:
        """Digest -> the manifests of an index, in any repository."""
        return {
            digest: manifest.children
            for repository in self._inventory.repositories
            for digest, manifest in repository.manifests.items()
        }
