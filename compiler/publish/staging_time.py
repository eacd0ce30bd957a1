"""Note in the registry when an image was staged, so that a clean-up knows its age.

An annotation of the image itself would change its digest. The note is a small artifact in the same
repository, with the tag `fp-time-<digest of the image>`. Everyone who may push can write one.
"""

from compiler.external.registry.artifacts import Artifact, created_now, push_artifact
from compiler.external.registry.client import Registries, RejectedError
from compiler.fingerprint.naming import TIME_PREFIX
from compiler.publish.check_marks import IMAGE


MEDIA_TYPE = "application/vnd.compile-matrix.time.v1+json"
_CONTENT = b'{"version": 1}'


def write_staging_time(registries: Registries, repository: str, digest: str) -> None:
    """Note that an image is staged now; an image without a note counts as young.

    Registries that reject artifacts get no notes.

    Raises:
        RegistryError: the registry denies access, or does not respond.
    """
    annotations = {**created_now(), IMAGE: digest}
    artifact = Artifact(_CONTENT, "time.json", MEDIA_TYPE, annotations)
    tag = TIME_PREFIX + digest.removeprefix("sha256:")
    try:
        push_artifact(registries, repository, tag, artifact)
    except RejectedError:
        return
