"""One index of images that several machines have staged."""

from __future__ import annotations

from typing import Any

import pytest
from support.model_registry import HOST, ModelRegistries, ModelRegistry, add_index

from compiler.external.registry.client import INDEX
from compiler.publish.merge_platforms import merged_index
from compiler.publish.staged_image import StagedImage, read_image


STAGING = f"{HOST}/acme/server"


def staged(model: ModelRegistry, architecture: str, annotations: Any = None) -> StagedImage:
    """Return a staged platform: in an index with an attestation, if there are annotations."""
    manifest = model.add_image(STAGING, architecture, platform=architecture)
    if annotations is not None:
        images = {architecture: manifest}
        manifest = add_index(model, STAGING, images, annotations=annotations)
    image = read_image(ModelRegistries(model), STAGING, manifest.digest)
    assert image is not None
    return image


@pytest.mark.parametrize(
    ("amd64", "arm64", "merged"),
    [
        ({"a": "1", "b": "2"}, {"a": "1", "b": "3"}, {"a": "1"}),
        ({"a": "1"}, {}, None),
        ({"a": "1"}, None, {"a": "1"}),
        (None, None, None),
    ],
)
def test_platforms_are_merged(amd64: Any, arm64: Any, merged: Any) -> None:
    """Entries keep their digests and attestations; annotations that all indexes have are kept."""
    model = ModelRegistry()
    pieces = [staged(model, "amd64", amd64), staged(model, "arm64", arm64)]

    manifest = merged_index(pieces)

    assert manifest.data.get("annotations") == merged
    assert manifest.media_type == manifest.data["mediaType"] == INDEX
    model.add_manifest(STAGING, manifest.data, INDEX, "merged")
    image = read_image(ModelRegistries(model), STAGING, "merged")
    assert image is not None
    assert image.platforms == {**pieces[0].platforms, **pieces[1].platforms}
    assert image.attestations == {**pieces[0].attestations, **pieces[1].attestations}
    assert merged_index(pieces) == manifest


def test_a_single_index_keeps_its_digest() -> None:
    """Nothing is merged if one index has all platforms."""
    image = staged(ModelRegistry(), "amd64", {"a": "1"})

    assert merged_index([image, image]) == image.manifest
