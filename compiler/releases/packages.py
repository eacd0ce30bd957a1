"""The packages of released images, from their SBOMs in the SPDX format."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, TypeAlias

from compiler.external.registry.client import Registries, RegistryError
from compiler.external.registry.parallel import run_parallel


Packages: TypeAlias = Mapping[str, tuple[str, ...]]
"""Name -> versions, sorted."""

_PREDICATE = "in-toto.io/predicate-type"


def find_packages(
    registries: Registries, attestations: Mapping[str, tuple[str, str]]
) -> dict[str, Packages | None]:
    """Return the packages of images, by the keys of `attestations`; None without an SPDX SBOM.

    SBOMs are content from a registry: one that is not valid, or too large, counts as missing.

    Args:
        registries: the registries of the releases.
        attestations: any key -> the repository and the digest of an image's attestation.
    """
    return run_parallel(lambda pair: _read_packages(registries, *pair), attestations)


def _read_packages(registries: Registries, repository: str, attestation: str) -> Packages | None:
    with suppress(RegistryError):
        manifest = registries.manifest(repository, attestation)
        for digest in _sbom_blobs(manifest.data if manifest else {}):
            packages = parse_packages(registries.blob(repository, digest) or b"")
            if packages is not None:
                return packages
    return None


def _sbom_blobs(manifest: Mapping[str, Any]) -> Iterable[str]:
    """Yield the digests of the layers that contain an SBOM in the SPDX format."""
    layers = manifest.get("layers")
    for layer in layers if isinstance(layers, list) else ():
        annotations = layer.get("annotations") if isinstance(layer, dict) else None
        predicate = annotations.get(_PREDICATE) if isinstance(annotations, dict) else None
        if isinstance(predicate, str) and "spdx" in predicate.lower():
            digest = layer.get("digest")
            if isinstance(digest, str):
                yield digest


def parse_packages(content: bytes) -> Packages | None:
    """Return the packages in an in-toto statement with an SPDX document; None if it is not one.

    Packages without a version, such as the image itself, are left out.
    """
    try:
        statement = json.loads(content)
        rows = statement["predicate"]["packages"]
        pairs = {(row["name"], row["versionInfo"]) for row in rows if row.get("versionInfo")}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    packages: dict[str, list[str]] = {}
    for name, version in pairs:
        if not isinstance(name, str) or not isinstance(version, str):
            return None
        packages.setdefault(name, []).append(version)
    return {name: tuple(sorted(packages[name])) for name in sorted(packages)}
