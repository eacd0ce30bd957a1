"""Read records of releases as far as they can be trusted.

If the matrix has `sign`, a record without a valid signature counts for nothing.
"""

from typing import NamedTuple

from compiler.codes import Code
from compiler.external.registry.client import InvalidContentError
from compiler.publish.request import NOTHING_BUILT, PublishJob, PublishProgress
from compiler.publish.signatures import SignedImage
from compiler.releases.record import ReleaseRecord
from compiler.releases.registry_record import find_manifest, pull_stored_record, read_record


class VersionRecord(NamedTuple):
    """The record of the version that is published."""

    digest: str
    """The digest of its manifest."""
    record: ReleaseRecord
    """The record; without targets if it is not signed."""
    unsigned: ReleaseRecord | None = None
    """The record that is not signed, if it is valid: it can only keep floating tags."""


def pull_version_record(job: PublishJob) -> VersionRecord | None:
    """Return the record of the version; None if there is none.

    Raises:
        CosignError: cosign cannot verify signatures.
        InvalidContentError: the record is invalid, or an image has its tag.
        RegistryError: the registry cannot be read.
    """
    manifest = find_manifest(job.registries, job.record_repository, job.version)
    if manifest is None:
        return None
    is_signed = _is_signed(job, manifest.digest)
    try:
        record = read_record(job.registries, job.record_repository, job.version, manifest)
    except InvalidContentError:
        if is_signed:
            raise
        record = None
    if is_signed and record is not None:
        return VersionRecord(manifest.digest, record)
    return VersionRecord(manifest.digest, ReleaseRecord(release=job.version, targets=()), record)


def trust_latest(job: PublishJob, progress: PublishProgress, latest: ReleaseRecord | None) -> None:
    """Take the last release before this one; the sizes in its record only if it is signed."""
    if job.signatures is None or latest is None:
        progress.add_latest(latest, is_signed=True)
        return
    stored = pull_stored_record(job.registries, job.record_repository, latest.release)
    is_signed = stored is not None and stored.record == latest and _is_signed(job, stored.digest)
    progress.add_latest(latest, is_signed=is_signed)


def reject_unsigned_targets(job: PublishJob, progress: PublishProgress) -> None:
    """Reject a run after which the record would lack targets of the record before.

    Raises:
        PublishError: with all targets outside the run that only an unsigned record names.
    """
    recorded = progress.unsigned.by_name if progress.unsigned else {}
    lost = [name for name in recorded if name in job.items and name not in job.selected]
    if lost:
        raise job.error(
            Code.UNSIGNED_IMAGE,
            [(name, f"the record of {job.version} that names it is not signed") for name in lost],
            help_=f"publish all targets of {job.version}, so that its record is signed",
            outcome=NOTHING_BUILT,
        )
    others = [name for name in recorded if name not in job.items]
    if others:
        job.report.say(
            f"note: the record of {job.version} is not signed, and the matrix lacks some of its "
            f"targets, which are left out: {', '.join(others)}"
        )


def _is_signed(job: PublishJob, digest: str) -> bool:
    """Return whether a record is signed, if the matrix has `sign`."""
    image = SignedImage(job.record_repository, digest)
    return job.signatures is None or job.signatures.verify(image)
