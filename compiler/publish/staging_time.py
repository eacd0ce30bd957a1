"""Note in the registry when an image was staged, so that a clean-up knows its age.

An annotation of the image itself would change its digest. The note is a small artifact in the same
repository, with the tag `fp-time-<digest of the image>`. Everyone who may push can write one.

A note of `publish` also names the repository in which the release of the image would be recorded.
Whether a release was interrupted is known only where that repository is read.
"""

from compiler.external.registry.artifacts import Artifact, created_now, push_artifact
from compiler.external.registry.client import Registries, RejectedError
from compiler.fingerprint.naming import TIME_PREFIX
from compiler.publish.check_marks import IMAGE


MEDIA_TYPE = "application/vnd.compile-matrix.time.v1+json"
RECORDS = "com.compile-matrix.records"
"""The annotation with the repository of records."""
_CONTENT = b'{"version": 1}'


def write_staging_time(
    registries: Registries, repository: str, digest: str, records: str = ""
) -> None:
    """Note that an image is staged now; an image without a note counts as young.

    Registries that reject artifacts get no notes.

    Args:
        registries: the registry of the image.
        repository: the repository in which it is staged.
        digest: its digest.
        records: the repository of the matrix's records; empty if it is unknown.

    Raises:
        RegistryError: the registry denies access, or does not respond.
    """
    annotations = {**created_now(), IMAGE: digest, **({RECORDS: records} if records else {})}
    artifact = Artifact(_CONTENT, "time.json", MEDIA_TYPE, annotations)
    tag = TIME_PREFIX + digest.removeprefix("sha256:")
    try:
        push_artifact(registries, repository, tag, artifact)
    except RejectedError:
        return
