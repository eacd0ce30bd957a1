"""Images of targets without `platforms`, which are built for the platform of the builder."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest
from support import release_actors
from support.model_registry import HOST, ModelRegistries, ModelRegistry, add_index
from support.release_actors import STAGING, Actor, Silent, Task, World, fingerprint, patched
from support.releases import plan_of, request_of

from compiler.external.buildx import builder_platforms
from compiler.output.bake_resolved import ResolvedPlan
from compiler.publish.items import release_items
from compiler.publish.preflight import find_staged_images
from compiler.publish.publish import prepare
from compiler.publish.publish import publish as publish_request
from compiler.publish.request import PublishProgress
from compiler.publish.reusable_image import find_unstaged
from compiler.publish.staged_image import read_image


MATRIX = f"""\
variables: {{V: "1"}}
axes: {{n: [1, 2]}}
images: {{a: {{template: a.j2, tags: ["{HOST}/acme/a:{{{{ n }}}}-${{V}}"]}}}}
publish: {{version: "${{V}}"}}
"""
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
OTHER_NODE = "Name: other\nNodes:\nName: other0\nPlatforms: linux/arm64*, linux/amd64\n"

Machine = Callable[[str], None]


@lru_cache
def resolved(version: str) -> ResolvedPlan:
    """Return the plan of two targets without platforms."""
    return ResolvedPlan(plan_of(MATRIX), {"V": version})


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    """Provide an empty registry, a matrix without platforms, and machines without Docker."""
    monkeypatch.setattr(release_actors, "_resolved", resolved)
    monkeypatch.setenv("PATH", str(tmp_path))
    with patched(World(1)) as found:
        yield found


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Return a function that continues on a machine, and a builder, of an architecture."""

    def move(architecture: str) -> None:
        monkeypatch.setattr(platform, "machine", lambda: MACHINES[architecture])
        for target in release_actors.ARCHITECTURES:
            monkeypatch.setitem(release_actors.ARCHITECTURES, target, architecture)

    return move


def publish(world: World, version: str) -> Actor:
    """Publish a version of the same inputs, which must succeed."""
    (actor,) = world.run(Task(version=version, content="same"))
    assert actor.succeeded, actor.error
    return actor


def platforms(world: World, reference: str) -> list[str]:
    """Return the platforms of an image in the staging repository."""
    image = read_image(ModelRegistries(world.model), STAGING, reference)
    assert image is not None
    return [*image.platforms]


def test_an_image_of_another_architecture_is_not_reused(world: World, machine: Machine) -> None:
    """What an ARM machine has staged is built again on another one, whose release has its own."""
    machine("arm64")
    assert publish(world, "1").built == 2
    assert publish(world, "2").built == 0

    machine("amd64")
    assert publish(world, "3").built == 2
    assert publish(world, "4").built == 0

    assert platforms(world, f"fp-{fingerprint('a-1', 'same')}") == ["linux/amd64"]
    assert [platforms(world, f"1-{version}") for version in "1234"] == [
        *([["linux/arm64"]] * 2),
        *([["linux/amd64"]] * 2),
    ]


def test_a_published_version_keeps_its_images(world: World, machine: Machine) -> None:
    """Version tags are immutable: publishing again on another machine changes nothing."""
    machine("arm64")
    publish(world, "1")
    before = world.model.digest(f"{STAGING}:1-1")

    machine("amd64")

    assert publish(world, "1").built == 0
    assert world.model.digest(f"{STAGING}:1-1") == before


def test_a_run_that_builds_nothing_uses_any_platform(world: World, machine: Machine) -> None:
    """A machine of another architecture may merge the images of platforms."""
    machine("arm64")
    publish(world, "1")
    machine("amd64")
    registries = ModelRegistries(world.model)
    actor = Actor(task=Task(version="2", content="same"), registries=registries, name="merging")

    result = publish_request(replace(actor.request(), merge=True), registries, Silent())

    assert [target.built for target in result.targets] == [False, False]
    assert platforms(world, "1-2") == ["linux/arm64"]


def test_a_remote_builder_decides(
    world: World, machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image for the builder's own platform is reused by a client of another architecture."""
    machine("arm64")
    publish(world, "1")
    program = tmp_path / "bin/docker"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n/bin/cat <<E\n{OTHER_NODE}E\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")

    assert builder_platforms() == {"linux/arm64"}
    assert publish(world, "2").built == 0


class Notes(Silent):
    """A report that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        """Keep a line."""
        self.lines.append(text)


def stage(model: ModelRegistry, *, index: bool) -> None:
    """Stage an image of each architecture, and an index of both; target `a-4` is not staged."""
    for target, architectures in (("a-1", ["amd64"]), ("a-2", ["arm64"]), ("a-3", [*MACHINES])):
        tag = f"fp-{fingerprint(target, 'same')}"
        is_index = index or len(architectures) > 1
        images = {
            name: model.add_image(
                STAGING, f"{target} {name}", *([] if is_index else [tag]), platform=name
            )
            for name in architectures
        }
        if is_index:
            add_index(model, STAGING, images, tag)


@pytest.mark.parametrize("index", [True, False])
@pytest.mark.parametrize(
    ("declared", "here", "reused"),
    [
        ("", "amd64", {"a-1", "a-3"}),
        ("", "arm64", {"a-2", "a-3"}),
        ("linux/amd64", "amd64", {"a-1", "a-3"}),
        ("linux/amd64", "arm64", {"a-1", "a-3"}),
        ("linux/arm64", "amd64", {"a-2", "a-3"}),
        ("linux/amd64, linux/arm64", "amd64", {"a-3"}),
    ],
)
def test_changed_lists_what_publish_builds(
    machine: Machine, declared: str, here: str, reused: set[str], *, index: bool
) -> None:
    """`changed --against registry` and `publish` agree about each staged image."""
    text = MATRIX.replace("[1, 2]", "[1, 2, 3, 4]").replace(
        "template: a.j2", f"template: a.j2, platforms: [{declared}]"
    )
    plan = plan_of(text.replace(f"{HOST}/acme/a", STAGING))
    request = request_of(plan, "1", lambda target: fingerprint(target, "same"))
    model, notes, progress = ModelRegistry(), Notes(), PublishProgress()
    stage(model, index=index)
    machine(here)

    job = prepare(request, ModelRegistries(model), notes)
    find_staged_images(job, progress)
    items = release_items(request.resolved, request.fingerprints, request.dockerfiles)
    unstaged = find_unstaged(ModelRegistries(model), items.values())

    assert {*progress.images} == reused
    assert {*unstaged} == {*items} - reused
    others = {*items} - reused - {"a-4"} if not declared else ()
    assert notes.lines == [
        "note: 1 staged image not reused, because this machine builds for another platform: "
        f"{name} (linux/{'amd64' if name == 'a-1' else 'arm64'})"
        for name in others
    ]
    assert [name for name, reason in unstaged.items() if "this machine builds" in reason] == [
        *others
    ]
    assert unstaged["a-4"] == f"{STAGING} has no image with this fingerprint"
