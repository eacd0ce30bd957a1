"""Create tags for staged images, by digest, and verify each tag afterwards."""

import time
from collections.abc import Mapping, Sequence

from compiler.codes import Code
from compiler.external import buildx
from compiler.external.references import split_tag
from compiler.external.registry.client import Registries, RegistryError
from compiler.external.registry.parallel import run_parallel
from compiler.external.transient_errors import ATTEMPTS, retry_delay, transient_reason
from compiler.publish.staged_image import StagedImage


class OvertakenError(RegistryError):
    """Another run assigned a tag to another image right after this run had created it."""


def create_tag(
    registries: Registries,
    image: StagedImage,
    repository: str,
    tag: str,
    builder: str | None = None,
) -> bool:
    """Create a tag for an image, or move an existing tag to it.

    The digest stays the same, and attestations are kept.

    Args:
        registries: the registries of both.
        image: the staged image.
        repository: the repository in which it is staged.
        tag: the tag, with its repository.
        builder: the buildx builder for copies to other repositories.

    Returns:
        Whether the tag had to be created or moved.

    Raises:
        OvertakenError: the tag refers to another image afterwards.
        RegistryError: the registry denies it, or the tag is missing afterwards.
    """
    tag_repository, name = split_tag(tag)
    if registries.digest(tag_repository, name) == image.digest:
        return False
    if tag_repository == repository:
        registries.put_manifest(tag_repository, name, image.manifest)
    else:
        copy_image([f"{repository}@{image.digest}"], [tag], builder)
    current = registries.digest(tag_repository, name)
    if current is None:
        raise RegistryError(
            tag,
            f"the tag is missing after it was created for {image.digest}",
            code=Code.REGISTRY_ERROR,
            help_="check whether the registry or another program deletes tags",
        )
    if current != image.digest:
        raise OvertakenError(
            tag,
            f"the tag was created for {image.digest} but refers to {current}",
            code=Code.CONCURRENT_RELEASE,
        )
    return True


def copy_image(sources: Sequence[str], tags: Sequence[str], builder: str | None = None) -> None:
    """Copy an image to tags, or merge several images to one; retry transient errors.

    Raises:
        RegistryError: buildx fails; the error quotes it.
    """
    arguments = ["imagetools", "create"]
    arguments += [f"--builder={builder}"] if builder else []
    arguments += ["--prefer-index=false"] if len(sources) == 1 else []
    arguments += [f"--tag={tag}" for tag in tags]
    for attempt in range(1, ATTEMPTS + 1):
        try:
            completed = buildx.run([*arguments, *sources])
        except buildx.BuildxError as error:
            raise _copy_error(tags[0], error.message, error.help) from None
        if not completed.returncode:
            return
        reason = buildx.reason(completed.stderr)
        stderr = completed.stderr.decode(errors="replace")
        if attempt == ATTEMPTS or not transient_reason(stderr):
            raise _copy_error(tags[0], reason, "correct what buildx reports, or retry")
        time.sleep(retry_delay(attempt))


def _copy_error(tag: str, reason: str, help_: str) -> RegistryError:
    message = f"cannot create the tag: {reason}"
    return RegistryError(tag, message, code=Code.REGISTRY_ERROR, help_=help_)


def tags_of_other_images(
    registries: Registries, digests: Mapping[str, str | None]
) -> dict[str, str]:
    """Return the existing tags that refer to other images than intended, with their digests.

    Args:
        registries: the registries to read.
        digests: tag -> the intended digest; None if the image is not built yet.
    """
    current = run_parallel(
        lambda tag: registries.digest(*split_tag(tag)), {tag: tag for tag in digests}
    )
    return {tag: digest for tag, digest in current.items() if digest and digest != digests[tag]}
