"""Find staged images that can take the place of a build.

A target without `platforms` is built for the platform of the builder, which is not an input of its
fingerprint. So an image that another machine has staged is reused only if this machine would build
it for the same platform.
"""

from collections.abc import Collection

from compiler.external.buildx import builder_platforms
from compiler.external.platforms import canonical_platform, find_platform, missing_platforms
from compiler.publish.items import ReleaseItem
from compiler.publish.request import PublishJob
from compiler.publish.staged_image import StagedImage, read_image
from compiler.targets.filters import local_platform


def find_complete_image(job: PublishJob, item: ReleaseItem, reference: str) -> StagedImage | None:
    """Return the image of a tag or digest if it has all platforms of its target."""
    image = read_image(job.registries, item.repository, reference)
    return image if image and not missing_platforms(item.platforms, image.platforms) else None


def find_reusable_image(job: PublishJob, item: ReleaseItem, reference: str) -> StagedImage | None:
    """Return a complete image if this machine would build it for the same platforms."""
    image = find_complete_image(job, item, reference)
    return image if image and _has_built_platform(job, item, image.platforms) else None


def _has_built_platform(job: PublishJob, item: ReleaseItem, platforms: Collection[str]) -> bool:
    """Return whether an image has the platform for which its target would be built now.

    That is this machine's, or the builder's own. The builder is asked only if the image lacks the
    first. True if the matrix lists the platforms, if the image does not name its own, or if the run
    builds nothing.

    Args:
        job: what to publish.
        item: the target.
        platforms: the canonical platforms of the image.
    """
    if item.platforms or not platforms or not job.request.builds_images:
        return True
    local = canonical_platform(local_platform())
    if local is not None and find_platform(local, platforms) is not None:
        return True
    native = builder_platforms(job.request.options.builder)
    return any(find_platform(name, platforms) is not None for name in native)
