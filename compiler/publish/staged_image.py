"""What waits in registries: images under the names of their fingerprints, and what was tested.

An image waits as `fp-<sha256>`; one platform of it, until all are joined, as
`fp-<sha256>-linux-arm64`. What passed its tests has a second tag, `...-tested-<12 digits>` of the
tests' own digest: only the registry remembers it.
"""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from compiler.external.references import canonical_platform
from compiler.external.registry.client import Manifest, Registries
from compiler.fingerprint.naming import LABEL, fingerprint_tag


_ATTESTATION = "vnd.docker.reference.digest"


class StagedImage(NamedTuple):
    """An image in a registry."""

    manifest: Manifest
    """Of its index, or of itself where it has none."""
    platforms: Mapping[str, str]
    """Platform -> digest."""
    attestations: Mapping[str, str]
    """Platform -> the digest of what is attested of it: SBOM, provenance."""

    @property
    def digest(self) -> str:
        """Return the digest of the whole."""
        return self.manifest.digest


def passed_tag(fingerprint: str, tests: Iterable[str], platform: str = "") -> str:
    """Return the tag of an image that passed these tests."""
    said = sha256(json.dumps([*tests]).encode()).hexdigest()
    return f"{fingerprint_tag(fingerprint, platform)}-tested-{said[:12]}"


def image(registries: Registries, repository: str, reference: str) -> StagedImage | None:
    """Return an image by tag or digest; None if it is not there.

    Raises:
        RegistryError: the registry does not say.
    """
    found = registries.manifest(repository, reference)
    if found is None:
        return None
    entries = found.data.get("manifests")
    if not isinstance(entries, list):
        platform = _own_platform(registries, repository, found)
        return StagedImage(found, {platform: found.digest} if platform else {}, {})
    platforms = {
        name: str(entry["digest"])
        for entry in entries
        if (name := _platform(entry.get("platform") or {})) is not None
    }
    names = {digest: name for name, digest in platforms.items()}
    attestations = {
        names[of]: str(entry["digest"])
        for entry in entries
        if (of := (entry.get("annotations") or {}).get(_ATTESTATION)) in names
    }
    return StagedImage(found, platforms, attestations)


def labelled(registries: Registries, repository: str, reference: str) -> str | None:
    """Return the fingerprint that an image says it was built for; None if it does not say.

    It tells another build of the same from another image, under one tag; nothing is taken for it.
    """
    found = image(registries, repository, reference)
    first = next(iter(found.platforms.values()), None) if found else None
    manifest = registries.manifest(repository, first) if first else None
    said = _config(registries, repository, manifest) if manifest else {}
    labels = (said.get("config") or {}).get("Labels") or {}
    text = str(labels.get(LABEL, ""))
    return text.removeprefix("sha256:") or None


def _own_platform(registries: Registries, repository: str, found: Manifest) -> str | None:
    """Return the platform of an image without an index: its configuration knows."""
    return _platform(_config(registries, repository, found))


def _config(registries: Registries, repository: str, found: Manifest) -> Mapping[str, Any]:
    """Return the configuration of an image; empty if it has none."""
    digest = (found.data.get("config") or {}).get("digest")
    content = registries.blob(repository, digest) if digest else None
    try:
        said = json.loads(content or b"{}")
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _platform(fields: Mapping[str, str]) -> str | None:
    parts = [fields.get(name) or "" for name in ("os", "architecture", "variant")]
    return canonical_platform("/".join(part for part in parts if part))


def size(registries: Registries, repository: str, found: StagedImage) -> int:
    """Return the bytes of an image's layers as they are stored, of all its platforms."""
    layers: dict[str, int] = {}
    for digest in found.platforms.values():
        alone = found.manifest if digest == found.digest else None
        manifest = alone or registries.manifest(repository, digest)
        for layer in manifest.data.get("layers") or () if manifest else ():
            layers[layer["digest"]] = int(layer["size"])
    return sum(layers.values())
