"""Sign the images of a release in every repository that names them, before the first tag.

Signed are each image, the image of each platform, and each index, by digest. An image counts as
signed if its signature is valid for the signer of the matrix. The signed record of an earlier run
is evidence, too: an image that it names is not verified again, if it still has a signature.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from compiler.errors import DiagnosticError
from compiler.external.references import split_tag
from compiler.publish.composed_images import known_digest
from compiler.publish.items import ReleaseItem
from compiler.publish.request import (
    SOME_TAGS,
    STAGED,
    PublishJob,
    PublishProgress,
    TargetState,
)
from compiler.publish.signatures import SignedImage
from compiler.publish.staged_image import KnownImage
from compiler.releases.record import ReleasedIndex, ReleaseRecord
from compiler.releases.recorded_signatures import RecordedSignatures


def sign_images(job: PublishJob, progress: PublishProgress, items: Iterable[ReleaseItem]) -> None:
    """Sign images that are in all their repositories, unless they are signed.

    Raises:
        DiagnosticError: an image cannot be signed, or its signature is not valid.
    """
    if job.signatures is None:
        return
    images = {item.target: images_of(job, progress, item) for item in items}
    wanted = [image for of_target in images.values() for image in of_target]
    try:
        signed = job.signatures.ensure(wanted, _recorded_as_signed(job, progress))
    except DiagnosticError as error:
        error.outcome = SOME_TAGS if progress.overtaken else STAGED
        raise
    if signed:
        progress.is_outdated = True
        job.report.say(f"signed: {len(signed)}")
    newly_signed = {
        name for name, of_target in images.items() if not set(signed).isdisjoint(of_target)
    }
    job.reached(TargetState.SIGNED, (name for name in images if name in job.selected), newly_signed)


def images_of(job: PublishJob, progress: PublishProgress, item: ReleaseItem) -> list[SignedImage]:
    """Return what is signed for an image of the release; nothing if it does not exist yet."""
    composed = progress.composed.get(item.target)
    digest = composed.digest if composed else known_digest(progress, item)
    if digest is None:
        return []
    members = [] if item.platform else [*(item.members or (item.target,))]
    digests = [digest, *_platforms(progress.images[name] for name in members)]
    return _in_all(release_repositories(job, item), digests)


def _platforms(images: Iterable[KnownImage]) -> list[str]:
    return [digest for image in images for digest in image.platforms.values()]


def _in_all(repositories: Iterable[str], digests: Iterable[str]) -> list[SignedImage]:
    digests = [*dict.fromkeys(digests)]
    return [SignedImage(repository, digest) for repository in repositories for digest in digests]


def release_repositories(job: PublishJob, item: ReleaseItem) -> list[str]:
    """Return the repositories in which users find an image of the release."""
    return job.repositories(item) or [item.repository]


def _recorded_as_signed(job: PublishJob, progress: PublishProgress) -> set[SignedImage]:
    """Return the images that the record of an earlier run names as signed, if it is signed.

    With `--replace`, nothing is trusted, so that each signature is verified again.
    """
    if job.signatures is None or progress.previous is None or job.request.replace:
        return set()
    record = SignedImage(job.record_repository, progress.previous_digest)
    recorded = recorded_signatures(progress.previous, job.signatures.label)
    return recorded if recorded and job.signatures.find_signed([record]) else set()


def recorded_signatures(record: ReleaseRecord, label: str = "") -> set[SignedImage]:
    """Return the images that a record names as signed by a signer, by default by anyone."""
    rows = [row.signatures for row in record.targets] + [row.signatures for row in record.indexes]
    return {
        SignedImage(signature.repository, digest)
        for signatures in rows
        for signature in signatures
        if label in {"", signature.signer}
        for digest in signature.digests
    }


def target_signatures(
    job: PublishJob, progress: PublishProgress, name: str
) -> tuple[RecordedSignatures, ...]:
    """Return the signatures of a target and its platforms as they are recorded."""
    if job.signatures is None or not job.request.creates_tags:
        return ()
    platforms = [
        image for image in job.composed.values() if image.platform and image.members == (name,)
    ]
    items = [job.items[name], *platforms]
    return _rows(job, (image for item in items for image in images_of(job, progress, item)))


def signed_indexes(
    job: PublishJob, indexes: Iterable[ReleasedIndex], images: Mapping[str, KnownImage]
) -> list[ReleasedIndex]:
    """Return indexes with their signatures as they are recorded; sign those that are not signed.

    Args:
        job: what to publish.
        indexes: the indexes, which are in all their repositories.
        images: target -> its image.
    """
    if job.signatures is None:
        return [*indexes]
    with_signatures = []
    for index in indexes:
        tags = (*index.tags, *(index.moving if job.moves_floating_tags else ()))
        digests = [index.digest, *_platforms(images[name] for name in index.targets)]
        signed = _in_all(dict.fromkeys(split_tag(tag)[0] for tag in tags), digests)
        job.signatures.ensure(signed)
        with_signatures.append(replace(index, signatures=_rows(job, signed)))
    return with_signatures


def _rows(job: PublishJob, images: Iterable[SignedImage]) -> tuple[RecordedSignatures, ...]:
    """Return signatures as they are recorded: the digests of each repository."""
    digests: dict[str, dict[str, None]] = {}
    for image in images:
        digests.setdefault(image.repository, {})[image.digest] = None
    label = job.signatures.label if job.signatures else ""
    return tuple(RecordedSignatures(name, label, tuple(listed)) for name, listed in digests.items())
