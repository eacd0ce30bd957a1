"""Merge images of single platforms, which several machines have staged, to one index."""

from collections.abc import Iterable

from compiler.external.registry.client import Registries
from compiler.external.registry.parallel import run_parallel
from compiler.fingerprint.naming import fingerprint_tag
from compiler.publish.create_tag import copy_image
from compiler.publish.items import ReleaseItem
from compiler.publish.staged_image import StagedImage, passed_tests_tag, read_image


def merge_platforms(
    registries: Registries, items: Iterable[ReleaseItem], builder: str | None
) -> dict[str, tuple[str, ...]]:
    """Merge the staged platforms of targets, attestations included.

    Args:
        registries: the registries of the staged images.
        items: the targets to merge.
        builder: the buildx builder with the settings of the registries.

    Returns:
        Target that could not be merged -> its missing platforms.

    Raises:
        RegistryError: a registry denies access, or does not respond.
    """
    missing = run_parallel(
        lambda item: _merge(registries, item, builder), {item.target: item for item in items}
    )
    return {name: platforms for name, platforms in missing.items() if platforms}


def _merge(registries: Registries, item: ReleaseItem, builder: str | None) -> tuple[str, ...]:
    """Merge the platforms of a target; return the missing ones."""
    images: dict[str, StagedImage] = {}
    for platform in item.platforms:
        tag = fingerprint_tag(item.fingerprint, platform)
        image = read_image(registries, item.repository, tag)
        if image is not None and platform in image.platforms:
            images[platform] = image
    missing = tuple(platform for platform in item.platforms if platform not in images)
    if missing or not images:
        return missing or ("any platform",)
    digests = dict.fromkeys(image.digest for image in images.values())
    sources = [f"{item.repository}@{digest}" for digest in digests]
    copy_image(sources, [f"{item.repository}:{fingerprint_tag(item.fingerprint)}"], builder)
    return ()


def all_platforms_tested(registries: Registries, item: ReleaseItem) -> bool:
    """Return whether each platform passed the tests on the machine that built it."""
    for platform in item.platforms:
        staged = fingerprint_tag(item.fingerprint, platform)
        tested = passed_tests_tag(item.fingerprint, item.tests, platform)
        digest = registries.digest(item.repository, staged)
        if digest is None or registries.digest(item.repository, tested) != digest:
            return False
    return bool(item.platforms)
