"""Find version tags that an unfinished run of the same version has left on other targets.

A filtered run must not complete such a version silently: its version tags would name images of
different runs.
"""

from collections.abc import Mapping

from compiler.codes import Code
from compiler.external.references import split_tag, tag_key
from compiler.external.registry.parallel import run_parallel
from compiler.fingerprint.naming import fingerprint_tag
from compiler.publish.composed_images import compose_index
from compiler.publish.items import ReleaseItem
from compiler.publish.request import NOTHING_BUILT, PublishJob, PublishProgress
from compiler.publish.staged_image import (
    KnownImage,
    StagedImage,
    fingerprint_label,
    read_image,
)
from compiler.publish.tag_owners import TagOwners
from compiler.releases.history import current_digests, listed_digests
from compiler.releases.record import ReleasedIndex, ReleaseRecord


_OTHER_INPUTS = "was created by an unfinished run of {} for an image of other inputs"


def reject_unfinished_tags(job: PublishJob, progress: PublishProgress) -> None:
    """Reject unfinished version tags of other inputs: no further run can complete them.

    Raises:
        PublishError: with all of these tags.
    """
    if not job.request.creates_tags or job.request.replace:
        return
    digests = find_unfinished_tags(job, progress.previous)
    targets = _version_tags(job)
    items = {**job.items, **job.composed}
    labels = run_parallel(
        lambda tag: fingerprint_label(
            job.registries,
            split_tag(tag)[0],
            digests[tag],
            every_platform=len(items[targets[tag]].members) > 1,
        ),
        {tag: tag for tag in digests},
    )
    stale = [tag for tag in digests if labels[tag] != items[targets[tag]].fingerprint]
    if stale:
        raise job.error(
            Code.EXISTING_TAG,
            [(targets[tag], f"{tag} {_OTHER_INPUTS.format(job.version)}") for tag in stale],
            help_="publish another version, or all targets with `--replace`",
            outcome=NOTHING_BUILT,
        )


def find_unfinished_tags(job: PublishJob, record: ReleaseRecord | None) -> dict[str, str]:
    """Return the existing version tags of images outside the run that a record does not name.

    Args:
        job: what to publish.
        record: the record of the version, if there is one.

    Returns:
        Tag -> the digest of its image.
    """
    images = record.images.values() if record else ()
    recorded = {(tag_key(tag), image.digest) for image in images for tag in image.tags}
    current = listed_digests(job.registries, _version_tags(job))
    return {
        tag: digest
        for tag, digest in current.items()
        if digest and (tag_key(tag), digest) not in recorded
    }


def find_finished_targets(job: PublishJob, record: ReleaseRecord) -> dict[str, StagedImage]:
    """Return the unselected targets that another run has finished, apart from the record.

    Two runs with different targets may write the record at the same moment, so that one of them
    replaces the other's. All tags of such a target name the staged image of its present inputs.
    """
    unfinished = find_unfinished_tags(job, record)
    digests: dict[str, set[str | None]] = {}
    for tag, name in _version_tags(job).items():
        if name not in record.by_name:
            digests.setdefault(name, set()).add(unfinished.get(tag))
    incomplete = {name for name, listed in digests.items() if len(listed) > 1 or None in listed}
    for name, item in job.composed.items():
        if item.platform and name in incomplete:
            incomplete.add(item.first_target)
    complete = {
        name: job.items[name] for name in digests if name in job.items and name not in incomplete
    }

    owners = TagOwners.of(job)
    floating_tags = {
        tag: name
        for name, item in complete.items()
        for tag in (item.floating_tags if job.moves_floating_tags else ())
    }
    for tag, digest in current_digests(job.registries, floating_tags).items():
        own = digest in digests[floating_tags[tag]]
        if not own and (digest is None or owners.newer(tag, digest) is None):
            complete.pop(floating_tags[tag], None)

    def find(item: ReleaseItem) -> StagedImage | None:
        image = read_image(job.registries, item.repository, fingerprint_tag(item.fingerprint))
        return image if image and image.digest in digests[item.target] else None

    images = run_parallel(find, complete)
    return {name: image for name, image in images.items() if image is not None}


def find_finished_indexes(job: PublishJob, record: ReleaseRecord) -> list[ReleasedIndex]:
    """Return the indexes of targets of a record that another run has finished, as above."""
    unfinished = find_unfinished_tags(job, record)
    digests: dict[str, set[str | None]] = {}
    for tag, name in _version_tags(job).items():
        item = job.composed.get(name)
        if item is None or item.platform or name in record.images:
            continue
        if record.by_name.keys() >= set(item.members):
            digests.setdefault(name, set()).add(unfinished.get(tag))
    finished = []
    for name, existing in digests.items():
        item = job.composed[name]
        images: dict[str, KnownImage] = {member: record.by_name[member] for member in item.members}
        if existing != {None} and existing == {
            compose_index(job, PublishProgress(images=images), item).digest
        }:
            finished.append(
                ReleasedIndex(
                    targets=item.members,
                    tags=item.version_tags,
                    moving=item.floating_tags,
                    digest=str(next(iter(existing))),
                )
            )
    return finished


def _version_tags(job: PublishJob) -> Mapping[str, str]:
    """Return the version tags of images outside the run, with the names of the images."""
    return {
        template.tag(job.version): name
        for name in (*job.items, *job.composed)
        if name not in job.tagged
        for template in job.templates.version_tags[name]
        if template.has_version
    }
