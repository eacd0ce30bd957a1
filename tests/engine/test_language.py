"""Floating tags, parents, tests and caches with a real BuildKit and registry."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from engine.steps import executed
from support import command
from support.engine import Engine


pytestmark = pytest.mark.engine

MATRIX = """\
variables:
  REGISTRY: nowhere.invalid
  VERSION_TAG: v1
axes:
  job: [one, two]
defaults:
  network: none
  tags: ["${REGISTRY}/{{ image }}:{{ variant }}-${VERSION_TAG}"]
images:
  ground:
    template: ground.j2
    platforms: [linux/amd64, linux/arm64]
    cache: {type: registry, ref: "${REGISTRY}/cache:{{ target }}"}
    tests:
      - test "$(cat /ground)" = {{ job }}
      - |
        for file in /ground /common; do
          test -s $file
        done
  floor:
    from: ground
    template: child.j2
    moving: ["${REGISTRY}/floor:{{ variant }}"]
    aliases: {"${REGISTRY}/floor:latest": {job: two}}
    tests: [test -s /child, '{% if fails %}echo out of paint; false{% endif %}']
    set: {fails: false}
  roof:
    axes: []
    from: {image: floor, with: {job: one}}
    template: child.j2
    tags: ["${REGISTRY}/roof:${VERSION_TAG}"]
"""
GROUND = "FROM busybox:1.36\nRUN echo all > /common\nRUN echo {{ job }} > /ground\n"
CHILD = "FROM {{ parent }}\nRUN echo {{ target }} > /child\n"
LOCAL: Any = {"ONLY_PLATFORM": "local"}
OWN = f"language{os.getpid()}"
"""This run's namespace: a shared engine keeps the images of other runs."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Provide a compiled project of three images that depend on each other."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/ground.j2").write_text(GROUND)
    (tmp_path / "templates/child.j2").write_text(CHILD)
    (tmp_path / "matrix.yaml").write_text(MATRIX)
    compiled(tmp_path)
    return tmp_path


def compiled(folder: Path) -> None:
    """Compile a project."""
    command.call(folder)


def bake(
    engine: Engine, folder: Path, *arguments: str, check: bool = True, **env: str
) -> subprocess.CompletedProcess[str]:
    """Bake with the engine's registry."""
    command = ("buildx", "bake", "--progress=rawjson", *arguments)
    return engine.docker(
        *command, cwd=folder, check=check, env={"REGISTRY": f"{engine.registry}/{OWN}", **env}
    )


def test_only_a_release_moves_floating_tags(engine: Engine, project: Path) -> None:
    """A push does not move floating tags; with MOVING=true it moves all of them."""
    before = set(engine.tags(f"{OWN}/floor"))
    bake(engine, project, "--push", "floor", VERSION_TAG="alice-test", **LOCAL)

    assert set(engine.tags(f"{OWN}/floor")) - before == {"one-alice-test", "two-alice-test"}

    bake(engine, project, "--push", "floor", VERSION_TAG="v2", MOVING="true", **LOCAL)

    assert {"one", "two", "latest"} <= set(engine.tags(f"{OWN}/floor"))
    assert engine.digest(f"{OWN}/floor", "latest") == engine.digest(f"{OWN}/floor", "two-v2")
    assert engine.digest(f"{OWN}/floor", "one") == engine.digest(f"{OWN}/floor", "one-v2")


def test_a_child_uses_the_parent_of_the_same_bake(engine: Engine, project: Path) -> None:
    """A chain of three is built in one bake; each image starts with its parent's layers."""
    bake(engine, project, "--push", "ground-one", "floor-one", "roof", VERSION_TAG="chain", **LOCAL)
    platform = min(engine.index(f"{OWN}/roof", "chain"))
    layers = [
        engine.config(f"{OWN}/{image}", tag, platform)["rootfs"]["diff_ids"]
        for image, tag in (("ground", "one-chain"), ("floor", "one-chain"), ("roof", "chain"))
    ]

    assert layers[1][: len(layers[0])] == layers[0]
    assert layers[2][: len(layers[1])] == layers[1]
    assert len(layers[0]) < len(layers[1]) < len(layers[2])


def test_tests_run_in_the_build_on_every_platform(engine: Engine, project: Path) -> None:
    """`bake test` runs each image's commands once per platform; the next run is cached."""
    engine.docker("buildx", "prune", "--all", "--force")
    first = executed(bake(engine, project, "test").stderr)
    second = executed(bake(engine, project, "test").stderr)
    asked = {step for step in first if step.startswith("[ground-one-test linux/")}

    assert {step.split()[1] for step in asked} == {"linux/amd64", "linux/arm64"}
    assert len([step for step in asked if "RUN test" in step]) == 2
    assert len([step for step in asked if "RUN <<TEST" in step]) == 2
    assert second == []


def test_a_failing_test_fails_the_bake(engine: Engine, project: Path) -> None:
    """The error names the target and the command; tests push nothing."""
    (project / "matrix.yaml").write_text(MATRIX.replace("fails: false", "fails: true"))
    compiled(project)

    failed = bake(engine, project, "test", "--push", check=False, VERSION_TAG="broken", **LOCAL)

    assert failed.returncode != 0
    assert "floor-one-test" in failed.stderr or "floor-two-test" in failed.stderr
    assert "echo out of paint; false" in failed.stderr
    assert "one-broken" not in engine.tags(f"{OWN}/floor")


def test_caches_are_used_only_with_the_variable_cache(engine: Engine, project: Path) -> None:
    """Without CACHE nothing is exported; with it, an empty builder executes no step."""
    arguments = ("ground-one", "--push")
    bake(engine, project, *arguments, VERSION_TAG="plain", **LOCAL)

    assert "ground-one" not in engine.tags(f"{OWN}/cache")

    bake(engine, project, *arguments, VERSION_TAG="write", CACHE="write", **LOCAL)

    assert "ground-one" in engine.tags(f"{OWN}/cache")

    engine.docker("buildx", "prune", "--all", "--force")
    read = bake(engine, project, *arguments, VERSION_TAG="read", CACHE="read", **LOCAL)

    assert executed(read.stderr) == []

    engine.docker("buildx", "prune", "--all", "--force")
    sibling = bake(engine, project, "ground-two", VERSION_TAG="read", CACHE="read", **LOCAL)

    assert [step for step in executed(sibling.stderr) if "echo all" in step] == []
