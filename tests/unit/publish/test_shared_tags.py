"""Shared tags and platform tags of releases, against registries in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from support.model_registry import HOST, ModelRegistries, ModelRegistry
from support.release_actors import (
    COPY,
    STAGING,
    Actor,
    Silent,
    Task,
    World,
    composed_tags,
    fingerprint,
    only,
    patched,
    version_tags,
)
from support.releases import plan_of

from compiler.codes import Code
from compiler.errors import DiagnosticError
from compiler.external.registry.client import INDEX, MANIFEST
from compiler.output.bake_resolved import ResolvedPlan
from compiler.publish.items import ReleaseItem
from compiler.publish.merge_platforms import joined_index
from compiler.publish.preview import preview
from compiler.publish.promote import Promotion
from compiler.publish.result import PublishResult
from compiler.publish.staged_image import read_image
from compiler.releases.parse_record import parse_record
from compiler.releases.record import ReleaseRecord


ONE, TWO = (Task(version=version, content=version) for version in "12")
REPOSITORY = f"{HOST}/acme/windows"


@pytest.fixture
def world() -> Iterator[World]:
    """Provide an empty registry and a mirror."""
    with patched(World(1)) as found:
        yield found


def publish(world: World, task: Task) -> ReleaseRecord:
    """Publish, which must succeed; return the record."""
    (actor,) = world.run(task)
    assert isinstance(actor.result, PublishResult), actor.error
    assert actor.result.record is not None
    return actor.result.record


def failure(world: World, task: Task) -> DiagnosticError:
    """Publish, which must fail with an error for the user."""
    (actor,) = world.run(task)
    assert isinstance(actor.error, DiagnosticError)
    return actor.error


def index(world: World, tag: str) -> dict[str, str]:
    """Return architecture -> digest of the index that a tag names."""
    repository, _, _ = tag.rpartition(":")
    digest = world.model.digest(tag)
    assert digest is not None
    _, content = world.model.repository(repository).manifests[digest]
    entries = json.loads(content)["manifests"]
    return {entry["platform"]["architecture"]: entry["digest"] for entry in entries}


def test_an_index_names_the_images_of_its_targets(world: World) -> None:
    """The index is the same in each repository, and is recorded; parsing keeps the record."""
    record = publish(world, ONE)
    digests = {target.target: target.digest for target in record.targets}

    for tag in (f"{STAGING}:all-1", f"{COPY}:all-1", f"{STAGING}:all"):
        assert index(world, tag) == {"amd64": digests["a-1"], "arm64": digests["a-2"]}
    (recorded,) = record.indexes
    assert recorded.targets == ("a-1", "a-2")
    assert recorded.tags == (f"{STAGING}:all-1", f"{COPY}:all-1")
    assert recorded.moving == (f"{STAGING}:all",)
    assert world.model.digest(f"{STAGING}:all") == recorded.digest
    assert parse_record(record.to_text().encode()) == record


def test_a_platform_tag_names_the_manifest_of_the_platform(world: World) -> None:
    """The image of this test has no index, so that both are the same manifest."""
    record = publish(world, ONE)

    assert world.model.digest(f"{COPY}:1-amd64-1") == record.by_name["a-1"].digest
    assert world.model.digest(f"{COPY}:2-now") == record.by_name["a-2"].digest
    assert record.by_name["a-2"].platform_tags == (
        ("linux/arm64", (f"{COPY}:2-arm64-1",), (f"{COPY}:2-now",)),
    )


def test_the_order_of_tags(world: World) -> None:
    """Version tags, then shared tags and platform tags, then floating tags, then the record."""
    publish(world, ONE)
    written = [text.partition("PUT ")[2].replace("/manifests/", ":") for text in world.model.writes]
    positions = {tag: written.index(tag) for tag in written}
    own = [tag for target in ("a-1", "a-2") for tag in version_tags(target, "1")]
    composed = composed_tags(("a-1", "a-2"), "1")
    floating = [f"{STAGING}:1", f"{COPY}:2-now", f"{STAGING}:all"]

    assert max(positions[tag] for tag in own) < min(positions[tag] for tag in composed)
    assert max(positions[tag] for tag in composed) < min(positions[tag] for tag in floating)
    assert max(positions[tag] for tag in floating) < positions[f"{STAGING}:release-1"]


def test_forward_and_back(world: World) -> None:
    """Floating tags move forward with a release, and back with a promotion."""
    first, second = publish(world, ONE), publish(world, TWO)
    assert world.model.digest(f"{STAGING}:all") == second.indexes[0].digest

    (actor,) = world.run(replace(ONE, promotes=True))

    assert isinstance(actor.result, Promotion), actor.error
    assert actor.result.skipped == {}
    assert world.model.digest(f"{STAGING}:all") == first.indexes[0].digest
    assert world.model.digest(f"{COPY}:1-now") == first.by_name["a-1"].digest
    assert world.model.digest(f"{STAGING}:all-2") == second.indexes[0].digest


def test_publishing_again_changes_nothing(world: World) -> None:
    """Nothing is written, and the record stays."""
    record = publish(world, ONE)
    before = len(world.model.writes)

    assert publish(world, ONE) == record
    writes = [text for text in world.model.writes[before:] if not text.startswith(("POST", "DEL"))]
    assert writes == []


def test_a_filtered_run_that_would_leave_a_version_tag_partial(world: World) -> None:
    """It is an error before anything is built; the other target may also be staged."""
    error = failure(world, only(ONE, "a-1"))

    assert {diagnostic.code for diagnostic in error.diagnostics} == {Code.PARTIAL_INDEX}
    assert f"{STAGING}:all-1 also needs a-2" in str(error)
    assert world.actors[-1].built == 0
    publish(world, ONE)
    record = publish(world, only(replace(ONE, version="2"), "a-1"))  # the same inputs
    assert index(world, f"{COPY}:all-2") == index(world, f"{COPY}:all-1")
    assert record.indexes[0].targets == ("a-1", "a-2")
    assert [target.target for target in record.targets] == ["a-1"]


@pytest.mark.parametrize("tag", [f"{COPY}:all-1", f"{COPY}:1-amd64-1"])
def test_a_tag_of_another_image_is_never_replaced(world: World, tag: str) -> None:
    """Version tags of indexes and platforms are immutable, too."""
    repository, _, name = tag.rpartition(":")
    other = world.model.add_image(repository, "other", name)

    error = failure(world, ONE)

    assert {diagnostic.code for diagnostic in error.diagnostics} == {Code.EXISTING_TAG}
    assert tag in str(error)
    assert world.model.digest(tag) == other.digest
    assert world.model.digest(version_tags("a-1", "1")[0]) is None


def test_other_inputs_of_the_same_version(world: World) -> None:
    """A rebuild of the same inputs may replace an index; other inputs must not."""
    publish(world, ONE)

    error = failure(world, replace(ONE, content="other"))

    tags = {tag for tag in composed_tags(("a-1", "a-2"), "1") if tag in str(error)}
    assert tags == {*composed_tags(("a-1", "a-2"), "1")}


def test_a_run_that_was_killed_between_the_tags_is_completed(world: World) -> None:
    """The next run creates what is missing."""
    world.fault = lambda _actor, method, path: (
        "kill" if method == "PUT" and path.endswith("/manifests/all-1") else ""
    )
    world.run(ONE)
    assert world.model.digest(f"{STAGING}:all-1") is None
    world.fault = lambda *_: ""

    record = publish(world, ONE)

    assert world.model.digest(f"{STAGING}:all-1") == record.indexes[0].digest


WINDOWS = f"""
images:
  x:
    template: a.j2
    platforms: [linux/amd64]
    shared: ["{REPOSITORY}:1"]
"""


@pytest.mark.parametrize(
    ("platform", "configured", "expected"),
    [
        ("windows(10.0.26100)/amd64", "10.0.26100.4946", "10.0.26100"),
        ("windows/amd64", "10.0.20348.1", "10.0.20348.1"),
        ("windows/amd64", "", None),
    ],
)
def test_os_version(platform: str, configured: str, expected: str | None) -> None:
    """`os.version` comes from the platform's notation, otherwise from the configuration."""
    model = ModelRegistry()
    registries = ModelRegistries(model)
    store = model.repository(REPOSITORY)
    config = {"os": "windows", "architecture": "amd64"} | (
        {"os.version": configured} if configured else {}
    )
    blob = json.dumps(config).encode()
    digest = registries.put_blob(REPOSITORY, blob)
    data = {"config": {"digest": digest, "size": len(blob)}, "layers": []}
    image = model.add_manifest(REPOSITORY, data, MANIFEST)
    listed = {
        "mediaType": MANIFEST,
        "digest": image.digest,
        "size": len(image.content),
        "platform": {"os": "windows", "architecture": "amd64"},
    }
    windows = model.add_manifest(REPOSITORY, {"manifests": [listed]}, INDEX, "windows")
    linux = model.add_image(REPOSITORY, "linux", "linux")
    images = [read_image(registries, REPOSITORY, one.digest) for one in (windows, linux)]
    (item,) = (_item(platform),)

    joined = joined_index(registries, [item, item], [one for one in images if one])

    (entry,) = [one for one in joined.data["manifests"] if one["platform"]["os"] == "windows"]
    assert entry["platform"].get("os.version") == expected
    assert entry["digest"] == image.digest
    assert store.manifests


def _item(platform: str) -> ReleaseItem:
    return ReleaseItem(
        target="x",
        fingerprint=fingerprint("x", "1"),
        repository=REPOSITORY,
        version_tags=(),
        floating_tags=(),
        platforms=(platform,),
        tests=(),
        bases={},
    )


def test_a_target_with_only_a_shared_tag_has_a_repository() -> None:
    """It is staged in the repository of that tag, or in the first of its repositories."""
    assert ResolvedPlan(plan_of(WINDOWS), {}).staging == {"x": REPOSITORY}
    named = WINDOWS.replace(f'"{REPOSITORY}:1"', '"1"') + "    repositories: [r.example/a, b/c]\n"
    assert ResolvedPlan(plan_of(named), {}).staging == {"x": "r.example/a"}


def test_a_preview_lists_composed_images(world: World) -> None:
    """A dry run lists the tags of indexes and platforms, and writes nothing."""
    publish(world, ONE)
    registries: Any = ModelRegistries(world.model)
    registries.denied = ()
    actor = Actor(task=replace(TWO, content="1"), registries=registries, name="preview")
    before = list(world.model.writes)

    found = preview(replace(actor.request(), preview=True), registries, Silent())

    rows = {target.target: target for target in found.targets}
    joined = rows["index of a-1, a-2"]
    assert (joined.state, joined.create) == ("compose", (f"{STAGING}:all-2", f"{COPY}:all-2"))
    assert joined.move == ()  # the images are those of version 1
    assert rows["a-1 (linux/amd64)"].create == (f"{COPY}:1-amd64-2",)
    assert rows["a-1"].state == "reuse"
    assert world.model.writes == before
