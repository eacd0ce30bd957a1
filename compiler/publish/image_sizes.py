"""Check the compressed sizes of images before any tag is created: `publish.size`."""

from collections.abc import Iterator, Mapping

from compiler.codes import Code
from compiler.external.registry.parallel import run_parallel
from compiler.external.registry.responses import DeniedError, InvalidContentError
from compiler.matrix.matrix import SizeLimits
from compiler.publish.items import ReleaseItem
from compiler.publish.request import SOME_TAGS, STAGED, PublishJob, PublishProgress
from compiler.publish.staged_image import (
    ImageSizes,
    known_sizes,
    measure_image,
    measured_platforms,
)
from compiler.releases.history import released_repository
from compiler.releases.record import ReleasedTarget, platform_name
from compiler.reports.sizes import size
from compiler.reports.text import shortened


_SEE = "make the image smaller, or change `size` of `publish` in matrix.yaml"


def recorded_sizes(job: PublishJob, progress: PublishProgress, item: ReleaseItem) -> ImageSizes:
    """Return the sizes of a target's image; each image is measured once in a run."""
    image = progress.images[item.target]
    known = progress.sizes.get(image.digest)
    if known is None:
        known = measure_image(job.registries, item.repository, image)
        progress.sizes[image.digest] = known
    return known


def ensure_sized(job: PublishJob, progress: PublishProgress) -> None:
    """Check the size of each platform of all selected images.

    Growth is compared with the same target and platform of the last release; a target or platform
    that the last release does not have may have any size up to the maximum. Sizes that an older
    version has not recorded are read from the registry; a line reports those that cannot be read.

    Raises:
        PublishError: with all images that are too large.
        RegistryError: an image cannot be read.
    """
    limits = job.request.resolved.plan.matrix.size_limits
    if limits is None:
        return

    def sizes(item: ReleaseItem) -> Mapping[str, int]:
        measured = recorded_sizes(job, progress, item).platforms
        image = progress.images[item.target]
        # The record of an older version contains no sizes of single platforms.
        return measured or measured_platforms(job.registries, item.repository, image)

    latest = progress.latest.by_name if progress.latest else {}
    release = progress.latest.release if progress.latest else ""
    measured = run_parallel(sizes, job.selected)
    earlier = {name: latest[name] for name in measured if name in latest}
    compared = {} if limits.growth is None else earlier
    before = run_parallel(lambda target: _earlier_sizes(job, progress, target), compared)
    unknown = [
        platform_name(name, platform)
        for name, target in compared.items()
        for platform in measured[name]
        if platform in target.platforms and not before[name].get(platform)
    ]
    if unknown:
        names = shortened(unknown, 3)
        job.report.say(
            f"growth not checked: sizes of {release} are neither recorded nor readable: {names}"
        )
    reasons = [
        (name, reason)
        for name, platforms in measured.items()
        for reason in _excesses(platforms, limits, release, before.get(name, {}))
    ]
    if reasons:
        outcome = SOME_TAGS if progress.overtaken else STAGED
        raise job.error(Code.IMAGE_SIZE, reasons, help_=_SEE, outcome=outcome)


def _earlier_sizes(
    job: PublishJob, progress: PublishProgress, earlier: ReleasedTarget
) -> Mapping[str, int]:
    """Return the known sizes of a target's platforms in the last release, each read once.

    Args:
        job: what to publish.
        progress: the images of this run.
        earlier: the target in the last release.
    """
    recorded = known_sizes(earlier) if progress.trusts_sizes else None
    known = recorded or progress.sizes.get(earlier.digest)
    if known is not None and known.platforms:
        return known.platforms
    tagged = released_repository(earlier, (), job.templates.repositories)
    repository = tagged or job.items[earlier.target].repository
    try:
        platforms = measured_platforms(job.registries, repository, earlier)
    except (DeniedError, InvalidContentError):
        return {}
    progress.sizes[earlier.digest] = ImageSizes(earlier.bytes, platforms)
    return platforms


def _excesses(
    platforms: Mapping[str, int],
    limits: SizeLimits,
    release: str,
    before: Mapping[str, int],
) -> Iterator[str]:
    """Yield how the platforms of an image exceed limits.

    Args:
        platforms: platform -> size.
        limits: the limits.
        release: the last release.
        before: platform -> size in that release.
    """
    for platform, now in platforms.items():
        if limits.max is not None and now > limits.max:
            yield f"{platform} has {size(now)}, more than {limits.max_text}"
        old = before.get(platform, 0)
        if limits.growth is not None and old and now > old * (1 + limits.growth):
            growth = (now - old) / old
            yield (
                f"{platform} has {size(now)}, {growth:.1%} more than {size(old)} in {release}; "
                f"the limit is {limits.growth_text}"
            )
