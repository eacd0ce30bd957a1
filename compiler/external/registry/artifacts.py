"""Store and recognise our own artifacts: manifests of one small file, with annotations.

Some registries accept only media types that they know. They store an artifact as an image of one
layer, with an annotation for its type instead.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from compiler.external.json_object import as_object
from compiler.external.registry.client import MANIFEST, Manifest, Registries, RejectedError
from compiler.external.registry.responses import content_digest


CREATED = "org.opencontainers.image.created"
"""The annotation with the time of an artifact."""
_TYPE_ANNOTATION = "com.compile-matrix.artifact-type"
_TITLE_ANNOTATION = "org.opencontainers.image.title"
_IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json"
_IMAGE_LAYER = "application/vnd.oci.image.layer.v1.tar"
_EMPTY = b"{}"
_EMPTY_MEDIA_TYPE = "application/vnd.oci.empty.v1+json"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A small file with its media type, and annotations of its manifest."""

    content: bytes
    title: str
    """The name of the file."""
    media_type: str
    annotations: Mapping[str, str] = field(default_factory=dict)


def push_artifact(
    registries: Registries,
    repository: str,
    tag: str,
    artifact: Artifact,
    before_tag: Callable[[str], None] | None = None,
) -> str:
    """Store an artifact under a tag and return the digest of its manifest.

    Args:
        registries: the registry of the repository.
        repository: where to store the artifact.
        tag: its tag.
        artifact: the artifact.
        before_tag: called with the digest, when the artifact is stored and has no tag yet.

    Raises:
        RegistryError: the registry denies access or cannot be reached.
    """
    registries.put_blob(repository, artifact.content)
    registries.put_blob(repository, _EMPTY)
    own = _manifest(artifact, is_image=False)
    try:
        registries.put_manifest(repository, own.digest if before_tag else tag, own)
    except RejectedError:
        own = _manifest(artifact, is_image=True)
        registries.put_manifest(repository, own.digest if before_tag else tag, own)
    if before_tag:
        before_tag(own.digest)
        registries.put_manifest(repository, tag, own)
    return own.digest


def utc_now() -> datetime:
    """Return the present time."""
    return datetime.now(UTC)


def created_now() -> dict[str, str]:
    """Return the annotation of an artifact that is written now."""
    return {CREATED: utc_now().isoformat(timespec="seconds")}


def creation_time(manifest: Manifest) -> datetime | None:
    """Return the time at which an artifact was written; None if it is unknown or invalid."""
    try:
        time = datetime.fromisoformat(str(artifact_annotations(manifest).get(CREATED)))
        return time.astimezone(UTC) if time.tzinfo else None
    except (ValueError, OverflowError):
        return None


def age(manifest: Manifest) -> timedelta | None:
    """Return how long ago an artifact was written; None if it is unknown."""
    created = creation_time(manifest)
    return None if created is None else utc_now() - created


def _manifest(artifact: Artifact, *, is_image: bool) -> Manifest:
    """Return the manifest of an artifact, or of an image that stands for it."""
    annotations = dict(artifact.annotations)
    more: dict[str, Any] = {}
    if is_image:
        annotations[_TYPE_ANNOTATION] = artifact.media_type
    else:
        more["artifactType"] = artifact.media_type
    if annotations:
        more["annotations"] = annotations
    config_type = _IMAGE_CONFIG if is_image else _EMPTY_MEDIA_TYPE
    layer = {
        "mediaType": _IMAGE_LAYER if is_image else artifact.media_type,
        "digest": content_digest(artifact.content),
        "size": len(artifact.content),
        "annotations": {_TITLE_ANNOTATION: artifact.title},
    }
    data = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        **more,
        "config": {
            "mediaType": config_type,
            "digest": content_digest(_EMPTY),
            "size": len(_EMPTY),
        },
        "layers": [layer],
    }
    text = json.dumps(data).encode()
    return Manifest(content_digest(text), MANIFEST, text)


def artifact_blob(manifest: Manifest, media_type: str) -> str | None:
    """Return the digest of an artifact's file; None if the manifest has another type."""
    data = manifest.data
    layers = data.get("layers")
    layer = layers[0] if isinstance(layers, list) and layers else None
    if not isinstance(layer, dict):
        return None
    annotated = artifact_annotations(manifest).get(_TYPE_ANNOTATION)
    if media_type not in (layer.get("mediaType"), annotated):
        return None
    digest = layer.get("digest")
    return digest if isinstance(digest, str) else None


def artifact_annotations(manifest: Manifest) -> Mapping[str, Any]:
    """Return the annotations of a manifest; empty if it has none."""
    return as_object(manifest.data.get("annotations"))
