"""Move floating tags to a release: forward only, and with a last look at other runs.

Registries cannot compare and set a tag, so another run may move one at any time. `settle` looks
again after the record is written. A run of an older release that took a tag back meanwhile finds
the record of the newer one then, or the newer one finds the tag: at least one of both returns it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from compiler.codes import Code
from compiler.external.references import split_tag, tag_key
from compiler.external.registry.client import Manifest, RegistryError
from compiler.external.registry.parallel import run_parallel
from compiler.publish.composed_images import known_digest, tagged_manifest
from compiler.publish.create_tag import missing_tag, settled_digests
from compiler.publish.request import ONE_AT_A_TIME, ROUNDS, PublishJob, PublishProgress
from compiler.publish.result import KeptReason, KeptTag
from compiler.publish.tag_owners import TagOwners, recorded_images
from compiler.releases.history import current_digests
from compiler.releases.record import ReleaseRecord


@dataclass(frozen=True, slots=True)
class FloatingTagDecision:
    """What to do with a floating tag."""

    current: str | None
    """The image that it refers to; None if it is missing."""
    digest: str = ""
    """The image to move it to; empty to leave it."""
    kept: KeptTag | None = None
    """Why it does not refer to this release."""


class FloatingTags:
    """The floating tags of one run."""

    def __init__(self, job: PublishJob, progress: PublishProgress, owners: TagOwners) -> None:
        """Take the job, its state and all other releases before any tag is created."""
        self._job, self._progress = job, progress
        self._targets = {
            tag: name
            for name, item in job.tagged.items()
            for tag in (item.floating_tags if job.moves_floating_tags else ())
        }
        self._before: ReleaseRecord | None = progress.unsigned or progress.previous
        """The record of this release before the run."""
        self._known: dict[str, Mapping[str, list[str]] | None] = {}
        """Version recorded before the run -> its `recorded_images`; None if not read then."""
        self._latest: Mapping[str, list[str]] = {}
        """The `recorded_images` of the latest release before this one."""
        if self._targets:
            self._latest = recorded_images(owners.latest)
            self._known = dict.fromkeys(owners.versions) | dict(owners.newer_images)
            if owners.latest is not None:
                self._known[owners.latest.release] = self._latest
        self._assigned: dict[str, set[str]] = {}
        """Tag -> the images that this run has assigned it to."""
        self.kept: dict[str, KeptTag] = {}
        """Tag that does not refer to this release -> why."""

    def preview(self) -> Mapping[str, FloatingTagDecision]:
        """Return what `move` would do with each tag."""
        owners = TagOwners.of(self._job)
        digests = current_digests(self._job.registries, self._targets)
        return {tag: self._decide(owners, tag, digests[tag]) for tag in digests}

    def move(self) -> None:
        """Move the tags that this release may take."""
        self._pass(final=False)

    def settle(self, record: ReleaseRecord) -> None:
        """Check all tags again, and correct those that runs of other releases have moved.

        Nothing is read if the run has changed neither a tag nor the record of its release.

        Args:
            record: the record of this release after the run.

        Raises:
            PublishError: a promotion has moved tags that this run had moved.
            RegistryError: other runs keep moving tags, or a tag is missing after it was created.
        """
        if not self._assigned and record == self._before:
            return
        for _ in range(ROUNDS):
            if self._pass(final=True):
                return
        digests = current_digests(self._job.registries, self._targets)
        for tag in self._assigned:
            if digests[tag] is None:
                raise missing_tag(tag, self._own_digest(tag))
        raise RegistryError(
            next(iter(self._targets)),
            f"another run keeps moving floating tags of {self._job.version}",
            code=Code.CONCURRENT_RELEASE,
            help_=ONE_AT_A_TIME,
        )

    def _pass(self, *, final: bool) -> bool:
        """Look at all tags once and move those that must move; return whether none had to."""
        owners = TagOwners.of(self._job)
        certain = set() if final else self._certain_moves(owners)
        digests: dict[str, str | None] = dict.fromkeys(certain)
        digests |= settled_digests(
            self._job.registries,
            (tag for tag in self._targets if tag not in certain),
            self._assigned,
        )
        if final:
            self._reject_promotion(owners, digests)
        decisions = {tag: self._decide(owners, tag, digests[tag]) for tag in digests}
        self.kept = {tag: decision.kept for tag, decision in decisions.items() if decision.kept}
        moves = {tag: decision.digest for tag, decision in decisions.items() if decision.digest}
        is_complete = not moves
        if final and moves:
            # Deciding took time. A tag that a promotion has moved meanwhile is decided about again.
            seen = {tag: decisions[tag].current for tag in moves}
            now = settled_digests(self._job.registries, moves, {t: {seen[t]} for t in moves})
            moves = {tag: to for tag, to in moves.items() if now[tag] == seen[tag]}
        for items in self._job.passes():
            tags = {tag: tag for tag in moves if self._targets[tag] in items}
            run_parallel(lambda tag: self._assign(tag, moves[tag]), tags)
        for tag, digest in moves.items():
            self._progress.count_tags(self._targets[tag], tag not in self._assigned)
            self._assigned.setdefault(tag, set()).add(digest)
        return is_complete

    def _certain_moves(self, owners: TagOwners) -> set[str]:
        """Return the tags that must move, whatever they refer to: they need not be read.

        These are the tags of a new version that is the newest, without those that name its image
        probably already: they would be moved although they need not be.
        """
        if self._before is not None or owners.has_newer:
            return set()
        return {
            tag
            for tag, name in self._targets.items()
            if self._progress.has_created_tags(self._job.tagged[name])
            and self._own_digest(tag) not in self._latest.get(tag_key(tag), ())
        }

    def _own_digest(self, tag: str) -> str:
        """Return the image of this release; empty if a preview has not built it."""
        item = self._job.tagged[self._targets[tag]]
        composed = self._progress.composed.get(item.target)
        return composed.digest if composed else known_digest(self._progress, item) or ""

    def _decide(self, owners: TagOwners, tag: str, current: str | None) -> FloatingTagDecision:
        """Decide about a tag and the image that it refers to now."""
        own = self._own_digest(tag)
        newest = owners.newest(tag)
        if current == own:
            return self._decide_own(tag, own, newest)
        if current is None:
            if newest is None:
                return FloatingTagDecision(current, own)
            return FloatingTagDecision(current, kept=KeptTag(newest[0], KeptReason.NEWER))
        newer = owners.newer(tag, current)
        if newer is not None:
            return FloatingTagDecision(current, kept=KeptTag(newer, KeptReason.NEWER))
        recorded = self._recorded_before(tag)
        if recorded is not None and recorded != current and tag not in self._assigned:
            other = owners.recorded(tag, current, owners.versions)
            if other is not None:
                return FloatingTagDecision(current, kept=KeptTag(other, KeptReason.RETURNED))
        return FloatingTagDecision(current, own)

    def _decide_own(
        self, tag: str, own: str, newest: tuple[str, str] | None
    ) -> FloatingTagDecision:
        """Decide about a tag that refers to this release already."""
        if newest is None or newest[1] == own:
            return FloatingTagDecision(own)
        version, digest = newest
        if tag not in self._assigned:
            # Another run of this version took it: before its release was returned to, or from it.
            if self._recorded_before(tag) is not None:
                return FloatingTagDecision(own)
            return FloatingTagDecision(own, kept=KeptTag(version, KeptReason.OLDER))
        if self._was_recorded(version, tag, digest):
            return FloatingTagDecision(own)  # a fix of a release that was returned to
        return FloatingTagDecision(own, digest, KeptTag(version, KeptReason.NEWER))

    def _recorded_before(self, tag: str) -> str | None:
        """Return the image that this release had recorded for a tag before the run."""
        return next(iter(recorded_images(self._before).get(tag_key(tag), ())), None)

    def _was_recorded(self, version: str, tag: str, digest: str) -> bool:
        """Return whether a release had recorded an image for a tag before this run created tags.

        A release may be recorded in part, by filtered runs. Records of releases below the latest
        one are not read before the run: what they contain counts as recorded before. Their runs
        do not take tags of the latest release.
        """
        if version not in self._known:
            return False
        images = self._known[version]
        return images is None or digest in images.get(tag_key(tag), ())

    def _reject_promotion(self, owners: TagOwners, digests: dict[str, str | None]) -> None:
        """Reject that releases recorded before the run have taken tags from this run."""
        taken: list[tuple[str, str]] = []
        for tag, assigned in self._assigned.items():
            digest = digests[tag]
            if digest is None or digest in assigned:
                continue
            version = owners.recorded(tag, digest, self._known)
            if version is not None and self._was_recorded(version, tag, digest):
                reason = f"another run has moved the floating tag {tag} to {version}"
                taken.append((self._targets[tag], reason))
        if taken:
            raise self._job.error(
                Code.CONCURRENT_RELEASE,
                taken,
                help_="decide for one release: run `compile-matrix release promote VERSION`",
                outcome=f"{self._job.version} is released, but not all its floating tags name it",
            )

    def _assign(self, tag: str, digest: str) -> None:
        """Assign a tag to an image of its repository."""
        repository, name = split_tag(tag)
        item = self._job.tagged[self._targets[tag]]
        registries = self._job.registries
        manifest: Manifest | None
        if digest == self._progress.digest(item):
            manifest = tagged_manifest(self._job, self._progress, item)
        else:
            manifest = registries.manifest(repository, digest)
        if manifest is not None:
            registries.put_manifest(repository, name, manifest)
