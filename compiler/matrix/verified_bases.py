"""Base images that must be signed before they are locked."""

from dataclasses import dataclass

from compiler.errors import Location
from compiler.external.signer import Signer
from compiler.source.globs import glob_matches


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedBases:
    """Base images that must be signed."""

    pattern: str
    """A glob of the names of images, such as `docker.io/library/*`."""
    signer: Signer
    location: Location

    def matches(self, image: str) -> bool:
        """Return whether an image must be signed.

        Args:
            image: its full name with its tag, such as `docker.io/library/python:3.11`.
        """
        names = (image, image.rpartition(":")[0])
        return any(glob_matches(name, self.pattern) for name in names)
