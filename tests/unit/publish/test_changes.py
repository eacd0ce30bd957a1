"""What makes a new release differ from an earlier one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.fake_registries import FakeRegistries
from support.releases import released_target

from compiler.bake.results import BakeOptions
from compiler.fingerprint.fingerprint import project_fingerprints
from compiler.output.bake_resolved import ResolvedPlan
from compiler.pipeline import compile_matrix
from compiler.publish.changes import find_changes
from compiler.publish.items import release_items
from compiler.publish.request import PublishRequest
from compiler.releases.record import ReleaseRecord
from compiler.releases.version import Release


MATRIX = """\
variables: {VERSION: v1}
axes: {n: [a, b]}
images:
  base:
    template: Dockerfile.j2
    tags: ["r.example/base:{{ n }}-${VERSION}"]
    moving: ["r.example/base:{{ n }}"]
publish: {version: "${VERSION}"}
"""
VERSION_TAGS = [f"r.example/base:{n}-v1" for n in "ab"]


@pytest.fixture
def request_(tmp_path: Path) -> PublishRequest:
    """Provide the request to publish v1."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/Dockerfile.j2").write_text("FROM scratch\nCOPY {{ n }} /\n")
    (tmp_path / "matrix.yaml").write_text(MATRIX)
    for n in "ab":
        (tmp_path / n).write_text(n)
    compiled = compile_matrix(tmp_path / "matrix.yaml")
    resolved = ResolvedPlan(compiled.plan, {"MOVING": "true", "HOME": "/", "VERSION": "v1"})
    assert resolved.overridden == {"VERSION": "v1", "MOVING": "true"}
    return PublishRequest(
        resolved=resolved,
        fingerprints=project_fingerprints(compiled, resolved, tmp_path),
        dockerfiles=compiled.dockerfiles,
        targets=("base-a", "base-b"),
        release=Release("VERSION", "v1"),
        options=BakeOptions(folder=tmp_path),
        read_again=lambda: pytest.fail("comparing reads the project once"),
    )


@pytest.fixture
def registries() -> FakeRegistries:
    """Provide a registry with both images and their version tags."""
    registries = FakeRegistries()
    for n in "ab":
        registries.add_image("r.example/base", n, f"{n}-v1")
    return registries


@pytest.fixture
def record(request_: PublishRequest, registries: FakeRegistries) -> ReleaseRecord:
    """Provide the record of the same release."""
    items = release_items(request_.resolved, request_.fingerprints, request_.dockerfiles)
    targets = (
        released_target(
            item.target,
            str(registries.digest("r.example/base", f"{item.target[-1]}-v1")),
            tags=item.version_tags,
            moving=item.floating_tags,
            fingerprint=item.fingerprint,
        )
        for item in items.values()
    )
    return ReleaseRecord(release="v1", targets=tuple(targets))


def changed(record: ReleaseRecord, **fields: object) -> ReleaseRecord:
    """Return a record in which the first target has other fields."""
    first, *others = record.targets
    return ReleaseRecord(release="v1", targets=(replace(first, **fields), *others))  # type: ignore[arg-type]


def test_equal_releases(
    request_: PublishRequest, record: ReleaseRecord, registries: FakeRegistries
) -> None:
    """Nothing differs; a filtered run does not compare other targets."""
    assert find_changes(registries, request_, record, complete=True) == []
    filtered = replace(request_, targets=("base-b",))
    other = changed(record, fingerprint=f"sha256:{'0' * 64}")
    assert find_changes(registries, filtered, other, complete=False) == []


@pytest.mark.parametrize(
    ("fields", "changes"),
    [
        ({"fingerprint": f"sha256:{'0' * 64}"}, ["base-a: another image"]),
        (
            {"target": "old"},
            ["base-a: new", "old: removed"],
        ),
        ({"tags": ()}, ["base-a: new tag r.example/base:a-v1"]),
        (
            {"moving": ("r.example/base:a", "r.example/base:x")},
            ["base-a: removed tag r.example/base:x"],
        ),
        (
            {"tags": ("r.example/base:a",), "moving": ("r.example/base:a-v1",)},
            [
                "base-a: another kind of tag r.example/base:a-v1",
                "base-a: another kind of tag r.example/base:a",
            ],
        ),
    ],
)
def test_differences(
    fields: dict[str, object],
    changes: list[str],
    request_: PublishRequest,
    record: ReleaseRecord,
    registries: FakeRegistries,
) -> None:
    """Images, the set of targets, and the set of tags count."""
    assert find_changes(registries, request_, changed(record, **fields), complete=True) == changes


def test_lost_version_tags(
    request_: PublishRequest, record: ReleaseRecord, registries: FakeRegistries
) -> None:
    """A release whose version tags name other images cannot be used."""
    registries.add_image("r.example/base", "x", "a-v1")
    del registries.manifests["r.example/base", "b-v1"]

    assert find_changes(registries, request_, record, complete=True) == [
        f"{VERSION_TAGS[0]}: another image",
        f"{VERSION_TAGS[1]}: missing",
    ]
