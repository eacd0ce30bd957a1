"""Images as bake pushes them, without a build: two builds of the same inputs differ."""

from __future__ import annotations

import json
from collections.abc import Iterable

from compiler.external.registry.client import INDEX, MANIFEST, Manifest, Registries
from support.model_registry import digest_of


def push_built(
    registries: Registries, overrides: Iterable[str], layer: str, architecture: str = "amd64"
) -> str:
    """Push an image with one layer to the tag and with the label in overrides of bake.

    Returns:
        The digest of the image.
    """
    (tag,) = [text[5:] for text in overrides if text.startswith("tags=")]
    repository, _, reference = tag.rpartition(":")
    label = next(text for text in overrides if text.startswith("labels."))
    labels = dict([label.removeprefix("labels.").split("=", 1)])
    config = json.dumps({"os": "linux", "architecture": architecture, "config": {"Labels": labels}})
    types = ("application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar")
    descriptors = [
        {
            "mediaType": media_type,
            "digest": registries.put_blob(repository, text.encode()),
            "size": len(text),
        }
        for media_type, text in zip(types, (config, layer), strict=True)
    ]
    data = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptors[0],
        "layers": descriptors[1:],
    }
    content = json.dumps(data).encode()
    manifest = Manifest(digest_of(content), MANIFEST, content)
    registries.put_manifest(repository, reference, manifest)
    return manifest.digest


def push_staged(registries: Registries, tag: str, layer: str, architecture: str) -> str:
    """Push an index of one image to a tag; return its digest."""
    repository, _, name = tag.rpartition(":")
    label = "labels.com.compile-matrix.fingerprint="
    digest = push_built(registries, [f"tags={tag}", label], layer, architecture)
    image = registries.manifest(repository, digest)
    assert image is not None
    entry = {
        "mediaType": MANIFEST,
        "digest": digest,
        "size": len(image.content),
        "platform": {"os": "linux", "architecture": architecture},
    }
    content = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).encode()
    index = Manifest(digest_of(content), INDEX, content)
    registries.put_manifest(repository, name, index)
    return index.digest
