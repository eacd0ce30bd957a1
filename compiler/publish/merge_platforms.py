"""Images of single platforms, built on machines of their own, are joined to one index each."""

from collections.abc import Iterable

from compiler.external.registry.client import Registries
from compiler.external.registry.parallel import at_once
from compiler.fingerprint.naming import fingerprint_tag
from compiler.publish.items import Item
from compiler.publish.promote import copy
from compiler.publish.staged_image import StagedImage, image, passed_tag


def join(
    registries: Registries, wanted: Iterable[Item], builder: str | None
) -> dict[str, tuple[str, ...]]:
    """Join what waits of each platform, attestations included.

    Args:
        registries: where it waits.
        wanted: what is to be joined.
        builder: the builder of buildx whose settings of registries count.

    Returns:
        Target -> the platforms that are missing, of those that could not be joined.

    Raises:
        RegistryError: a registry refuses, or does not answer.
    """
    todo = {item.target: item for item in wanted}
    missing = at_once(lambda item: _join(registries, item, builder), todo)
    return {name: platforms for name, platforms in missing.items() if platforms}


def _join(registries: Registries, item: Item, builder: str | None) -> tuple[str, ...]:
    pieces: dict[str, StagedImage] = {}
    for platform in item.platforms:
        found = image(registries, item.place, fingerprint_tag(item.fingerprint, platform))
        if found is not None and platform in found.platforms:
            pieces[platform] = found
    missing = tuple(name for name in item.platforms if name not in pieces)
    if missing or not pieces:
        return missing or ("any",)
    digests = dict.fromkeys(found.digest for found in pieces.values())
    sources = [f"{item.place}@{digest}" for digest in digests]
    copy(sources, [f"{item.place}:{fingerprint_tag(item.fingerprint)}"], builder)
    return ()


def tested(registries: Registries, item: Item) -> bool:
    """Tell whether each platform passed the tests on the machine that built it."""
    for platform in item.platforms:
        piece = fingerprint_tag(item.fingerprint, platform)
        passed = passed_tag(item.fingerprint, item.tests, platform)
        digest = registries.digest(item.place, piece)
        if digest is None or registries.digest(item.place, passed) != digest:
            return False
    return bool(item.platforms)
