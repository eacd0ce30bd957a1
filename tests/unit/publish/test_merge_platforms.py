"""One index of images that several machines have staged."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from support.model_registry import HOST, ModelRegistries, ModelRegistry, add_index
from support.pushed_images import push_staged

from compiler.external.registry.client import INDEX
from compiler.fingerprint.naming import fingerprint_tag
from compiler.publish.merge_platforms import all_platforms_tested, merged_index
from compiler.publish.staged_image import StagedImage, passed_tests_tag, read_image


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


def test_the_platforms_of_the_merged_image_must_have_passed_their_tests() -> None:
    """A platform that was staged and tested after it was merged does not count."""
    platforms = ("linux/amd64", "linux/arm64")
    registries = ModelRegistries(ModelRegistry())
    item: Any = SimpleNamespace(repository=STAGING, fingerprint="0a", platforms=platforms, tests=())

    def stage(platform: str, layer: str, *, passed: bool) -> str:
        tag = fingerprint_tag("0a", platform)
        digest = push_staged(registries, f"{STAGING}:{tag}", layer, platform.split("/")[1])
        image = read_image(registries, STAGING, digest)
        assert image is not None
        if passed:
            tested = passed_tests_tag("0a", (), platform)
            registries.put_manifest(STAGING, tested, image.manifest)
        return image.platforms[platform]

    first = {one: stage(one, f"first of {one}", passed="arm64" in one) for one in platforms}
    assert not all_platforms_tested(registries, item, first)

    second = {**first, "linux/amd64": stage("linux/amd64", "second", passed=True)}
    assert not all_platforms_tested(registries, item, first)
    assert all_platforms_tested(registries, item, second)
