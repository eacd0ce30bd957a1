"""Reject a run whose images a clean-up has deleted, or may be about to delete."""

from collections.abc import Iterator

from compiler.codes import Code
from compiler.publish.clean_up_notes import (
    RUNNING,
    Image,
    find_deleted_images,
    read_clean_ups,
)
from compiler.publish.items import ReleaseItem
from compiler.publish.request import NOTHING_BUILT, PublishJob, PublishProgress
from compiler.publish.staged_image import KnownImage


HELP = (
    "run the command again when the clean-up has ended: missing images are built again; version "
    "tags of other images need `--replace`"
)


def note_clean_ups(job: PublishJob, progress: PublishProgress) -> None:
    """Note which clean-ups have ended and which are running, before images are looked for."""
    repositories = {item.repository for item in job.items.values()}
    if job.request.creates_tags:
        repositories |= job.templates.repositories
    progress.clean_ups = read_clean_ups(job.registries, repositories)


def reject_announced_images(job: PublishJob, progress: PublishProgress) -> None:
    """Reject a run that would reuse images that a running clean-up may delete.

    Raises:
        PublishError: with all targets with such an image.
    """
    owners = dict(_images(job, progress))
    names = {owners[image]: RUNNING for image in progress.clean_ups.running if image in owners}
    if names:
        raise job.error(
            Code.DELETED_IMAGE, sorted(names.items()), help_=HELP, outcome=NOTHING_BUILT
        )


def reject_deleted_images(job: PublishJob, progress: PublishProgress, outcome: str) -> None:
    """Check the images of a run after its last request that writes; see `clean_up_notes`.

    Raises:
        PublishError: with all targets that have lost an image.
    """
    owners = dict(_images(job, progress))
    reasons = {
        owners[image]: reason
        for image, reason in find_deleted_images(job.registries, owners, progress.clean_ups).items()
    }
    if reasons:
        raise job.error(Code.DELETED_IMAGE, reasons.items(), help_=HELP, outcome=outcome)


def _images(job: PublishJob, progress: PublishProgress) -> Iterator[tuple[Image, str]]:
    """Yield each manifest that a repository must have, with the image that needs it."""
    for name, image in progress.images.items():
        item = job.items[name]
        repositories = _repositories(job, item) if name in job.tagged else {item.repository}
        yield from (
            ((repository, digest), name)
            for repository in repositories
            for digest in (image.digest, *_content(image))
        )
    for name, composed in progress.composed.items():
        item = job.composed[name]
        members = () if item.platform else item.members
        digests = [composed.digest]
        digests += [digest for member in members for digest in _content(progress.images[member])]
        yield from (
            ((repository, digest), name)
            for repository in _repositories(job, item)
            for digest in digests
        )


def _content(image: KnownImage) -> tuple[str, ...]:
    return (*image.platforms.values(), *image.attestations.values())


def _repositories(job: PublishJob, item: ReleaseItem) -> set[str]:
    """Return the repositories that must have an image: those of its tags, and of staging."""
    return {item.repository, *(job.repositories(item) if job.request.creates_tags else ())}
