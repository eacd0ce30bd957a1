"""Existing Dockerfiles, used unchanged: their images are pinned by named contexts."""

import uuid
from pathlib import Path

import pytest
from support import command
from support.engine import Engine


pytestmark = pytest.mark.engine

MATRIX = """\
defaults: {{platforms: [linux/amd64, linux/arm64]}}
images:
  hub:
    dockerfile: Dockerfile-hub
    tags: ["{registry}/{own}/hub:1"]
    tests: ["test -e /context"]
  own:
    dockerfile: docker/own.Dockerfile
    tags: ["{registry}/{own}/own:1"]
"""
HUB = "ARG TAG=3.11-slim-bookworm\nFROM python:${TAG}\nCOPY here /context\n"
OWN = (
    "FROM docker.io/library/python:3.11-slim-bookworm\n"
    "COPY --from={registry}/{own}/tool:1 /etc/hostname /x\n"
)
LOCK = """\
version: 1
bases:
  python:3.11-slim-bookworm:
    digest: {python}
    platforms: [linux/amd64, linux/arm64]
  {registry}/{own}/tool:1:
    digest: {tool}
    platforms: [linux/amd64, linux/arm64]
"""


def test_an_existing_dockerfile_is_built_from_its_locked_bases(
    engine: Engine, tmp_path: Path
) -> None:
    """BuildKit uses the locked digests, though the file names tags; the file is not changed."""
    own = f"existing-{uuid.uuid4().hex[:12]}"
    names = {"registry": engine.registry, "own": own}
    newer = f"{engine.registry}/library/python:3.13-slim-bookworm"
    engine.copy(newer, f"{engine.registry}/{own}/tool:1")
    digests = {
        "python": engine.digest("library/python", "3.13-slim-bookworm"),
        "tool": engine.digest(f"{own}/tool", "1"),
    }
    (tmp_path / "docker").mkdir()
    files = {
        "matrix.yaml": MATRIX.format(**names),
        "Dockerfile-hub": HUB,
        "Dockerfile-hub.dockerignore": "*\n!here\n",
        "docker/own.Dockerfile": OWN.format(**names),
        "matrix.lock": LOCK.format(**names, **digests),
        "here": "",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    command.call(tmp_path, "--locked", env=engine.env)

    engine.docker(
        *("buildx", "bake", "--push", "default", "test"),
        cwd=tmp_path,
        env={"ONLY_PLATFORM": "local"},
    )

    def layers(repository: str, tag: str) -> list[str]:
        platform = min(engine.index(repository, tag))
        return [*map(str, engine.config(repository, tag, platform)["rootfs"]["diff_ids"])]

    expected = layers("library/python", "3.13-slim-bookworm")
    for name in ("hub", "own"):
        assert layers(f"{own}/{name}", "1")[: len(expected)] == expected
    for name, text in files.items():
        assert (tmp_path / name).read_text() == text
    assert not (tmp_path / "dockerfiles/hub.Dockerfile").exists()
    assert "up to date" in command.call(tmp_path, "--check", "--locked", env=engine.env).stdout
