"""Fingerprints -> which of them are staged, as images with the tag `fp-<sha256>`."""

from collections.abc import Mapping

from compiler.external.registry.client import Registries
from compiler.external.registry.parallel import run_parallel
from compiler.fingerprint.fingerprint import Fingerprint
from compiler.fingerprint.naming import fingerprint_tag


def staged(
    prints: Mapping[str, Fingerprint], places: Mapping[str, str], registries: Registries
) -> dict[str, bool]:
    """Return which fingerprints are staged; looks up each tag once, in parallel.

    Args:
        prints: target -> its fingerprint.
        places: target -> its repository.
        registries: the clients for the lookups.

    Raises:
        RegistryError: a registry cannot be read.
    """
    tags = {
        name: (places[name], fingerprint_tag(inputs.digest))
        for name, inputs in prints.items()
        if name in places
    }
    answers = run_parallel(lambda tag: registries.digest(*tag), {tag: tag for tag in tags.values()})
    return {name: answers[tag] is not None for name, tag in tags.items()}
