"""Determine what a release would do, without writing anything."""

from collections.abc import Mapping
from dataclasses import dataclass

from compiler.external.registry.attached import AttachedArtifacts
from compiler.external.registry.read_only import ReadOnlyRegistries
from compiler.publish.checks import find_marks, find_passed
from compiler.publish.composed_images import (
    known_digest,
    preview_images,
    without_partial_indexes,
)
from compiler.publish.floating_tags import FloatingTags
from compiler.publish.items import ReleaseItem
from compiler.publish.preflight import (
    find_staged_images,
    reject_existing_tags,
)
from compiler.publish.publish import prepare
from compiler.publish.request import (
    NOTHING_BUILT,
    PublishJob,
    PublishProgress,
    PublishReport,
    PublishRequest,
)
from compiler.publish.result import KeptTag
from compiler.publish.sign import images_of, release_repositories
from compiler.publish.tag_conflicts import reject_tag_conflicts
from compiler.publish.tag_owners import TagOwners
from compiler.publish.unfinished_tags import reject_unfinished_tags
from compiler.targets.applicable_checks import applicable_checks


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewedTarget:
    """What would be done for one target."""

    target: str
    state: str
    """`build`, `merge` or `reuse`; `compose` for indexes and platforms with their own tags."""
    digest: str | None
    """The digest of the image to reuse; None if it is still to be built or merged."""
    create: tuple[str, ...]
    """The tags that do not exist yet."""
    move: tuple[str, ...]
    """The tags that refer to another image now."""
    kept: Mapping[str, KeptTag]
    """Floating tag that would not be moved -> the other release, and why."""
    checks: tuple[str, ...]
    """The checks that would run."""
    sign: tuple[str, ...] = ()
    """The repositories in which something would be signed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a release would do."""

    release: str
    targets: tuple[PreviewedTarget, ...]
    """The selected targets, those that they depend on, and images composed of their images."""
    unreadable: tuple[str, ...]
    """Repositories that deny reading and so count as missing."""


def preview(
    request: PublishRequest, registries: ReadOnlyRegistries, report: PublishReport
) -> Preview:
    """Return what `publish` would do with a request.

    Raises:
        PublishError: a tag is reserved, or a version tag exists for another image.
        RegistryError: a registry does not respond.
    """
    job = prepare(request, registries, report)
    progress = PublishProgress()
    reject_tag_conflicts(job)
    find_staged_images(job, progress)
    reject_existing_tags(job, progress, NOTHING_BUILT)
    reject_unfinished_tags(job, progress)
    job = without_partial_indexes(job, progress)
    preview_images(job, progress)
    tags = FloatingTags(job, progress, TagOwners.of(job))
    floating = tags.preview() if request.creates_tags else {}
    checks = _pending_checks(job, progress) if request.creates_tags else {}

    attached = AttachedArtifacts(registries) if job.request.resolved.plan.matrix.signer else None

    def preview_target(item: ReleaseItem) -> PreviewedTarget:
        composed = progress.composed.get(item.target)
        digest = composed.digest if composed else known_digest(progress, item)
        selected = item.target in job.tagged and request.creates_tags
        current = {tag: progress.version_tags[tag] for tag in item.version_tags if selected}
        changes = {tag: floating[tag] for tag in item.floating_tags if tag in floating}
        current |= {tag: change.current for tag, change in changes.items() if not change.kept}
        return PreviewedTarget(
            target=item.target,
            state="compose"
            if item.members
            else "reuse"
            if digest
            else "merge"
            if request.merge
            else "build",
            digest=digest,
            create=tuple(tag for tag, tagged in current.items() if tagged is None),
            move=tuple(tag for tag, tagged in current.items() if tagged not in {None, digest}),
            kept={tag: change.kept for tag, change in changes.items() if change.kept},
            checks=checks.get(item.target, ()),
            sign=_unsigned_repositories(job, progress, item, attached) if selected else (),
        )

    composed_items = (item for item in job.tagged.values() if item.members)
    return Preview(
        release=job.version,
        targets=tuple(map(preview_target, (*job.required.values(), *composed_items))),
        unreadable=registries.denied,
    )


def _unsigned_repositories(
    job: PublishJob,
    progress: PublishProgress,
    item: ReleaseItem,
    attached: AttachedArtifacts | None,
) -> tuple[str, ...]:
    """Return where an image would be signed: everywhere, if it does not exist yet.

    A preview does not run cosign: an image counts as signed if anything is attached to it.
    """
    if attached is None:
        return ()
    images = images_of(job, progress, item)
    if not images:
        return tuple(release_repositories(job, item))
    unsigned = [image.repository for image in images if not attached.exist(*image)]
    return tuple(dict.fromkeys(unsigned))


def _pending_checks(job: PublishJob, progress: PublishProgress) -> dict[str, tuple[str, ...]]:
    """Return the checks that would run, by target; images that are missing have passed none."""
    staged = [name for name in job.selected if name in progress.images]
    passed = find_passed(job, find_marks(job, progress, staged))
    matrix = job.request.resolved.plan.matrix
    return {
        name: tuple(
            check.name
            for check in applicable_checks(matrix, job.targets[name])
            if (name, check.name) not in passed
        )
        for name in job.selected
    }
