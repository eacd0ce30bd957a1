"""Base images in a mirror, with a real BuildKit that may read them from nowhere else."""

import json
import subprocess
import uuid
from pathlib import Path

import pytest
from support import command
from support.engine import Engine


pytestmark = pytest.mark.engine

MATRIX = """\
variables: {{REGISTRY: "{registry}", OTHER: "{registry}"}}
axes: {{}}
lock: {{mirror: "${{REGISTRY}}/{own}/bases"}}
defaults: {{platforms: [linux/amd64, linux/arm64]}}
images:
  all:
    template: all.j2
    args: {{BASE: "{registry}/{own}/base:1", TAG: RC1}}
    contexts: {{tool: "docker-image://{registry}/{own}/tool"}}
    output: ["type=cacheonly"]
  existing:
    dockerfile: Dockerfile
    output: ["type=cacheonly"]
"""
ALL = """\
ARG BASE
ARG TAG
ARG TOOL={registry}/{own}/tool:latest
FROM $BASE AS args
FROM ${{TOOL}} AS default
FROM {registry}/{own}/base:${{TAG}} AS upper
FROM python:3.11-slim-bookworm
COPY --from={registry}/{own}/tool /etc/hostname /copied
COPY --from=tool /etc/hostname /context
COPY --from=args /etc/hostname /args
COPY --from=default /etc/hostname /default
COPY --from=upper /etc/hostname /upper
RUN --mount=type=bind,from={registry}/{own}/tool:latest,target=/mnt test -e /mnt/etc
"""
EXISTING = (
    "FROM {registry}/{own}/tool:latest\nCOPY --from={registry}/{own}/base:1 /etc/hostname /a\n"
)
HUB = "python:3.11-slim-bookworm"


class Project:
    """A project whose base images are in the registry, and are to be copied to a mirror in it."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine, self.folder, self.own = engine, folder, f"mirror-{uuid.uuid4().hex[:12]}"
        (folder / "templates").mkdir()
        files = {"matrix.yaml": MATRIX, "templates/all.j2": ALL, "Dockerfile": EXISTING}
        for name, text in files.items():
            (folder / name).write_text(text.format(registry=engine.registry, own=self.own))
        hub = f"{engine.registry}/library/{HUB}"
        for tag in ("base:1", "base:RC1", "tool:latest"):
            engine.copy(hub, f"{engine.registry}/{self.own}/{tag}")
        self.hub_digest = engine.digest("library/python", "3.11-slim-bookworm")
        # Docker Hub cannot be reached: its image is locked and copied already.
        self.hub_copy = f"bases/docker.io/library/python:3.11-slim-bookworm-{self.hub_digest[7:19]}"
        engine.copy(hub, f"{engine.registry}/{self.own}/{self.hub_copy}")
        (folder / "matrix.lock").write_text(
            f"version: 1\nbases:\n  {HUB}:\n    digest: {self.hub_digest}\n"
            "    platforms: [linux/amd64, linux/arm64]\n"
        )

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run compile-matrix in the project."""
        return command.call(self.folder, *arguments, env=self.engine.env, code=code)

    def bake(self, *allowed: str, code: int = 0) -> str:
        """Bake everything, with a policy that allows these images only; return the output."""
        rules = [{"action": "DENY", "selector": {"identifier": "docker-image://*"}}] + [
            {"action": "ALLOW", "selector": {"identifier": f"docker-image://{image}"}}
            for image in allowed
        ]
        (self.folder / "policy.json").write_text(json.dumps({"rules": rules}))
        ran = self.engine.docker(
            *("buildx", "bake", "--progress=plain"),
            cwd=self.folder,
            env={"ONLY_PLATFORM": "local", "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY": "policy.json"},
            check=False,
        )
        assert ran.returncode == code, ran.stderr
        return ran.stderr


@pytest.fixture
def project(engine: Engine, tmp_path: Path) -> Project:
    """Provide a project whose mirror is almost empty."""
    return Project(engine, tmp_path)


def test_builds_read_base_images_only_from_the_mirror(project: Project) -> None:
    """`lock` copies what the mirror lacks; every form of a name is then read from there."""
    engine, own = project.engine, project.own
    mirror = f"{engine.registry}/{own}/bases"
    host = engine.registry.replace(":", "_")

    locked = project.run("lock")
    project.run("--locked")

    assert f"{engine.registry}/{own}/base:1: copied to {mirror}/{host}/{own}/base:1-" in (
        locked.stdout
    )
    assert "copying 3 images" in locked.stderr  # the fourth is there already
    index = engine.index(f"{own}/bases/{host}/{own}/tool", f"latest-{project.hub_digest[7:19]}")
    assert sorted(index) == ["linux/amd64", "linux/arm64"]
    assert "copied" not in project.run("lock").stdout
    assert json.loads(project.run("lock", "--format=json").stdout)["copied"] == {}
    text = (project.folder / "dockerfiles/all.Dockerfile").read_text()
    assert f"FROM {HUB}@{project.hub_digest}\n" in text

    project.bake(f"{mirror}/*")
    assert "denied by policy" in project.bake(f"{engine.registry}/{own}/base:*", code=1)

    assert "up to date" in project.run("--check", "--locked").stdout
    assert project.run("lock", "--check", f"{engine.registry}/*").returncode == 0


def test_a_copy_is_made_again_in_another_registry(project: Project, engine: Engine) -> None:
    """Without a change of matrix.lock, `lock` fills the mirror that the environment names."""
    project.run("lock")
    before = (project.folder / "matrix.lock").read_text()
    matrix = project.folder / "matrix.yaml"
    matrix.write_text(matrix.read_text().replace("/bases", "/more"))
    engine.copy(
        f"{engine.registry}/{project.own}/{project.hub_copy}",
        f"{engine.registry}/{project.own}/{project.hub_copy.replace('bases/', 'more/')}",
    )

    ran = project.run("lock")

    assert ran.stdout.count("copied to") == 3
    assert "matrix.lock up to date" in ran.stdout
    assert (project.folder / "matrix.lock").read_text() == before


def test_an_image_that_cannot_be_copied_is_an_error(project: Project) -> None:
    """All of them are named, and matrix.lock stays as it was."""
    project.run("lock")
    lock, gone = project.folder / "matrix.lock", f"sha256:{'0' * 64}"
    edited = lock.read_text()
    for tag in ("base:1", "base:RC1"):
        entry = f'/{tag}":\n    digest: '
        assert entry in edited
        edited = edited.replace(f"{entry}{project.hub_digest}", f"{entry}{gone}")
    lock.write_text(edited)

    ran = project.run("lock", code=1)

    assert ran.stderr.count(f"error[missing-image]: {gone} is missing in") == 2
    assert "2 errors; matrix.lock is unchanged" in ran.stderr
    assert lock.read_text() == edited
