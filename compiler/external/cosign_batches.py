"""Divide images among runs of cosign."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from compiler.external.registry.sessions import is_plain_http


_MAX_IMAGES = 20
"""Images per run: starting cosign and decrypting its key take longer than signing an image."""


class Batch(NamedTuple):
    """The images of one run."""

    flags: tuple[str, ...]
    """The option for registries without TLS, if these images need it."""
    references: Sequence[str]


def make_batches(references: Sequence[str], environment: Mapping[str, str]) -> dict[int, Batch]:
    """Return the images of each run, by its number.

    cosign uses HTTP without TLS for loopback addresses by itself, and for others on request.
    """
    batches: list[Batch] = []
    for is_plain, flags in ((False, ()), (True, ("--allow-http-registry=true",))):
        names = [
            name
            for name in references
            if is_plain_http(name.partition("/")[0], environment) == is_plain
        ]
        batches += [
            Batch(flags, names[start : start + _MAX_IMAGES])
            for start in range(0, len(names), _MAX_IMAGES)
        ]
    return dict(enumerate(batches))
