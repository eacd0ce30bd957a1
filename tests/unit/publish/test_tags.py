"""Tags of releases, without a registry: creation, promotion, and which may be moved."""

from __future__ import annotations

import pytest
from support.fake_registries import FakeRegistries, make_manifest
from support.releases import record_of

from compiler.codes import Code
from compiler.external.registry.client import Manifest, RegistryError
from compiler.publish.create_tag import (
    OvertakenError,
    create_tag,
    ensure_tag,
    tags_of_other_images,
)
from compiler.releases.record import ReleaseRecord
from compiler.releases.registry_record import (
    choose_repository,
    pull_record,
    push_record,
    recorded_versions,
)


REPOSITORY = "r.example/a"
OTHER = make_manifest({"another": "image"})


@pytest.fixture
def registries() -> FakeRegistries:
    """Provide empty registries."""
    return FakeRegistries()


def record(version: str, image: Manifest) -> ReleaseRecord:
    """Return the record of a release of one target."""
    return record_of(
        version, image, tags=[f"{REPOSITORY}:{version}"], moving=[f"{REPOSITORY}:latest"]
    )


def test_a_tag_is_created_once(registries: FakeRegistries) -> None:
    """An existing tag of the same image is not written again."""
    image = registries.add_image(REPOSITORY, "1")

    assert ensure_tag(registries, image, f"{REPOSITORY}:v1")
    assert not ensure_tag(registries, image, f"{REPOSITORY}:v1")
    assert registries.digest(REPOSITORY, "v1") == image.digest


@pytest.mark.parametrize(
    ("stored", "error", "code"),
    [
        (OTHER, OvertakenError, Code.CONCURRENT_RELEASE),
        (None, RegistryError, Code.REGISTRY_ERROR),
    ],
)
def test_a_tag_is_verified(
    stored: Manifest | None,
    error: type[RegistryError],
    code: Code,
    registries: FakeRegistries,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A tag that is missing, or refers to another image afterwards, is an error."""
    monkeypatch.setattr("compiler.publish.create_tag.pause", lambda _: False)
    image = registries.add_image(REPOSITORY, "1")
    registries.lost[REPOSITORY, "v1"] = stored

    with pytest.raises(error) as caught:
        create_tag(registries, image, f"{REPOSITORY}:v1")

    assert type(caught.value) is error
    assert caught.value.diagnostics[0].code == code


def test_tags_of_other_images_are_found(registries: FakeRegistries) -> None:
    """Missing tags, and tags of the intended image, are not reported."""
    image = registries.add_image(REPOSITORY, "1", "v1", "v2")
    tags = {name: f"{REPOSITORY}:{name}" for name in ("v1", "v2", "v3")}

    assert tags_of_other_images(
        registries, {tags["v1"]: image.digest, tags["v2"]: None, tags["v3"]: None}
    ) == {tags["v2"]: image.digest}


def test_records_are_stored_and_found(registries: FakeRegistries) -> None:
    """Images with tags of records are not read as records; versions are newest first."""
    image = registries.add_image(REPOSITORY, "1", "v1", "release-v9")
    for version in ("v1.9", "v1.10", "alice-test"):
        push_record(registries, REPOSITORY, record(version, image))

    assert pull_record(registries, REPOSITORY, "v1.9") == record("v1.9", image)
    assert pull_record(registries, REPOSITORY, "v3") is None
    assert recorded_versions(registries, REPOSITORY) == ["v9", "v1.10", "v1.9", "alice-test"]
    with pytest.raises(RegistryError, match="not a valid release record: it is an image"):
        pull_record(registries, REPOSITORY, "v9")
    assert choose_repository(registries, ["r.example/new", REPOSITORY]) == REPOSITORY
    assert choose_repository(registries, ["r.example/new", "r.example/b"]) == "r.example/new"
    assert choose_repository(registries, []) is None
