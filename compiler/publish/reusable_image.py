"""Find staged images that can take the place of a build.

A target without `platforms` is built for the platform of the builder, which is not an input of its
fingerprint. So an image that another machine has staged is reused only if this machine would build
it for the same platform.
"""

from collections.abc import Collection, Iterable, Mapping

from compiler.external.buildx import builder_platforms
from compiler.external.platforms import canonical_platform, find_platform, missing_platforms
from compiler.external.registry.client import Registries
from compiler.external.registry.parallel import run_parallel
from compiler.fingerprint.naming import fingerprint_tag
from compiler.publish.items import ReleaseItem
from compiler.publish.request import PublishJob
from compiler.publish.staged_image import StagedImage, read_image
from compiler.reports.text import counted, shortened
from compiler.targets.filters import local_platform


_MOST = 3
"""Targets that a note names; the rest is counted."""


def find_complete_image(job: PublishJob, item: ReleaseItem, reference: str) -> StagedImage | None:
    """Return the image of a tag or digest if it has all platforms of its target."""
    image = read_image(job.registries, item.repository, reference)
    return image if image and not missing_platforms(item.platforms, image.platforms) else None


def find_reusable_image(
    job: PublishJob,
    item: ReleaseItem,
    reference: str,
    others: dict[str, StagedImage] | None = None,
) -> StagedImage | None:
    """Return a complete image if this machine would build it for the same platforms.

    Args:
        job: what to publish.
        item: the target.
        reference: the tag or digest.
        others: receives the image, by its target, if it is complete and not reused.
    """
    image = find_complete_image(job, item, reference)
    if image is None or not job.request.builds_images:
        return image
    if _has_built_platform(item, image.platforms, job.request.options.builder):
        return image
    if others is not None:
        others[item.target] = image
    return None


def note_other_platforms(job: PublishJob, others: Mapping[str, StagedImage]) -> None:
    """Say that staged images of targets are not reused, and which platforms they have."""
    if others:
        names = [f"{name} ({_names(image)})" for name, image in sorted(others.items())]
        job.report.say(
            f"note: {counted(len(others), 'staged image')} not reused, because this machine builds "
            f"for another platform: {shortened(names, _MOST)}"
        )


def find_unstaged(
    registries: Registries, items: Iterable[ReleaseItem], builder: str | None = None
) -> dict[str, str]:
    """Return the targets that `publish` would build, each with the reason.

    Args:
        registries: the clients for the lookups.
        items: the targets.
        builder: the builder; default is the current one.

    Raises:
        RegistryError: a registry cannot be read.
    """

    def find_reason(item: ReleaseItem) -> str:
        image = read_image(registries, item.repository, fingerprint_tag(item.fingerprint))
        if image is None:
            return f"{item.repository} has no image with this fingerprint"
        staged = f"the image in {item.repository} with this fingerprint"
        missing = missing_platforms(item.platforms, image.platforms)
        if missing:
            return f"{staged} lacks {', '.join(missing)}"
        if _has_built_platform(item, image.platforms, builder):
            return ""
        return f"{staged} is for {_names(image)}, and this machine builds for another platform"

    reasons = run_parallel(find_reason, {item.target: item for item in items})
    return {name: reason for name, reason in reasons.items() if reason}


def _names(image: StagedImage) -> str:
    return ", ".join(image.platforms)


def _has_built_platform(item: ReleaseItem, platforms: Collection[str], builder: str | None) -> bool:
    """Return whether an image has the platform for which its target would be built now.

    That is this machine's, or the builder's own. The builder is asked only if the image lacks the
    first. True if the matrix lists the platforms, or if the image does not name its own.

    Args:
        item: the target.
        platforms: the canonical platforms of the image.
        builder: the builder; default is the current one.
    """
    if item.platforms or not platforms:
        return True
    local = canonical_platform(local_platform())
    if local is not None and find_platform(local, platforms) is not None:
        return True
    native = builder_platforms(builder)
    return any(find_platform(name, platforms) is not None for name in native)
