"""Verify the signatures of a release that is recorded."""

import os
from collections.abc import Iterable

from compiler.errors import DiagnosticError, Location
from compiler.external.cosign import open_cosign
from compiler.external.references import split_tag
from compiler.external.signer import Signer
from compiler.publish.sign import recorded_signatures
from compiler.publish.signatures import SignedImage, unsigned
from compiler.releases.registry_record import StoredRecord


_UNSIGNED_RECORD = "the record that names it is not signed"


def unsigned_images(
    signer: Signer, repository: str, stored: StoredRecord, location: Location
) -> dict[str, str]:
    """Return the images of a release that are not signed, with what cosign says about each.

    Verified are the record, all images in the repositories of their version tags, and everything
    else that the record names as signed by anyone. Only a signed record decides in which registries
    cosign looks for signatures: without one, no image counts as signed.

    Args:
        signer: who must have signed.
        repository: the repository of the record.
        stored: the record; it may have only some of the targets.
        location: where matrix.yaml names the signer.

    Raises:
        CosignError: cosign is missing or too old, or cannot verify.
    """
    images = {
        SignedImage(split_tag(tag)[0], image.digest)
        for image in stored.record.images.values()
        for tag in image.tags
    }
    recorded = recorded_signatures(stored.record)
    named = sorted(images | recorded)
    reasons = _verify(signer, [SignedImage(repository, stored.digest)], location)
    if reasons:
        return reasons | {image.reference: _UNSIGNED_RECORD for image in named}
    return _verify(signer, named, location) if named else {}


def reject_unsigned_record(
    signer: Signer, repository: str, stored: StoredRecord, location: Location
) -> None:
    """Reject the record of a release that is not signed.

    Raises:
        DiagnosticError: it is not signed by the signer, or cosign cannot verify it.
    """
    reasons = _verify(signer, [SignedImage(repository, stored.digest)], location)
    if reasons:
        raise DiagnosticError([unsigned(*pair) for pair in reasons.items()])


class UnsignedRecords:
    """Finds records that are not signed; each is verified once."""

    def __init__(self, signer: Signer, location: Location) -> None:
        """Take who must have signed, and where matrix.yaml names the signer."""
        self._signer, self._location = signer, location
        self._verified: dict[tuple[str, str], bool] = {}

    def __call__(self, records: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return those of some records, each with repository and digest, that are not signed.

        Raises:
            CosignError: cosign is missing or too old, or cannot verify.
        """
        records = dict.fromkeys(records)
        new = [SignedImage(*record) for record in records if record not in self._verified]
        reasons = _verify(self._signer, new, self._location) if new else {}
        for image in new:
            self._verified[image.repository, image.digest] = image.reference not in reasons
        return {record for record in records if not self._verified[record]}


def _verify(signer: Signer, images: Iterable[SignedImage], location: Location) -> dict[str, str]:
    with open_cosign(signer._replace(key=""), os.environ, location) as program:
        program.check_version()
        return program.verify([image.reference for image in dict.fromkeys(images)])
