"""Merge images of single platforms, which several machines have staged, to one index."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from compiler.external.platforms import find_platform, os_version, unversioned_platform
from compiler.external.registry.artifacts import artifact_annotations
from compiler.external.registry.client import INDEX, Manifest, Registries
from compiler.external.registry.parallel import run_parallel
from compiler.external.registry.responses import content_digest
from compiler.fingerprint.naming import fingerprint_tag
from compiler.publish.items import ReleaseItem
from compiler.publish.staged_image import (
    StagedImage,
    config_os_version,
    passed_tests_tag,
    read_image,
)
from compiler.publish.staging_time import write_staging_time


_PARTS = ("os", "architecture", "variant")


def merge_platforms(
    registries: Registries, items: Iterable[ReleaseItem], records: str
) -> dict[str, tuple[str, ...]]:
    """Merge the staged platforms of targets, attestations and annotations included.

    Args:
        registries: the registries of the staged images.
        items: the targets to merge.
        records: the repository of the matrix's records.

    Returns:
        Target that could not be merged -> its missing platforms.

    Raises:
        RegistryError: a registry denies access, or does not respond.
    """
    missing = run_parallel(
        lambda item: _merge(registries, item, records), {item.target: item for item in items}
    )
    return {name: platforms for name, platforms in missing.items() if platforms}


def _merge(registries: Registries, item: ReleaseItem, records: str) -> tuple[str, ...]:
    """Merge the platforms of a target; return the missing ones."""
    images: dict[str, StagedImage] = {}
    for platform in item.platforms:
        tag = fingerprint_tag(item.fingerprint, platform)
        image = read_image(registries, item.repository, tag)
        if image is not None and find_platform(platform, image.platforms):
            images[platform] = image
    missing = tuple(platform for platform in item.platforms if platform not in images)
    if missing or not images:
        return missing or ("any platform",)
    merged = merged_index(images.values(), _others(images))
    registries.put_manifest(item.repository, fingerprint_tag(item.fingerprint), merged)
    write_staging_time(registries, item.repository, merged.digest, records)
    return ()


def _others(images: Mapping[str, StagedImage]) -> frozenset[str]:
    """Return the digests in images of a platform that are only of other platforms."""
    digests: dict[bool, set[str]] = {True: set(), False: set()}
    for platform, image in images.items():
        name = find_platform(platform, image.platforms)
        for by_platform in (image.platforms, image.attestations):
            for other, digest in by_platform.items():
                digests[other == name].add(digest)
    return frozenset(digests[False] - digests[True])


def merged_index(images: Iterable[StagedImage], without: Collection[str] = ()) -> Manifest:
    """Return one index of the entries of several images, which are in the same repository.

    The annotations of an index are kept if all indexes have them. Images and attestations keep
    their digests, so signatures of them stay valid.

    Args:
        images: the images.
        without: the digests of entries that are left out.
    """
    pieces = {image.digest: image for image in images}
    indexes = [image for image in pieces.values() if "manifests" in image.manifest.data]
    if len(pieces) == len(indexes) == 1:
        return indexes[0].manifest
    entries: dict[str, Mapping[str, Any]] = {}
    for image in pieces.values():
        for entry in _entries(image):
            if entry.get("digest") not in without:
                entries.setdefault(str(entry.get("digest")), entry)
    types = {image.manifest.media_type for image in indexes}
    media_type = types.pop() if len(types) == 1 else INDEX
    data: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "manifests": [*entries.values()],
    }
    annotations = _common_annotations(indexes)
    if annotations:
        data["annotations"] = annotations
    content = json.dumps(data).encode()
    return Manifest(content_digest(content), media_type, content)


def joined_index(
    registries: Registries, items: Sequence[ReleaseItem], images: Sequence[StagedImage]
) -> Manifest:
    """Return one index of the images of several targets.

    Each image for Windows has `os.version`: that of its target's platform, otherwise that of its
    configuration. Without it, Windows cannot choose among the images.

    Args:
        registries: the registries of the images.
        items: the targets.
        images: the image of each target.
    """
    merged = merged_index(images)
    if len({image.digest for image in images}) == 1:
        return merged
    owners = {
        str(entry.get("digest")): item
        for item, image in zip(items, images, strict=True)
        for entry in _entries(image)
    }
    entries = [
        _with_os_version(registries, owners[str(entry.get("digest"))], entry)
        for entry in merged.data["manifests"]
    ]
    if entries == merged.data["manifests"]:
        return merged
    content = json.dumps({**merged.data, "manifests": entries}).encode()
    return Manifest(content_digest(content), merged.media_type, content)


def _with_os_version(
    registries: Registries, item: ReleaseItem, entry: Mapping[str, Any]
) -> Mapping[str, Any]:
    platform = entry.get("platform")
    if not isinstance(platform, dict) or platform.get("os") != "windows":
        return entry
    if platform.get("os.version"):
        return entry
    plain = f"windows/{platform.get('architecture')}"
    named = (os_version(name) for name in item.platforms if unversioned_platform(name) == plain)
    version = next(filter(None, named), "") or config_os_version(
        registries, item.repository, str(entry.get("digest"))
    )
    return {**entry, "platform": {**platform, "os.version": version}} if version else entry


def _entries(image: StagedImage) -> list[Mapping[str, Any]]:
    """Return the descriptors of an index, or the one of an image without an index."""
    listed = image.manifest.data.get("manifests")
    if isinstance(listed, list):
        return [entry for entry in listed if isinstance(entry, dict)]
    name = next(iter(image.platforms))
    parts = dict(zip(_PARTS, unversioned_platform(name).split("/"), strict=False))
    if version := os_version(name):
        parts["os.version"] = version
    return [
        {
            "mediaType": image.manifest.media_type,
            "digest": image.digest,
            "size": len(image.manifest.content),
            "platform": parts,
        }
    ]


def _common_annotations(indexes: Iterable[StagedImage]) -> dict[str, Any]:
    """Return the annotations that all indexes have with the same value."""
    mappings = [artifact_annotations(image.manifest) for image in indexes]
    first = mappings[0] if mappings else {}
    return {
        key: value for key, value in first.items() if all(m.get(key) == value for m in mappings)
    }


def all_platforms_tested(
    registries: Registries, item: ReleaseItem, platforms: Mapping[str, str]
) -> bool:
    """Return whether each platform passed the tests on the machine that built it.

    Args:
        registries: the registries to read.
        item: the target.
        platforms: platform -> digest of the merged image, which may be older than what is staged.
    """
    for platform in item.platforms:
        tag = passed_tests_tag(item.fingerprint, item.tests, platform)
        tested = read_image(registries, item.repository, tag)
        name = find_platform(platform, platforms)
        if tested is None or name is None or platforms[name] not in tested.platforms.values():
            return False
    return bool(item.platforms)
