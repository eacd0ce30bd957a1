"""Create tags for staged images, by digest, and verify each tag afterwards."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TypeVar

from compiler.codes import Code
from compiler.external.references import split_tag
from compiler.external.registry.client import Manifest, Registries, RegistryError
from compiler.external.registry.parallel import pause
from compiler.releases.history import current_digests


_LOOKS = 3
"""Maximum number of further looks at a tag that does not refer to the expected image."""

Found = TypeVar("Found")


class OvertakenError(RegistryError):
    """Another run assigned a tag to another image right after this run had created it."""


def ensure_tag(registries: Registries, manifest: Manifest, tag: str) -> bool:
    """Create a tag for an image, or move it to the image, unless it refers to the image already.

    Returns:
        Whether the tag had to be created or moved.

    Raises:
        OvertakenError: the tag refers to another image afterwards.
        RegistryError: the registry denies it, or the tag is missing afterwards.
    """
    if registries.digest(*split_tag(tag)) == manifest.digest:
        return False
    create_tag(registries, manifest, tag)
    return True


def create_tag(registries: Registries, manifest: Manifest, tag: str) -> None:
    """Create a tag for an image, or move an existing tag to it.

    Args:
        registries: the registry of the tag.
        manifest: the image or index; the repository of the tag contains all its content.
        tag: the tag, with its repository.

    Raises:
        OvertakenError: the tag refers to another image afterwards.
        RegistryError: the registry denies it, or the tag is missing afterwards.
    """
    registries.put_manifest(*split_tag(tag), manifest)
    current = settled_digests(registries, [tag], {tag: {manifest.digest}})[tag]
    if current is None:
        raise missing_tag(tag, manifest.digest)
    if current != manifest.digest:
        raise OvertakenError(
            tag,
            f"the tag was created for {manifest.digest} but refers to {current}",
            code=Code.CONCURRENT_RELEASE,
        )


def missing_tag(tag: str, digest: str) -> RegistryError:
    """Return the error for a tag that is missing after it was created."""
    return RegistryError(
        tag,
        f"the tag is missing after it was created for {digest}",
        code=Code.REGISTRY_ERROR,
        help_="check whether the registry or another program deletes tags",
    )


def settled(read: Callable[[], Found | None]) -> Found | None:
    """Return what was written a moment ago, after further looks while it seems to be missing.

    Some registries answer reads for a while as before the last write.
    """
    content = read()
    for number in range(_LOOKS):
        if content is not None:
            break
        pause(0.25 * 2.0**number)
        content = read()
    return content


def settled_digests(
    registries: Registries, tags: Iterable[str], expected: Mapping[str, Collection[str | None]]
) -> dict[str, str | None]:
    """Return the digest of each tag, after further looks at those that are not as expected.

    See `settled`.

    Args:
        registries: the registries to read.
        tags: the tags to read.
        expected: tag -> the digests after which no further look is needed, None for a missing tag;
            any digest for others.
    """
    current = current_digests(registries, tags)
    for number in range(_LOOKS):
        unexpected = {
            tag: tag
            for tag, digest in current.items()
            if tag in expected and digest not in expected[tag]
        }
        if not unexpected:
            break
        pause(0.25 * 2.0**number)
        current |= current_digests(registries, unexpected)
    return current


def tags_of_other_images(
    registries: Registries, digests: Mapping[str, str | None]
) -> dict[str, str]:
    """Return the existing tags that refer to other images than intended, with their digests.

    Args:
        registries: the registries to read.
        digests: tag -> the intended digest; None if the image is not built yet.
    """
    current = current_digests(registries, digests)
    return {tag: digest for tag, digest in current.items() if digest and digest != digests[tag]}
