"""Create the version tags of a release, and detect other runs that publish the same version."""

from collections.abc import Mapping

from compiler.codes import Code
from compiler.external.registry.parallel import run_parallel
from compiler.fingerprint.naming import fingerprint_tag
from compiler.publish.checks import ensure_checked
from compiler.publish.composed_images import tagged_manifest
from compiler.publish.create_tag import create_tag, ensure_tag, tags_of_other_images
from compiler.publish.distribute import distribute
from compiler.publish.image_sizes import ensure_sized
from compiler.publish.items import ReleaseItem
from compiler.publish.preflight import (
    find_released_image,
    read_release,
    reject_existing_tags,
)
from compiler.publish.request import (
    ONE_AT_A_TIME,
    ROUNDS,
    SOME_TAGS,
    STAGED,
    PublishJob,
    PublishProgress,
    TargetState,
)
from compiler.publish.reusable_image import find_reusable_image
from compiler.publish.sign import sign_images
from compiler.publish.stage import ensure_tested
from compiler.publish.staged_image import StagedImage
from compiler.releases.record import ReleasedTarget


def adopt_released_images(job: PublishJob, progress: PublishProgress) -> None:
    """Replace images of this run by those that other runs have released meanwhile.

    Only images with the same fingerprint are adopted.

    Raises:
        PublishError: another run has created one of the tags for another image.
    """
    if not progress.is_outdated:
        return
    read_release(job, progress)
    for released in progress.previous.targets if progress.previous else ():
        item = job.selected.get(released.target)
        if item is None or not is_rebuilt_elsewhere(progress, item, released):
            continue
        image = find_released_image(job, item, released.digest)
        if image is None:
            progress.lost.add(released.digest)
        else:
            progress.images[item.target] = image
            progress.build_seconds.pop(item.target, None)
            tag = f"{item.repository}:{fingerprint_tag(item.fingerprint)}"
            ensure_tag(job.registries, image.manifest, tag)
    reject_existing_tags(job, progress, STAGED)


def is_rebuilt_elsewhere(
    progress: PublishProgress, item: ReleaseItem, released: ReleasedTarget
) -> bool:
    """Return whether another run has recorded another image of the same inputs than this run.

    Only records of other runs whose images exist count.
    """
    return (
        released.digest != progress.recorded.get(item.target)
        and released.fingerprint == f"sha256:{item.fingerprint}"
        and released.digest != progress.images[item.target].digest
        and released.digest not in progress.lost
    )


def create_version_tags(job: PublishJob, progress: PublishProgress) -> None:
    """Create the version tags of all selected targets, whose images are ready and copied before.

    Raises:
        DiagnosticError: an image cannot be copied to a repository.
        PublishError: another run keeps staging other images of the same targets, or such an image
            fails a test or a check.
    """
    restaged: dict[str, StagedImage] = {}
    for _ in range(ROUNDS):
        ensure_sized(job, progress)
        # An image that another run has staged meanwhile may not be tested and checked yet.
        ensure_tested(job, progress)
        ensure_checked(job, progress)
        distribute(job, progress)
        sign_images(job, progress, job.tagged.values())
        job.report.say(f"promoting {len(job.selected)} to {job.version}")
        for items in job.passes():
            counts = run_parallel(lambda item: _create_tags(job, progress, item), items)
            for name, count in counts.items():
                progress.count_tags(name, count)
            created = {name for name, count in counts.items() if count}
            job.reached(TargetState.PROMOTED, filter(job.selected.__contains__, counts), created)
        built = {
            name: item for name, item in job.selected.items() if name in progress.build_seconds
        }
        restaged = find_restaged_images(job, progress, built)
        if not restaged:
            return
        progress.overtaken = True
        progress.images |= restaged  # both runs continue with the image that was staged last
    raise job.error(
        Code.CONCURRENT_RELEASE,
        [(name, "another run keeps staging it") for name in restaged],
        help_=ONE_AT_A_TIME,
        outcome=SOME_TAGS,
    )


def _create_tags(job: PublishJob, progress: PublishProgress, item: ReleaseItem) -> int:
    """Create the version tags of an image; return how many had to be created."""
    digest = progress.digest(item)
    tags = [tag for tag in item.version_tags if progress.version_tags[tag] != digest]
    if not tags:
        return 0
    manifest = tagged_manifest(job, progress, item)
    for tag in tags:
        create_tag(job.registries, manifest, tag)
        progress.version_tags[tag] = digest
    return len(tags)


def find_restaged_images(
    job: PublishJob, progress: PublishProgress, items: Mapping[str, ReleaseItem]
) -> dict[str, StagedImage]:
    """Return the staged images that differ from those of this run, by target."""

    def find(item: ReleaseItem) -> StagedImage | None:
        tag = fingerprint_tag(item.fingerprint)
        if job.registries.digest(item.repository, tag) == progress.images[item.target].digest:
            return None
        return find_reusable_image(job, item, tag)

    images = run_parallel(find, items)
    return {name: image for name, image in images.items() if image is not None}


def is_overtaken(job: PublishJob, progress: PublishProgress) -> bool:
    """Return whether another run has moved a version tag away from an image of this run.

    Another run can do that if both have built, or if three run at once: tags of images that this
    run has not built are only read if it has noticed another run.
    """
    digests: dict[str, str | None] = {
        tag: progress.digest(item)
        for item in job.tagged.values()
        if progress.meets_others
        or not progress.build_seconds.keys().isdisjoint(item.members or (item.target,))
        for tag in item.version_tags
    }
    return bool(tags_of_other_images(job.registries, digests))
