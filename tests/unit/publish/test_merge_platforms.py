"""One index of images that several machines have staged."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from support.model_registry import HOST, ModelRegistries, ModelRegistry, add_index
from support.pushed_images import push_staged

from compiler.external.registry.client import INDEX, MANIFEST
from compiler.fingerprint.naming import fingerprint_tag
from compiler.publish.merge_platforms import all_platforms_tested, merge_platforms, merged_index
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


def test_an_ambiguous_index_lacks_its_platform() -> None:
    """Two images of one platform, and an index in an index, are not images of a platform."""
    model = ModelRegistry()
    amd64, other, arm64 = (model.add_image(STAGING, content) for content in "123")
    inner = add_index(model, STAGING, {"s390x": arm64})

    def entry(image: Any, architecture: str, kind: str = MANIFEST) -> dict[str, Any]:
        platform = {"os": "linux", "architecture": architecture}
        return {"mediaType": kind, "digest": image.digest, "size": 1, "platform": platform}

    entries = [entry(amd64, "amd64"), entry(other, "amd64"), entry(inner, "s390x", INDEX)]
    data = {"mediaType": INDEX, "manifests": [*entries, entry(arm64, "arm64")]}
    model.add_manifest(STAGING, data, INDEX, "index")

    image = read_image(ModelRegistries(model), STAGING, "index")

    assert image is not None
    assert image.platforms == {"linux/arm64": arm64.digest}


def test_a_merge_takes_one_platform_of_each_image() -> None:
    """What else an image contains, such as an earlier merged image, is left out."""
    model = ModelRegistry()
    registries = ModelRegistries(model)
    images = {name: model.add_image(STAGING, name, platform=name) for name in ("amd64", "arm64")}
    old = {**images, "amd64": model.add_image(STAGING, "old")}
    add_index(model, STAGING, images, fingerprint_tag("0a", "linux/amd64"), annotations={})
    add_index(model, STAGING, old, fingerprint_tag("0a", "linux/arm64"), annotations={})
    platforms = ("linux/amd64", "linux/arm64")
    item: Any = SimpleNamespace(
        repository=STAGING, fingerprint="0a", platforms=platforms, target="a", tests=()
    )

    assert merge_platforms(registries, [item], f"{HOST}/records") == {}

    merged = read_image(registries, STAGING, fingerprint_tag("0a"))
    assert merged is not None
    assert merged.platforms == {f"linux/{name}": one.digest for name, one in images.items()}
