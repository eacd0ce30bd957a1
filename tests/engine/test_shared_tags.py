"""Shared tags and platform tags on a real BuildKit and two real registries."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import command
from support.engine import Engine
from support.killable_registry import KillableRegistry
from support.registry import Registry


pytestmark = pytest.mark.engine

MATRIX = """\
variables: {ONE: one.invalid/x, TWO: two.invalid/x, VERSION: "1.0"}
defaults:
  template: Dockerfile.j2
  repositories: ["${ONE}", "${TWO}"]
  shared: {tags: ["${VERSION}"], moving: [latest]}
images:
  native:
    platforms: [linux/amd64]
    tags: ["${VERSION}-native"]
    platform-tags: {tags: ["${VERSION}-{{ platform.arch }}"], moving: ["{{ platform.arch }}"]}
  cross: {platforms: [linux/arm64], tags: ["${VERSION}-cross"]}
publish: {version: "${VERSION}"}
"""
DOCKERFILE = "FROM scratch\nCOPY said /{{ image }}\n"


@pytest.fixture
def second(registry_program: Path, tmp_path: Path) -> Iterator[Registry]:
    """Provide another registry than that of the engine."""
    served = KillableRegistry(registry_program, tmp_path / "second")
    yield served.registry
    served.close()


def test_forward_and_back(engine: Engine, second: Registry, tmp_path: Path) -> None:
    """An index of two images and a platform tag are released, moved, returned to and pulled."""
    name = f"shared{os.getpid()}/{tmp_path.name}"
    registries = (engine.stored, second)
    one, two = (f"{registry.address}/{name}" for registry in registries)
    folder = tmp_path / "project"
    env = {**engine.env, "ONE": one, "TWO": two}
    (folder / "templates").mkdir(parents=True)
    (folder / "templates/Dockerfile.j2").write_text(DOCKERFILE)
    (folder / "matrix.yaml").write_text(MATRIX)

    def publish(version: str) -> dict[str, str]:
        (folder / "said").write_text(version)
        command.call(folder, env={**env, "VERSION": version})
        words = ("publish", "--version", version, "--format=json")
        record = json.loads(command.call(folder, *words, env=env).stdout)
        targets = {row["target"]: row["platforms"] for row in record["targets"]}
        (index,) = record["indexes"]
        for registry in registries:
            found = registry.index(name, version)
            assert found["linux/amd64"]["digest"] == targets["native"]["linux/amd64"]
            assert found["linux/arm64"]["digest"] == targets["cross"]["linux/arm64"]
            assert registry.digest(name, version) == index["digest"]
            assert registry.digest(name, f"{version}-amd64") == targets["native"]["linux/amd64"]
        return {"latest": index["digest"], "amd64": targets["native"]["linux/amd64"]}

    def check(expected: dict[str, str]) -> None:
        for registry in registries:
            for tag, digest in expected.items():
                assert registry.digest(name, tag) == digest
            repository = f"{registry.address}/{name}"
            for architecture in ("amd64", "arm64"):
                platform, image = f"--platform=linux/{architecture}", f"{repository}:latest"
                engine.docker("pull", "--quiet", platform, image)
                words = ("image", "inspect", platform, "--format={{.Architecture}}", image)
                assert engine.docker(*words).stdout.strip() == architecture
            engine.docker("pull", "--quiet", "--platform=linux/amd64", f"{repository}:amd64")

    first = publish("1.0")
    check(first)
    newer = publish("1.1")
    assert newer != first
    check(newer)
    command.call(folder, "release", "promote", "1.0", env=env)
    check(first)
    shown = command.call(folder, "release", "show", "1.0", env=env).stdout
    assert f"index of native, cross  {first['latest']}" in shown
    assert f"  floating  {two}:latest\n" in shown
