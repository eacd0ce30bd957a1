"""Read staged images from registries, and what is known of them without reading.

A staged image has the tag `fp-<sha256>` of its fingerprint. A single platform, staged for a later
merge, has a tag such as `fp-<sha256>-linux-arm64`. An image that passed its tests has a second
tag, `...-tested-<12 digits>` with a digest of the tests: only the registry remembers it.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from compiler.external.json_object import as_object, load_object
from compiler.external.platforms import canonical_platform
from compiler.external.registry.client import INDEX_TYPES, Manifest, Registries
from compiler.external.registry.copying import require_manifest
from compiler.external.registry.paths import descriptor_digest, descriptor_size
from compiler.fingerprint.naming import LABEL, fingerprint_tag
from compiler.releases.record import MAX_NUMBER, ReleasedTarget
from compiler.targets.image_tests import ImageTest, tests_as_json


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


class ComposedImage(NamedTuple):
    """An image that consists of images of targets."""

    digest: str
    manifest: Manifest | None
    """None if it is known without reading it."""


KnownImage = StagedImage | ReleasedTarget
"""An image whose manifest was read, or that is known from the record of a release."""


def passed_tests_tag(fingerprint: str, tests: Iterable[ImageTest], platform: str = "") -> str:
    """Return the tag of an image that passed these tests."""
    digest = sha256(json.dumps(tests_as_json(tests)).encode()).hexdigest()
    return f"{fingerprint_tag(fingerprint, platform)}-tested-{digest[:12]}"


def read_image(registries: Registries, repository: str, reference: str) -> StagedImage | None:
    """Return the image of a tag or digest; None if it is missing.

    A platform is left out if an index has two images for it, or another index.

    Raises:
        RegistryError: the registry cannot be read.
    """
    manifest = registries.manifest(repository, reference)
    if manifest is None:
        return None
    listed = manifest.data.get("manifests")
    if not isinstance(listed, list):
        platform = _platform(read_config(registries, repository, manifest))
        return StagedImage(manifest, {platform: manifest.digest} if platform else {}, {})
    entries = [as_object(entry) for entry in listed]
    digests = [descriptor_digest(repository, entry) for entry in entries]
    members = [
        (platform, digest)
        for digest, entry in zip(digests, entries, strict=True)
        if (platform := _platform(as_object(entry.get("platform")))) is not None
        and entry.get("mediaType") not in INDEX_TYPES
    ]
    counts = Counter(platform for platform, _ in members)
    platforms = {platform: digest for platform, digest in members if counts[platform] == 1}
    names = {digest: platform for platform, digest in platforms.items()}
    attestations = {
        names[subject]: digest
        for digest, entry in zip(digests, entries, strict=True)
        if (subject := str(as_object(entry.get("annotations")).get(_ATTESTATION_SUBJECT))) in names
    }
    return StagedImage(manifest, platforms, attestations)


def joined_fingerprints(fingerprints: Iterable[str]) -> str:
    """Return one text for the fingerprints of an index; that of a single target is unchanged."""
    return "+".join(sorted(set(fingerprints)))


def fingerprint_label(
    registries: Registries, repository: str, reference: str, *, every_platform: bool = False
) -> str | None:
    """Return the fingerprint in an image's label; None if it has none.

    An index of several targets has several: with `every_platform`, all of them are joined.

    The label distinguishes a rebuild of the same inputs from another image with the same tag. It
    is never a reason to reuse an image.
    """
    image = read_image(registries, repository, reference)
    digests = [*image.platforms.values()] if image else []
    labels = [
        _label(registries, repository, digest)
        for digest in (digests if every_platform else digests[:1])
    ]
    present = [label for label in labels if label]
    return joined_fingerprints(present) if present and len(present) == len(labels) else None


def _label(registries: Registries, repository: str, digest: str) -> str | None:
    manifest = registries.manifest(repository, digest)
    config = read_config(registries, repository, manifest) if manifest else {}
    labels = as_object(as_object(config.get("config")).get("Labels"))
    return str(labels.get(LABEL, "")).removeprefix("sha256:") or None


def image_manifest(registries: Registries, repository: str, image: KnownImage) -> Manifest:
    """Return the manifest of an image, which is read if it is known only from a record.

    Raises:
        RegistryError: the image is missing, or the registry cannot be read.
    """
    if isinstance(image, StagedImage):
        return image.manifest
    return require_manifest(registries, repository, image.digest)


class ImageSizes(NamedTuple):
    """The compressed sizes of an image's layers in bytes."""

    total: int
    """All platforms together; a layer that several of them have counts once."""
    platforms: Mapping[str, int]
    """Of each platform; empty if an older version of compile-matrix has recorded the image."""


def measure_image(registries: Registries, repository: str, image: KnownImage) -> ImageSizes:
    """Return the sizes of an image; those of a released one are as recorded."""
    if isinstance(image, ReleasedTarget):
        return ImageSizes(image.bytes, image.sizes)
    layers = _platform_layers(registries, repository, image)
    distinct = {digest: size for sizes in layers.values() for digest, size in sizes.items()}
    return ImageSizes(_sum(distinct.values()), _sums(layers))


def known_sizes(target: ReleasedTarget) -> ImageSizes | None:
    """Return the sizes of a recorded image; None if an older version has not recorded them."""
    if target.sizes or not target.platforms:
        return ImageSizes(target.bytes, target.sizes)
    if len(target.platforms) == 1:
        return ImageSizes(target.bytes, dict.fromkeys(target.platforms, target.bytes))
    return None


def measured_platforms(
    registries: Registries, repository: str, image: KnownImage
) -> dict[str, int]:
    """Return the size of each platform of an image, from its manifests."""
    return _sums(_platform_layers(registries, repository, image))


def _sums(layers: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    return {platform: _sum(sizes.values()) for platform, sizes in layers.items()}


def _sum(sizes: Iterable[int]) -> int:
    """Return the sum of sizes in manifests, at most the largest number that a record may have."""
    return min(sum(sizes), MAX_NUMBER)


def _platform_layers(
    registries: Registries, repository: str, image: KnownImage
) -> dict[str, dict[str, int]]:
    """Return the sizes of the layers of each platform, by digest."""
    layers: dict[str, dict[str, int]] = {}
    for platform, digest in image.platforms.items():
        is_whole = isinstance(image, StagedImage) and digest == image.digest
        manifest = image.manifest if is_whole else registries.manifest(repository, digest)  # type: ignore[union-attr]
        layers[platform] = layer_sizes(manifest) if manifest else {}
    return layers


def layer_sizes(manifest: Manifest) -> dict[str, int]:
    """Return the compressed size of each layer in bytes, by digest."""
    layers = manifest.data.get("layers")
    return {
        str(layer.get("digest")): descriptor_size(layer)
        for layer in map(as_object, layers if isinstance(layers, list) else ())
    }


def read_config(registries: Registries, repository: str, manifest: Manifest) -> Mapping[str, Any]:
    """Return an image's configuration; empty if it has none."""
    digest = as_object(manifest.data.get("config")).get("digest")
    content = registries.blob(repository, digest) if isinstance(digest, str) and digest else None
    return load_object(content or b"") or {}


def config_os_version(registries: Registries, repository: str, digest: str) -> str:
    """Return the version of the operating system in an image's configuration; it may be empty."""
    manifest = registries.manifest(repository, digest)
    config = read_config(registries, repository, manifest) if manifest else {}
    return str(config.get("os.version") or "")


def _platform(fields: Mapping[str, Any]) -> str | None:
    components = [str(fields.get(name) or "") for name in ("os", "architecture", "variant")]
    name = canonical_platform("/".join(component for component in components if component))
    version = str(fields.get("os.version") or "")
    if name is None or components[0] != "windows" or not version:
        return name
    versioned = name.replace("/", f"({version})/", 1)
    return versioned if canonical_platform(versioned) else name
