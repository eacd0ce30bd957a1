"""Images that consist of those of targets: single platforms, and indexes of several targets.

An index contains the manifests of its targets, attestations included, by digest. It is pushed by
digest before any tag refers to it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from compiler.codes import Code
from compiler.errors import DiagnosticError
from compiler.external.platforms import find_platform, overlapping_platforms
from compiler.external.registry.client import Manifest, RegistryError
from compiler.external.registry.copying import Copier, require_manifest
from compiler.external.registry.parallel import run_parallel
from compiler.publish.items import ReleaseItem
from compiler.publish.merge_platforms import joined_index
from compiler.publish.request import (
    NOTHING_BUILT,
    SOME_TAGS,
    STAGED,
    PublishJob,
    PublishProgress,
)
from compiler.publish.staged_image import ComposedImage, StagedImage, image_manifest, read_image
from compiler.releases.record import ReleasedIndex
from compiler.reports.text import shortened


_SHOWN = 5
"""Maximum number of targets in a message."""


def without_partial_indexes(job: PublishJob, progress: PublishProgress) -> PublishJob:
    """Return the job without indexes of which a target is neither in the run nor staged.

    Raises:
        PublishError: such an index has version tags, which would be left partial.
    """
    absent = {
        name: [
            member
            for member in item.members
            if member not in job.required and member not in progress.images
        ]
        for name, item in job.tagged.items()
    }
    partial = {name: members for name, members in absent.items() if members}
    versioned = [name for name in partial if job.tagged[name].version_tags]
    if versioned:
        raise job.error(
            Code.PARTIAL_INDEX,
            [
                (name, f"{job.tagged[name].version_tags[0]} also needs {_listed(partial[name])}")
                for name in versioned
            ],
            help_="select these targets as well, or stage them first",
            outcome=NOTHING_BUILT,
        )
    if job.moves_floating_tags:
        for name, members in partial.items():
            tags = ", ".join(job.tagged[name].floating_tags)
            job.report.say(f"note: {tags} is not moved: it also needs {_listed(members)}")
    tagged = {name: item for name, item in job.tagged.items() if name not in partial}
    return replace(job, tagged=tagged)


def _listed(members: Sequence[str]) -> str:
    names = shortened(members, _SHOWN)
    return f"{names}, which {'is' if len(members) == 1 else 'are'} neither selected nor staged"


def known_digest(progress: PublishProgress, item: ReleaseItem) -> str | None:
    """Return the digest of an item's image; None if it is not known yet.

    That of an index is known if the release has recorded it for the same images.
    """
    images = [progress.images.get(name) for name in item.members or (item.target,)]
    if None in images:
        return None
    if not item.members:
        return images[0].digest  # type: ignore[union-attr]
    if item.platform:
        platforms = images[0].platforms  # type: ignore[union-attr]
        name = find_platform(item.platform, platforms)
        return platforms[name] if name else None
    recorded = progress.previous.images.get(item.target) if progress.previous else None
    if recorded is not None and all(
        (target := progress.previous_target(name)) is not None
        and target.digest == progress.images[name].digest
        for name in item.members
    ):
        return recorded.digest
    return None


def compose_images(job: PublishJob, progress: PublishProgress) -> None:
    """Determine the composed images, and push those of them that may be new, by digest.

    Raises:
        DiagnosticError: two images of an index have the same platform, or a registry rejects one.
    """
    items = {name: item for name, item in job.tagged.items() if item.members}
    copies = {
        (job.items[name].repository, item.repository, progress.images[name].digest)
        for item in items.values()
        for name in item.members
        if not item.platform
    }
    copier = Copier(job.registries)
    try:
        run_parallel(lambda copy: copier.copy(*copy), {copy: copy for copy in sorted(copies)})
        progress.composed = run_parallel(lambda item: _compose(job, progress, item), items)
    except RegistryError as error:
        outcome = SOME_TAGS if progress.overtaken else STAGED
        raise DiagnosticError(error.diagnostics, outcome=outcome) from None


def preview_images(job: PublishJob, progress: PublishProgress) -> None:
    """Determine the composed images of which all parts exist, without writing anything.

    Raises:
        RegistryError: two images of an index have the same platform, or a registry cannot be read.
    """
    items = {
        name: item
        for name, item in job.tagged.items()
        if item.members and progress.images.keys() >= set(item.members)
    }

    def preview_image(item: ReleaseItem) -> ComposedImage:
        digest = known_digest(progress, item)
        return ComposedImage(digest or compose_index(job, progress, item).digest, None)

    progress.composed = run_parallel(preview_image, items)


def _compose(job: PublishJob, progress: PublishProgress, item: ReleaseItem) -> ComposedImage:
    digest = known_digest(progress, item)
    if digest is not None and (item.platform or _is_present(progress, item, digest)):
        return ComposedImage(digest, None)
    if item.platform:
        raise RegistryError(
            item.repository,
            f"the image of {item.first_target} lacks the platform {item.platform}",
            code=Code.UNREADY_TARGET,
            help_="check which platforms the builder has pushed",
        )
    manifest = compose_index(job, progress, item)
    job.registries.put_manifest(item.repository, manifest.digest, manifest)
    return ComposedImage(manifest.digest, manifest)


def _is_present(progress: PublishProgress, item: ReleaseItem, digest: str) -> bool:
    """Return whether version tags show that an index is in each repository that names it."""
    return bool(item.version_tags) and all(
        progress.version_tags.get(tag) == digest for tag in item.version_tags
    )


def compose_index(job: PublishJob, progress: PublishProgress, item: ReleaseItem) -> Manifest:
    """Return the index of the images of several targets.

    Raises:
        RegistryError: two of them have the same platform, or one is missing.
    """
    images = [_read_member(job, progress, name) for name in item.members]
    _reject_overlaps(item, images)
    return joined_index(job.registries, [job.items[name] for name in item.members], images)


def _read_member(job: PublishJob, progress: PublishProgress, name: str) -> StagedImage:
    image = progress.images[name]
    if isinstance(image, StagedImage):
        return image
    repository = job.items[name].repository
    staged = read_image(job.registries, repository, image.digest)
    if staged is None:
        require_manifest(job.registries, repository, image.digest)  # raises the error
        raise AssertionError(name)
    return staged


def _reject_overlaps(item: ReleaseItem, images: Iterable[StagedImage]) -> None:
    """Reject that variables of the environment join targets with the same platform."""
    platforms: list[str] = []
    for image in images:
        for platform in image.platforms:
            if any(overlapping_platforms(platform, other) for other in platforms):
                tag = (*item.version_tags, *item.floating_tags)[0]
                raise RegistryError(
                    tag,
                    f"two images of {item.target} have the platform {platform}",
                    code=Code.SHARED_PLATFORM,
                    help_="distinguish the tags of these targets in this environment",
                )
            platforms.append(platform)


def tagged_manifest(job: PublishJob, progress: PublishProgress, item: ReleaseItem) -> Manifest:
    """Return the manifest to which the tags of an item refer."""
    if not item.members:
        return image_manifest(job.registries, item.repository, progress.images[item.target])
    image = progress.composed[item.target]
    return image.manifest or require_manifest(job.registries, item.repository, image.digest)


def released_indexes(job: PublishJob, progress: PublishProgress) -> list[ReleasedIndex]:
    """Return the indexes of the run as they are recorded."""
    return [
        ReleasedIndex(
            targets=item.members,
            tags=item.version_tags,
            moving=item.floating_tags,
            digest=progress.composed[name].digest,
        )
        for name, item in job.tagged.items()
        if item.is_index
    ]
