"""Read the record of the version that is published, as far as it can be trusted."""

from compiler.external.registry.parallel import pause
from compiler.publish.request import PublishJob
from compiler.publish.signatures import SignedImage
from compiler.releases.record import ReleaseRecord
from compiler.releases.registry_record import StoredRecord, pull_stored_record


_LAG = 1.0
"""Seconds after which a signature that a registry does not list yet is looked for again."""


def pull_version_record(job: PublishJob) -> StoredRecord | None:
    """Return the record of the version; None if there is none.

    If the matrix has `sign`, a record without a valid signature counts for nothing: it is returned
    without targets.

    Raises:
        CosignError: cosign cannot verify signatures.
        InvalidContentError: the record is invalid, or an image has its tag.
        RegistryError: the registry cannot be read.
    """
    stored = pull_stored_record(job.registries, job.record_repository, job.version)
    if stored is None or job.signatures is None:
        return stored
    image = SignedImage(job.record_repository, stored.digest)
    if job.signatures.verify(image):
        return stored
    pause(_LAG)
    if job.signatures.verify(image):
        return stored
    return stored._replace(record=ReleaseRecord(release=job.version, targets=()))
