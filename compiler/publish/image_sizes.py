"""Check the compressed sizes of images before any tag is created: `publish.size`."""

from collections.abc import Iterator, Mapping

from compiler.codes import Code
from compiler.external.registry.parallel import run_parallel
from compiler.matrix.matrix import SizeLimits
from compiler.publish.items import ReleaseItem
from compiler.publish.request import SOME_TAGS, STAGED, PublishJob, PublishProgress
from compiler.publish.staged_image import (
    ImageSizes,
    known_sizes,
    measure_image,
    measured_platforms,
)
from compiler.releases.record import ReleasedTarget
from compiler.reports.layers.recorded_output import size


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
    that the last release does not have, or whose size it has not recorded, may have any size up to
    the maximum.

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
    reasons = [
        (name, reason)
        for name, platforms in measured.items()
        for reason in _excesses(platforms, limits, release, latest.get(name))
    ]
    if reasons:
        outcome = SOME_TAGS if progress.overtaken else STAGED
        raise job.error(Code.IMAGE_SIZE, reasons, help_=_SEE, outcome=outcome)


def _excesses(
    platforms: Mapping[str, int],
    limits: SizeLimits,
    release: str,
    earlier: ReleasedTarget | None,
) -> Iterator[str]:
    """Yield how the platforms of an image exceed limits.

    Args:
        platforms: platform -> size.
        limits: the limits.
        release: the last release.
        earlier: the target in that release.
    """
    known = known_sizes(earlier) if earlier is not None else None
    for platform, now in platforms.items():
        if limits.max is not None and now > limits.max:
            yield f"{platform} has {size(now)}, more than {limits.max_text}"
        before = known.platforms.get(platform, 0) if known else 0
        if limits.growth is not None and before and now > before * (1 + limits.growth):
            growth = (now - before) / before
            yield (
                f"{platform} has {size(now)}, {growth:.1%} more than {size(before)} in {release}; "
                f"the limit is {limits.growth_text}"
            )
