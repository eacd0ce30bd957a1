"""Move the floating tags of a recorded release to its images."""

from compiler.codes import Code
from compiler.external.registry.client import Registries, RegistryError
from compiler.publish.create_tag import create_tag
from compiler.publish.staged_image import StagedImage, read_image
from compiler.releases.history import released_repository
from compiler.releases.record import ReleaseRecord


def promote_release(
    registries: Registries, record: ReleaseRecord, builder: str | None
) -> dict[str, bool]:
    """Move all floating tags of a release to it, forward or back.

    Returns:
        Tag -> whether it was moved; False if it referred to the release already.

    Raises:
        RegistryError: an image of the release is missing, and no tag was moved; or a registry
            denies access.
    """
    images: dict[str, tuple[str, StagedImage]] = {}
    missing: list[str] = []
    for target in record.targets:
        repository = released_repository(target) if target.moving else None
        if repository is None:
            continue
        image = read_image(registries, repository, target.digest)
        if image is None:
            missing.append(f"{repository}@{target.digest} ({target.target})")
        else:
            images[target.target] = repository, image
    if missing:
        raise RegistryError(
            missing[0].partition("@")[0],
            f"missing images of release {record.release}: {', '.join(missing)}",
            code=Code.MISSING_IMAGE,
            help_="no tag was moved; publish the release again, or promote another one",
        )
    moved: dict[str, bool] = {}
    for target in record.targets:
        if target.target in images:
            repository, image = images[target.target]
            for tag in target.moving:
                moved[tag] = create_tag(registries, image, repository, tag, builder)
    return moved
