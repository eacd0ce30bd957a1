"""Read staged images from registries.

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
from compiler.fingerprint.naming import LABEL, fingerprint_tag


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
    entries = manifest.data.get("manifests")
    if not isinstance(entries, list):
        platform = _platform(_read_config(registries, repository, manifest))
        return StagedImage(manifest, {platform: manifest.digest} if platform else {}, {})
    platforms = {
        platform: str(entry["digest"])
        for entry in entries
        if (platform := _platform(entry.get("platform") or {})) is not None
    }
    names = {digest: platform for platform, digest in platforms.items()}
    attestations = {
        names[subject]: str(entry["digest"])
        for entry in entries
        if (subject := (entry.get("annotations") or {}).get(_ATTESTATION_SUBJECT)) in names
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
    labels = (config.get("config") or {}).get("Labels") or {}
    return str(labels.get(LABEL, "")).removeprefix("sha256:") or None


def image_size(registries: Registries, repository: str, image: StagedImage) -> int:
    """Return the compressed size of an image's layers in bytes, all platforms together."""
    sizes: dict[str, int] = {}
    for digest in image.platforms.values():
        own = image.manifest if digest == image.digest else None
        manifest = own or registries.manifest(repository, digest)
        for layer in manifest.data.get("layers") or () if manifest else ():
            sizes[layer["digest"]] = int(layer["size"])
    return sum(sizes.values())


def _read_config(registries: Registries, repository: str, manifest: Manifest) -> Mapping[str, Any]:
    """Return an image's configuration; empty if it has none."""
    digest = (manifest.data.get("config") or {}).get("digest")
    content = registries.blob(repository, digest) if digest else None
    try:
        config = json.loads(content or b"{}")
    except ValueError:
        return {}
    return config if isinstance(config, dict) else {}


def _platform(fields: Mapping[str, str]) -> str | None:
    components = [fields.get(name) or "" for name in ("os", "architecture", "variant")]
    return canonical_platform("/".join(component for component in components if component))
