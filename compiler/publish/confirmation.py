"""Read the inputs of images again after they were built, before their fingerprints are trusted.

A file can change between the moment it was hashed and the moment bake read it. The image of the
changed file must not get the tag of the fingerprint, because later releases would reuse it.
"""

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress

from compiler.codes import Code
from compiler.errors import DiagnosticError
from compiler.external.platforms import missing_platforms
from compiler.external.registry.client import RegistryError
from compiler.external.registry.parallel import run_parallel
from compiler.fingerprint.fingerprint import Fingerprint
from compiler.fingerprint.naming import fingerprint_tag, pushed_tag
from compiler.publish.create_tag import settled
from compiler.publish.items import ReleaseItem, release_items
from compiler.publish.request import PublishJob
from compiler.publish.staged_image import KnownImage, StagedImage, read_image
from compiler.publish.staging_time import write_staging_time
from compiler.reports.text import printable, shortened


_SHARE = 20
"""Between two checks, a build runs this many times as long as the check took."""
_MAX_PARTS = 3
"""Maximum number of changed inputs in a message."""


class Confirmation:
    """Gives pushed images the tags of their fingerprints, once their inputs were read again.

    This happens also during a build, so that an interrupted build keeps what it has built.
    """

    def __init__(self, job: PublishJob, *, replace: bool) -> None:
        """Take the job, and whether images replace those that are staged already."""
        self._job, self._replace = job, replace
        self._pending: dict[str, str] = {}
        """Target -> the digest that was pushed; empty if bake did not report it."""
        self._pushed: dict[str, str] = {}
        self._next = 0.0
        self.staged: dict[str, str] = {}
        """Target -> the digest of its staged image."""
        self.outdated: set[str] = set()
        """Targets that were built on an image in whose place another run has staged another."""
        self.changed: dict[str, str] = {}
        """Target whose inputs have changed -> which."""

    def add(self, digests: Mapping[str, str]) -> None:
        """Add images that were pushed during a build; check them if the last check was long ago."""
        self._pending |= digests
        start = time.monotonic()
        if start < self._next:
            return
        with suppress(DiagnosticError):  # the check after the build reports the error
            self._check()
        self._next = time.monotonic() + _SHARE * (time.monotonic() - start)

    def add_all(self, names: Iterable[str]) -> None:
        """Add all images that a build has pushed, and check those that are not checked yet.

        Raises:
            DiagnosticError: the project is no longer valid, or a registry rejects a request.
        """
        for name in names:
            if name not in {*self.staged, *self.outdated, *self.changed}:
                self._pending.setdefault(name, "")
        self._check()

    def _check(self) -> None:
        """Read the inputs of the pending images, and tag the images whose inputs are the same."""
        if not self._pending:
            return
        self.changed |= changed_inputs(self._job, self._pending)
        same = [name for name in self._pending if name not in self.changed]
        while same:
            ready = {
                name: self._job.items[name]
                for name in same
                if not set(same).intersection(self._job.dependencies[name])
            }
            outdated = {name for name in ready if self._is_outdated(name)}
            self.outdated |= outdated
            current = {name: item for name, item in ready.items() if name not in outdated}
            self.staged |= run_parallel(self._stage, current)
            same = [name for name in same if name not in ready]
        self._pending.clear()

    def differ(self, name: str, images: Mapping[str, KnownImage]) -> bool:
        """Return whether a direct dependency is staged as another image now than before."""
        return any(
            self.staged.get(other, images[other].digest) != images[other].digest
            for other in self._job.dependencies[name]
            if other in images
        )

    def _is_outdated(self, name: str) -> bool:
        """Return whether a direct dependency is staged as another image than it was built on."""
        return any(
            other in self.outdated or self.staged.get(other) != self._pushed[other]
            for other in self._job.dependencies[name]
            if other in self._pushed
        )

    def _stage(self, item: ReleaseItem) -> str:
        """Create the tag of a fingerprint, unless another run has staged a complete image.

        Returns:
            The digest of the staged image.
        """
        job, platform = self._job, self._job.request.platform
        tag = fingerprint_tag(item.fingerprint, platform)
        pushed = self._pending[item.target] or pushed_tag(item.fingerprint, platform)
        manifest = settled(lambda: job.registries.manifest(item.repository, pushed))
        if manifest is None and job.registries.denies_reading(item.repository):
            raise RegistryError(
                item.repository,
                f"the registry denies reading {item.repository}, although {pushed} was pushed",
                code=Code.REGISTRY_DENIED,
                help_="log in with an account that may pull as well as push",
            )
        if manifest is None:
            raise RegistryError(
                item.repository,
                f"{pushed} is missing in {item.repository} although it was pushed",
                help_="check whether the registry or another program deletes images",
            )
        self._pushed[item.target] = manifest.digest
        if not self._replace:
            staged = read_image(job.registries, item.repository, tag)
            if staged is not None and self._is_complete(item, staged, pushed):
                return staged.digest
        job.registries.put_manifest(item.repository, tag, manifest)
        write_staging_time(job.registries, item.repository, manifest.digest, job.record_repository)
        return manifest.digest

    def _is_complete(self, item: ReleaseItem, staged: StagedImage, pushed: str) -> bool:
        """Return whether a staged image has all platforms of its target.

        If the matrix lists none, the builder has decided: those of the pushed image count.
        """
        job = self._job
        required = {job.request.platform} if job.request.platform else {*item.platforms}
        if not required:
            built = read_image(job.registries, item.repository, pushed)
            required = {*built.platforms} if built else set()
        return not missing_platforms(required, staged.platforms)


def changed_inputs(job: PublishJob, names: Iterable[str]) -> dict[str, str]:
    """Return the targets whose inputs have changed since the job was prepared, with a reason.

    Raises:
        DiagnosticError: the project is no longer valid, or its generated files are stale.
    """
    names = list(names)
    request = job.request.read_again() if names else job.request
    items = release_items(request.resolved, request.fingerprints, request.dockerfiles)
    reasons: dict[str, str] = {}
    for name in names:
        item = items.get(name)
        if item is None:
            reasons[name] = "it was removed from the matrix during the run"
        elif item.fingerprint != job.items[name].fingerprint:
            parts = _changed_parts(job.request.fingerprints[name], request.fingerprints[name])
            listed = printable(shortened(parts, _MAX_PARTS))
            reasons[name] = f"its inputs changed during the run: {listed}"
        elif item.tests != job.items[name].tests:
            reasons[name] = "its tests changed during the run"
    return reasons


def _changed_parts(before: Fingerprint, after: Fingerprint) -> list[str]:
    """Return the names of inputs that differ."""
    names = dict.fromkeys([*before.parts, *after.parts])
    changed = [name for name in names if before.parts.get(name) != after.parts.get(name)]
    return changed or ["the order of its inputs"]
