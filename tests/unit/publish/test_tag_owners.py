"""Which release a floating tag belongs to: from records, and from the templates of version tags."""

from __future__ import annotations

import pytest
from support import phases
from support.fake_registries import FakeRegistries
from support.releases import record_of, templates_of

from compiler.external.registry.client import Manifest
from compiler.publish.tag_owners import TagOwners
from compiler.releases.record import ReleaseRecord
from compiler.releases.registry_record import push_record
from compiler.releases.version import Release


REPOSITORY = "r.example/a"
FLOATING = f"{REPOSITORY}:latest"
MATRIX = """\
variables: {{V: "1"}}
axes: {{n: [3.11, 3.12]}}
images:
  a:
    template: a.j2
    tags: [{tags}]
    aliases: {{"r.example/a:latest": {{n: 3.12}}}}
    moving: ["r.example/a:{{{{ n }}}}"]
publish: {{version: "${{V}}"}}
"""


@pytest.fixture
def registries() -> FakeRegistries:
    """Provide empty registries."""
    return FakeRegistries()


def record(version: str, image: Manifest) -> ReleaseRecord:
    """Return the record of a release whose floating tag is `latest`."""
    return record_of(version, image, tags=[f"{REPOSITORY}:{version}"], moving=[FLOATING])


def owners(registries: FakeRegistries, version: str, *tags: str) -> TagOwners:
    """Return the finder for a release of a matrix with these version tags."""
    text = MATRIX.format(tags=", ".join(f'"{tag}"' for tag in tags))
    return TagOwners(registries, REPOSITORY, Release("V", version), templates_of(text, version))


@pytest.mark.parametrize(
    ("newer", "recorded", "owner"),
    [
        ("2", True, "2"),
        ("2", False, "2"),
        ("2-rc1", True, None),
        ("2-rc1", False, None),
        ("0.9", True, None),
        ("0.9", False, None),
    ],
)
def test_newer_releases(
    newer: str, owner: str | None, registries: FakeRegistries, *, recorded: bool
) -> None:
    """A newer final release owns its images, even if it has no record yet."""
    image = registries.add_image(REPOSITORY, "other", f"3.12-{newer}", "latest")
    if recorded:
        push_record(registries, REPOSITORY, record(newer, image))
    found = owners(registries, "1", "r.example/a:{{ n }}-${V}")

    assert found.newer(FLOATING, image.digest) == owner
    assert found.newer(FLOATING, "sha256:other") is None
    assert found.newest(FLOATING) == ((newer, image.digest) if recorded and owner else None)
    older = found.recorded(FLOATING, image.digest, found.versions)
    assert older == (newer if recorded else None)


@pytest.mark.parametrize(
    ("version", "tags", "existing", "owner"),
    [
        # The text of the version is also part of an axis value.
        ("1", ["r.example/a:{{ n }}-${V}"], "3.12-0", None),
        ("2", ["r.example/a:{{ n }}-${V}"], "3.12-3", "3"),
        ("1", ["r.example/a:{{ n }}-${V}-x", "r.example/a:{{ n }}-${V}"], "3.12-2-x", None),
        # Another template, or a floating tag, looks like a version.
        ("1", ["r.example/a:{{ n }}-${V}", "r.example/a:x-{{ n }}-${V}"], "3.12-2", None),
        ("1.1", ["{% if n == '3.12' %}r.example/a:${V}{% endif %}"], "3.11", None),
        ("1.1", ["{% if n == '3.12' %}r.example/a:${V}{% endif %}"], "3.13", "3.13"),
        # The version occurs twice.
        ("1", ["r.example/a:${V}-{{ n }}-${V}"], "2-3.12-2", "2"),
        ("1", ["r.example/a:${V}-{{ n }}-${V}"], "2-3.12-3", None),
    ],
)
def test_versions_are_read_at_their_position(
    version: str, tags: list[str], existing: str, owner: str | None, registries: FakeRegistries
) -> None:
    """All version tags of a target name the image; other texts are ignored."""
    image = registries.add_image(REPOSITORY, "other", existing, "latest")
    found = owners(registries, version, *tags)

    assert found.newer(FLOATING, image.digest) == owner


def test_an_unfinished_release_has_no_older_minor_series(registries: FakeRegistries) -> None:
    """A tag that the newer version does not move does not belong to it, whatever it names."""
    image = registries.add_image(REPOSITORY, "other", "2.0.0", "1.9", "latest")
    text = """
variables:
  V: "1.0.0"
  MINOR: {from: V, match: '^(\\d+\\.\\d+)'}
images:
  a:
    template: a.j2
    tags: ["r.example/a:${V}"]
    moving: ["r.example/a:${MINOR}", "r.example/a:latest"]
publish: {version: "${V}"}
"""
    release = Release("V", "1.9.1")
    found = TagOwners(registries, REPOSITORY, release, templates_of(text, "1.9.1"))

    assert found.newer(f"{REPOSITORY}:1.9", image.digest) is None
    assert found.newer(f"{REPOSITORY}:2.0", image.digest) == "2.0.0"
    assert found.newer(FLOATING, image.digest) == "2.0.0"


def test_the_phases_accept_the_matrix() -> None:
    """The matrix of these tests is valid."""
    assert phases.codes(MATRIX.format(tags='"r.example/a:{{ n }}-${V}"')) == []


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("spelling", ["acme/a", "docker.io/acme/a", "index.docker.io/acme/a"])
def test_one_repository_has_several_names(
    spelling: str, registries: FakeRegistries, *, recorded: bool
) -> None:
    """A newer release is found that another name of the repository was used for."""
    image = registries.add_image("docker.io/acme/a", "other", "3.12-2", "latest")
    if recorded:
        tags, moving = ["docker.io/acme/a:3.12-2"], ["docker.io/acme/a:latest"]
        push_record(registries, REPOSITORY, record_of("2", image, tags=tags, moving=moving))
    text = MATRIX.format(tags='"r.example/a:{{ n }}-${V}"').replace("r.example/a", spelling)
    found = TagOwners(registries, REPOSITORY, Release("V", "1"), templates_of(text, "1"))
    if not recorded and spelling != "docker.io/acme/a":
        registries.add_image(spelling, "other", "3.12-2")

    assert found.newer(f"{spelling}:latest", image.digest) == "2"
