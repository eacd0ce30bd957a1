"""Names that would be two tags of a release: nothing is built."""

from __future__ import annotations

import pytest
from support.fake_registries import FakeRegistries
from support.release_actors import Silent
from support.releases import plan_of, record_of, request_of

from compiler.errors import DiagnosticError
from compiler.publish.publish import prepare
from compiler.publish.tag_conflicts import reject_tag_conflicts
from compiler.releases.registry_record import push_record


REPOSITORY = "r.example/app"
MATRIX = """
variables:
  V: "1.0"
  MAJOR: {from: V, match: '^(\\d+)'}
publish: {version: "${V}"}
defaults: {template: t.j2, platforms: [linux/amd64]}
images:
  app: {tags: ["r.example/app:${V}"], moving: MOVING}
  sub: {tags: ["r.example/app:sub-${V}"], moving: OTHER}
"""


def rejected(moving: str, other: str, version: str, *released: str) -> str:
    """Return what is reported about a release next to other releases; empty if it is possible."""
    return rejected_in(MATRIX.replace("MOVING", moving).replace("OTHER", other), version, *released)


def rejected_in(matrix: str, version: str, *released: str) -> str:
    """Return what is reported about a release of a matrix; empty if it is possible."""
    registries = FakeRegistries()
    image = registries.add_image(REPOSITORY, "1")
    planned = plan_of(matrix)
    for each in released:
        record = record_of(each, image, tags=[f"{REPOSITORY}:{each}"], moving=[])
        for repository in (REPOSITORY, "acme/app"):
            push_record(registries, repository, record)
    job = prepare(request_of(planned, version, lambda _: "0" * 64), registries, Silent())
    try:
        reject_tag_conflicts(job)
    except DiagnosticError as error:
        return " ".join(f"{one.code}: {one.message}" for one in error.diagnostics)
    return ""


@pytest.mark.parametrize(
    ("moving", "other", "version", "released", "said"),
    [
        ("['r.example/app:12']", "[]", "12", (), "its version tag as well"),
        ("['r.example/app:12']", "[]", "13", ("12",), "is the version tag of release 12"),
        ("['r.example/app:12']", "[]", "13", ("11", "9"), ""),
        ("['r.example/app:12.8']", "[]", "13", ("12",), ""),
        ("[]", "['r.example/app:12']", "12", (), "r.example/app:12 is a tag of app as well"),
        ("[]", "['docker.io/r.example/app:12']", "13", ("12",), ""),
        ("['r.example/app:${MAJOR}']", "[]", "12", ("11",), ""),
        ("['r.example/app:${MAJOR}']", "[]", "12.1", ("11",), ""),
        ("['r.example/app:${MAJOR}']", "[]", "12.1", ("12",), "is the version tag of release 12"),
        ("['r.example/app:${MAJOR}']", "[]", "12", ("12.1",), ""),
        ("['r.example/app:sub-3']", "[]", "3", (), "is a tag of app as well"),
        ("['r.example/app:latest']", "[]", "1.1", ("1.0",), ""),
    ],
)
def test_a_name_is_one_tag(
    moving: str, other: str, version: str, released: tuple[str, ...], said: str
) -> None:
    """Tags are compared as they are called in the release, and with other releases."""
    found = rejected(moving, other, version, *released)

    assert said in found
    assert bool(said) == bool(found)


@pytest.mark.parametrize("other", ["docker.io/acme/app", "index.docker.io/acme/app"])
def test_one_repository_has_several_names(other: str) -> None:
    """The names of Docker Hub in a floating tag and in a version tag name one repository."""
    matrix = MATRIX.replace("OTHER", "[]").replace("r.example", "acme")
    matrix = matrix.replace("MOVING", f"[{other}:12]")

    assert "its version tag as well" in rejected_in(matrix, "12")
    assert "is the version tag of release 12" in rejected_in(matrix, "13", "12")
