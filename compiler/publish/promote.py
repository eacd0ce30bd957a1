"""Tags are given to images that wait: by digest, each looked at afterwards."""

import time
from collections.abc import Mapping, Sequence

from compiler.bake.transient_errors import transient_reason
from compiler.external import buildx
from compiler.external.references import split
from compiler.external.registry.client import Registries, RegistryError
from compiler.external.registry.parallel import at_once
from compiler.publish.staged_image import StagedImage, image
from compiler.releases.history import place_of
from compiler.releases.record import Record


ATTEMPTS = 6
"""How often a copy between repositories is tried while faults that pass prevent it."""


class OvertakenError(RegistryError):
    """Another run gave a tag to another image, right after this one had given it."""


def give(
    registries: Registries, found: StagedImage, place: str, tag: str, builder: str | None = None
) -> bool:
    """Give an image one more tag, unless it has it; tell whether anything was to be done.

    The digest stays what it is, with all that the index holds.

    Raises:
        OvertakenError: the registry has something else under that tag afterwards.
        RegistryError: it refuses, or has nothing there.
    """
    repository, name = split(tag)
    if registries.digest(repository, name) == found.digest:
        return False
    if repository == place:
        registries.put(repository, name, found.manifest)
    else:
        copy([f"{place}@{found.digest}"], [tag], builder)
    now = registries.digest(repository, name)
    if now is None:
        raise RegistryError(f"{tag} is not there after it was made {found.digest}")
    if now != found.digest:
        raise OvertakenError(f"{tag} is {now} after it was made {found.digest}")
    return True


def copy(sources: Sequence[str], tags: Sequence[str], builder: str | None = None) -> None:
    """Have buildx copy an image to tags, or join several to one; tried again where that helps.

    Raises:
        RegistryError: it fails, in its words.
    """
    words = ["imagetools", "create"]
    words += [f"--builder={builder}"] if builder else []
    words += ["--prefer-index=false"] if len(sources) == 1 else []
    words += [f"--tag={tag}" for tag in tags]
    for attempt in range(1, ATTEMPTS + 1):
        try:
            done = buildx.run([*words, *sources])
        except buildx.BuildxError as error:
            raise RegistryError(f"{tags[0]} cannot be made: {error.message}") from None
        if not done.returncode:
            return
        said = buildx.reason(done.stderr)
        if attempt == ATTEMPTS or not transient_reason(said):
            raise RegistryError(f"{tags[0]} cannot be made: {said}")
        time.sleep(0.25 * 2.0**attempt)


def taken(registries: Registries, wanted: Mapping[str, str | None]) -> dict[str, str]:
    """Return those tags that stand for something else than they are to.

    Args:
        registries: what is asked.
        wanted: tag -> the digest that it is to have; None if that image is still to be built.

    Returns:
        Tag -> the digest that it has.
    """
    now = at_once(lambda tag: registries.digest(*split(tag)), {tag: tag for tag in wanted})
    return {tag: there for tag, there in now.items() if there and there != wanted[tag]}


def move(registries: Registries, record: Record, builder: str | None) -> dict[str, bool]:
    """Move what moves to a release, forward or back.

    Returns:
        Tag -> whether it was elsewhere before.

    Raises:
        RegistryError: an image of the release is gone, before anything is moved; or a registry
            refuses.
    """
    rows = [row for row in record["targets"] if row.get("moving")]
    found = {row["target"]: image(registries, place_of(row), row["digest"]) for row in rows}
    gone = [name for name, one in found.items() if one is None]
    if gone:
        raise RegistryError(
            f"the image of {', '.join(gone)} in {record['release']} is gone; nothing was moved"
        )
    return {
        tag: give(registries, one, place_of(row), tag, builder)
        for row in rows
        if (one := found[row["target"]])
        for tag in row["moving"]
    }
