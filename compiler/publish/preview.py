"""Determine what a release would do, without writing anything."""

from collections.abc import Mapping
from dataclasses import dataclass

from compiler.external.references import split_tag
from compiler.external.registry.parallel import run_parallel
from compiler.external.registry.read_only import ReadOnlyRegistries
from compiler.publish.floating_tags import NewerReleases
from compiler.publish.items import ReleaseItem
from compiler.publish.preflight import (
    find_staged_images,
    reject_existing_tags,
    reject_reserved_tags,
)
from compiler.publish.publish import prepare
from compiler.publish.request import NOTHING_BUILT, PublishProgress, PublishReport, PublishRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewedTarget:
    """What would be done for one target."""

    target: str
    state: str
    """`build`, `merge` or `reuse`."""
    digest: str | None
    """The digest of the image to reuse; None if it is still to be built or merged."""
    create: tuple[str, ...]
    """The tags that do not exist yet."""
    move: tuple[str, ...]
    """The tags that refer to another image now."""
    kept: Mapping[str, str]
    """Floating tag that would not be moved -> the newer release that it belongs to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a release would do."""

    release: str
    targets: tuple[PreviewedTarget, ...]
    """The selected targets and those that they depend on, in the order of the plan."""
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
    reject_reserved_tags(job)
    find_staged_images(job, progress)
    reject_existing_tags(job, progress, NOTHING_BUILT)
    moves = request.move_floating_tags and request.release.is_final
    version_tags = [tag for item in job.items.values() for tag in item.version_tags]
    newer = NewerReleases(registries, job.record_repository, request.release, version_tags)

    def preview_target(item: ReleaseItem) -> PreviewedTarget:
        image = progress.images.get(item.target)
        digest = image.digest if image else None
        tags: dict[str, str | None] = {}
        if item.target in job.selected and not request.platform:
            tags = dict.fromkeys(item.version_tags)
            if moves:
                tags |= {tag: newer.owner(tag, digest or "") for tag in item.floating_tags}
        current = {
            tag: registries.digest(*split_tag(tag)) for tag, owner in tags.items() if not owner
        }
        return PreviewedTarget(
            target=item.target,
            state="reuse" if image else "merge" if request.merge else "build",
            digest=digest,
            create=tuple(tag for tag, found in current.items() if found is None),
            move=tuple(tag for tag, found in current.items() if found not in {None, digest}),
            kept={tag: owner for tag, owner in tags.items() if owner},
        )

    targets = run_parallel(preview_target, job.required)
    return Preview(
        release=job.version, targets=tuple(targets.values()), unreadable=registries.denied
    )
