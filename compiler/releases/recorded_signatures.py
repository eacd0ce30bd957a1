"""The signatures of a release, as its record lists them."""

from collections.abc import Iterable
from typing import Any, NamedTuple


class RecordedSignatures(NamedTuple):
    """The manifests of a repository that are signed. The fields have the names of the format."""

    repository: str
    signer: str
    """The digest of the public key, or the identity; see `Signer.label`."""
    digests: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the signatures as JSON data."""
        return {**self._asdict(), "digests": list(self.digests)}


def signatures_json(signatures: Iterable[RecordedSignatures]) -> dict[str, Any]:
    """Return the field of signatures; none if nothing is signed."""
    rows = [signature.to_json() for signature in signatures]
    return {"signatures": rows} if rows else {}
