"""Images in a registry whose manifests are not as an image builder writes them."""

from __future__ import annotations

import json

import pytest
from support.model_registry import HOST, ModelRegistries, ModelRegistry

from compiler.external.registry.client import INDEX, MANIFEST, Manifest, RegistryError
from compiler.publish.staged_image import layer_sizes, measure_image, read_image
from compiler.releases.record import MAX_NUMBER


REPOSITORY = f"{HOST}/acme/a"


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("10.0.26100", "windows(10.0.26100)/amd64"),
        ("10\x1b[31m", "windows/amd64"),
        ("10)/arm64", "windows/amd64"),
        (["10"], "windows/amd64"),
        ("", "windows/amd64"),
    ],
)
def test_the_version_of_the_operating_system(version: object, expected: str) -> None:
    """A version that no platform can have is left out, so that records can be read."""
    model = ModelRegistry()
    image = model.add_image(REPOSITORY, "x")
    platform = {"os": "windows", "architecture": "amd64", "os.version": version}
    entries = [{"digest": image.digest, "platform": platform}]
    model.add_manifest(REPOSITORY, {"manifests": entries}, INDEX, "tag")

    found = read_image(ModelRegistries(model), REPOSITORY, "tag")

    assert found is not None
    assert [*found.platforms] == [expected]


def test_an_index_that_names_a_tag() -> None:
    """What a tag means may change, so it is not read in place of a digest."""
    model = ModelRegistry()
    model.add_image(REPOSITORY, "x", "latest")
    entries = [{"digest": "latest", "platform": {"os": "linux", "architecture": "amd64"}}]
    model.add_manifest(REPOSITORY, {"manifests": entries}, INDEX, "tag")

    with pytest.raises(RegistryError, match="invalid descriptor"):
        read_image(ModelRegistries(model), REPOSITORY, "tag")


def test_sizes_that_are_too_large() -> None:
    """A record can contain any sum of sizes."""
    layers = [{"digest": str(number), "size": 2**40} for number in range(2**14)]
    model = ModelRegistry()
    manifest = model.add_image(REPOSITORY, "x")
    data = {**manifest.data, "layers": layers}
    model.add_manifest(REPOSITORY, data, MANIFEST, "tag")
    image = read_image(ModelRegistries(model), REPOSITORY, "tag")
    assert image is not None

    sizes = measure_image(ModelRegistries(model), REPOSITORY, image)

    assert sizes == (MAX_NUMBER, {"linux/amd64": MAX_NUMBER})


def test_sizes_that_are_none() -> None:
    """A layer without a valid size counts as empty."""
    layers = [{"digest": "a", "size": -7}, {"digest": "b", "size": 5}, {"size": "x"}, None]
    content = json.dumps({"layers": layers}).encode()

    assert layer_sizes(Manifest("", MANIFEST, content)) == {"a": 0, "b": 5, "None": 0}
