"""Read staged images from registries, and what is known of them without reading.

A staged image has the tag `fp-<sha256>` of its fingerprint. A single platform, staged for a later
merge, has a tag such as `fp-<sha256>-linux-arm64`. An image that passed its tests has a second
tag, `...-tested-<12 digits>` with a digest of the tests: only the registry remembers it.
"""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from compiler.external.references import canonical_platform
from compiler.external.registry.client import Manifest, Registries
from compiler.external.registry.copying import require_manifest
from compiler.fingerprint.naming import LABEL, fingerprint_tag
from compiler.releases.record import ReleasedTarget


_ATTESTATION_SUBJECT = "vnd.docker.reference.digest"


class StagedImage(NamedTuple):
    """An image in a registry."""

    manifest: Manifest
    """The index, or the only manifest of an image without an index."""
    platforms: Mapping[str, str]
    """Platform -> digest."""
    attestations: Mapping[str, str]
    """Platform -> digest of its SBOM and provenance."""

    @property
    def digest(self) -> str:
        """Return the digest of the index or only manifest."""
        return self.manifest.digest


KnownImage = StagedImage | ReleasedTarget
"""An image whose manifest was read, or that is known from the record of a release."""


def passed_tests_tag(fingerprint: str, tests: Iterable[str], platform: str = "") -> str:
    """Return the tag of an image that passed these tests."""
    digest = sha256(json.dumps([*tests]).encode()).hexdigest()
    return f"{fingerprint_tag(fingerprint, platform)}-tested-{digest[:12]}"


def read_image(registries: Registries, repository: str, reference: str) -> StagedImage | None:
    """Return the image of a tag or digest; None if it is missing.

    Raises:
        RegistryError: the registry cannot be read.
    """
    manifest = registries.manifest(repository, reference)
    if manifest is None:
        return None
    listed = manifest.data.get("manifests")
    if not isinstance(listed, list):
        platform = _platform(_read_config(registries, repository, manifest))
        return StagedImage(manifest, {platform: manifest.digest} if platform else {}, {})
    entries = [_mapping(entry) for entry in listed]
    platforms = {
        platform: str(entry.get("digest"))
        for entry in entries
        if (platform := _platform(_mapping(entry.get("platform")))) is not None
    }
    names = {digest: platform for platform, digest in platforms.items()}
    attestations = {
        names[subject]: str(entry.get("digest"))
        for entry in entries
        if (subject := str(_mapping(entry.get("annotations")).get(_ATTESTATION_SUBJECT))) in names
    }
    return StagedImage(manifest, platforms, attestations)


def fingerprint_label(registries: Registries, repository: str, reference: str) -> str | None:
    """Return the fingerprint in an image's label; None if it has none.

    The label distinguishes a rebuild of the same inputs from another image with the same tag. It
    is never a reason to reuse an image.
    """
    image = read_image(registries, repository, reference)
    digest = next(iter(image.platforms.values()), None) if image else None
    manifest = registries.manifest(repository, digest) if digest else None
    config = _read_config(registries, repository, manifest) if manifest else {}
    labels = _mapping(_mapping(config.get("config")).get("Labels"))
    return str(labels.get(LABEL, "")).removeprefix("sha256:") or None


def image_manifest(registries: Registries, repository: str, image: KnownImage) -> Manifest:
    """Return the manifest of an image, which is read if it is known only from a record.

    Raises:
        RegistryError: the image is missing, or the registry cannot be read.
    """
    if isinstance(image, StagedImage):
        return image.manifest
    return require_manifest(registries, repository, image.digest)


def image_size(registries: Registries, repository: str, image: KnownImage) -> int:
    """Return the compressed size of an image's layers in bytes, all platforms together."""
    if isinstance(image, ReleasedTarget):
        return image.bytes
    sizes: dict[str, int] = {}
    for digest in image.platforms.values():
        own = image.manifest if digest == image.digest else None
        manifest = own or registries.manifest(repository, digest)
        layers = manifest.data.get("layers") if manifest else ()
        for layer in map(_mapping, layers if isinstance(layers, list) else ()):
            size = layer.get("size")
            sizes[str(layer.get("digest"))] = size if isinstance(size, int) else 0
    return sum(sizes.values())


def _read_config(registries: Registries, repository: str, manifest: Manifest) -> Mapping[str, Any]:
    """Return an image's configuration; empty if it has none."""
    digest = _mapping(manifest.data.get("config")).get("digest")
    content = registries.blob(repository, digest) if isinstance(digest, str) and digest else None
    try:
        return _mapping(json.loads(content or b"{}"))
    except (ValueError, RecursionError):
        return {}


def _mapping(value: Any) -> Mapping[str, Any]:
    """Return a value of an untrusted document if it is a mapping, otherwise an empty mapping."""
    return value if isinstance(value, dict) else {}


def _platform(fields: Mapping[str, Any]) -> str | None:
    components = [str(fields.get(name) or "") for name in ("os", "architecture", "variant")]
    return canonical_platform("/".join(component for component in components if component))
