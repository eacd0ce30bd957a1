"""Locked base images, with a real BuildKit and a registry whose tags move."""

import subprocess
import uuid
from pathlib import Path

import pytest
from support import command
from support.engine import Engine


pytestmark = pytest.mark.engine

MATRIX = """\
axes:
  job: [one, two]
defaults:
  template: job.j2
  platforms: [linux/amd64, linux/arm64]
images:
  lower:
    tags: ["{registry}/{own}/lower:{{{{ variant }}}}"]
  upper:
    template: upper.j2
    from: lower
    tags: ["{registry}/{own}/upper:{{{{ variant }}}}"]
  other:
    axes: []
    template: other.j2
    tags: ["{registry}/{own}/other:1"]
    args: {{BASE: "{registry}/{own}/base:1", TAG: "1"}}
    contexts: {{tool: "docker-image://{registry}/{own}/tool:1"}}
"""
JOB = "FROM {registry}/{own}/base:1\nRUN echo {{{{ job }}}} > /job\n"
UPPER = "FROM {{ parent }}\nRUN echo {{ target }} > /upper\n"
OTHER = """\
ARG BASE
ARG TOOL={registry}/{own}/tool:1
ARG TAG=none
FROM $BASE AS args
FROM ${{TOOL}} AS default
FROM {registry}/{own}/base:${{TAG}}
COPY --from={registry}/{own}/tool:1 /etc/hostname /copied
COPY --from=tool /etc/hostname /context
COPY --from=args /etc/hostname /args
COPY --from=default /etc/hostname /default
RUN --mount=type=bind,from={registry}/{own}/tool:1,target=/mnt test -e /mnt/etc
"""


class Project:
    """A project with two base images of its own in the registry."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine, self.folder, self.own = engine, folder, f"lock-{uuid.uuid4().hex[:12]}"
        (folder / "templates").mkdir()
        for name, text in (
            ("matrix.yaml", MATRIX),
            ("templates/job.j2", JOB),
            ("templates/other.j2", OTHER),
        ):
            text_ = text.format(registry=engine.registry, own=self.own)
            (folder / name).write_text(text_)
        (folder / "templates/upper.j2").write_text(UPPER)
        self.move("base", "3.11")
        self.move("tool", "3.11", "--annotation", "index:tool=yes")  # for arm64, too

    def image(self, name: str) -> str:
        """Return the full name of a base image."""
        return f"{self.engine.registry}/{self.own}/{name}:1"

    def move(self, name: str, python: str, *more: str) -> str:
        """Move a base image's tag to a Python image; return its digest."""
        source = f"{self.engine.registry}/library/python:{python}-slim-bookworm"
        self.engine.copy(source, self.image(name), *more)
        return self.engine.digest(f"{self.own}/{name}", "1")

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run compile-matrix in the project."""
        return command.call(self.folder, *arguments, env=self.engine.env, code=code)

    def lock(self) -> str:
        """Return the content of matrix.lock."""
        return (self.folder / "matrix.lock").read_text()

    def generated(self, name: str) -> str:
        """Return a target's Dockerfile."""
        return (self.folder / f"dockerfiles/{name}.Dockerfile").read_text()

    def bake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Bake for this machine's platform, and push."""
        return self.engine.docker(
            "buildx", "bake", "--push", *arguments, cwd=self.folder, env={"ONLY_PLATFORM": "local"}
        )

    def layers(self, repository: str, tag: str) -> list[str]:
        """Return the layers of an image in the registry."""
        platform = min(self.engine.index(repository, tag))
        found = self.engine.config(repository, tag, platform)["rootfs"]["diff_ids"]
        return [*map(str, found)]


@pytest.fixture
def project(engine: Engine, tmp_path: Path) -> Project:
    """Provide a project whose base images are not locked yet."""
    return Project(engine, tmp_path)


def test_an_image_is_built_from_its_locked_base(project: Project) -> None:
    """After the tag has moved, the image is still built from the locked digest."""
    digest = project.engine.digest(f"{project.own}/base", "1")
    locked = project.run("lock")
    layers = project.layers(f"{project.own}/base", "1")

    assert f"{project.image('base')}: locked at {digest}" in locked.stdout
    assert "2 base images: matrix.lock written" in locked.stdout
    assert "2/2 " in locked.stderr
    assert f"digest: {digest}\n    platforms: [linux/amd64, linux/arm64]\n" in project.lock()

    project.run("--locked")

    assert f"FROM {project.image('base')}@{digest}\n" in project.generated("lower-one")
    assert "@" not in project.generated("upper-one")
    assert "up to date" in project.run("--check", "--locked").stdout
    assert "matrix.lock up to date" in project.run("lock").stdout

    moved = project.move("base", "3.13")
    project.bake("lower-one")

    assert moved != digest
    assert project.layers(f"{project.own}/lower", "one")[: len(layers)] == layers
    assert project.layers(f"{project.own}/base", "1") != layers


def test_every_reference_to_an_image_is_pinned(project: Project) -> None:
    """ARG, args, COPY, mounts and contexts get digests, and BuildKit accepts all of them."""
    project.run("lock")
    project.run("--locked")
    text = project.generated("other")
    base = f"@{project.engine.digest(f'{project.own}/base', '1')}"
    tool = f"@{project.engine.digest(f'{project.own}/tool', '1')}"
    bake = (project.folder / "docker-bake.hcl").read_text()

    assert f"ARG TOOL={project.image('tool')}{tool}\n" in text
    assert "FROM $BASE AS args\n" in text
    assert f"/base:${{TAG}}{base}\n" in text
    assert f"COPY --from={project.image('tool')}{tool} /etc" in text
    assert f"from={project.image('tool')}{tool},target" in text
    assert f'"{project.image("base")}{base}"' in bake
    assert f'"docker-image://{project.image("tool")}{tool}"' in bake

    project.bake("other")

    assert project.engine.tags(f"{project.own}/other") == ["1"]


def test_a_moved_base_is_reported_and_upgraded_on_request(project: Project) -> None:
    """`--check` lists the targets and their dependents; only `--upgrade` changes the lock."""
    project.run("lock")
    project.run()
    before, old = project.lock(), project.engine.digest(f"{project.own}/base", "1")

    assert "2 base images: up to date" in project.run("lock", "--check").stdout

    new = project.move("base", "3.11", "--annotation", "index:moved=yes")
    stdout = project.run("lock", "--check", code=1).stdout

    assert f"{project.image('base')}: changed from {old} to {new}\n" in stdout
    assert "  used by lower-one, lower-two, other\n  dependents: upper-one, upper-two\n" in stdout
    assert project.image("tool") not in stdout
    assert project.lock() == before
    assert (
        "1 base image: up to date" in project.run("lock", "--check", project.image("tool")).stdout
    )

    project.run("lock")
    project.run("lock", "--upgrade", "*/tool:*")

    assert project.lock() == before

    stdout = project.run(
        "lock", "--upgrade", f"{project.engine.registry}/{project.own}/base"
    ).stdout

    assert f"changed from {old} to {new}" in stdout
    assert project.lock() == before.replace(old, new, 1)
    assert "stale" in project.run("--check", code=1).stderr

    project.run()

    assert f"@{new}\n" in project.generated("lower-two")


def test_the_lock_follows_the_matrix(project: Project) -> None:
    """`lock` adds and removes base images; before that, a new one is a warning or an error."""
    project.run("lock")
    kept = project.lock()
    job = project.folder / "templates/job.j2"
    text = job.read_text()
    job.write_text(text.replace("base:1", "base:2"))
    second = f"{project.engine.registry}/{project.own}/base:2"
    project.engine.copy(project.image("tool"), second)

    assert "warning[unlocked-base]" in project.run().stderr
    assert f"FROM {second}\n" in project.generated("lower-one")
    assert f"error[unlocked-base]: {second} is not in" in project.run("--locked", code=1).stderr

    stdout = project.run("lock", "--check", code=1).stdout

    assert f"{second}: not locked\n  used by lower-one, lower-two\n" in stdout
    assert f"{second}: locked at " in project.run("lock").stdout
    assert project.run("--locked").stderr == ""

    job.write_text(text)

    assert f"{second}: locked but no longer used" in project.run("lock", "--check").stdout
    assert f"{second}: removed" in project.run("lock").stdout
    assert project.lock() == kept


def test_a_base_must_have_all_platforms(project: Project) -> None:
    """The error names the image and the platform that it lacks."""
    source = f"{project.engine.registry}/library/python:3.11-slim-bookworm"
    entry = project.engine.index("library/python", "3.11-slim-bookworm")["linux/amd64"]
    plain = f"{source.rpartition(':')[0]}@{entry['digest']}"
    project.run("lock")
    before = project.lock()
    project.engine.copy(plain, project.image("base"), "--prefer-index=false")

    refused = project.run("lock", "--upgrade", code=1).stderr

    message = f"{project.image('base')} does not have the platform linux/arm64 (in lower"
    assert f"error[base-platform]: {message}" in refused
    assert "templates/job.j2:1:6" in refused
    assert project.lock() == before

    # Compiling rejects it as well if the lock was written before.
    lock = before.replace("platforms: [linux/amd64, linux/arm64]", "platforms: [linux/amd64]")
    (project.folder / "matrix.lock").write_text(lock)
    again = project.run(code=1).stderr

    assert "does not have the platform linux/arm64" in again
    assert "matrix.lock:" in again
    assert not (project.folder / "docker-bake.hcl").exists()

    matrix = project.folder / "matrix.yaml"
    matrix.write_text(matrix.read_text().replace(", linux/arm64]", "]"))
    project.run("lock", "--upgrade")
    project.run("--locked")

    assert f"digest: {entry['digest']}\n    platforms: [linux/amd64]\n" in project.lock()


def test_a_refreshed_target_has_its_date(project: Project) -> None:
    """`--refresh` writes the date of the selected targets; removed targets lose theirs."""
    project.run("lock")
    plain = project.lock()
    stdout = project.run("lock", "--refresh", "image=lower", "--date", "2026-11-23").stdout

    assert "2 targets refreshed: 2026-11-23" in stdout
    assert (
        project.lock() == f"{plain}refreshed:\n  lower-one: 2026-11-23\n  lower-two: 2026-11-23\n"
    )

    project.run("lock", "--refresh", "lower-two", "--date", "2026-12-01")
    matrix = project.folder / "matrix.yaml"
    matrix.write_text(matrix.read_text().replace("job: [one, two]", "job: [two]"))
    project.run("lock")

    assert project.lock().endswith("\nrefreshed:\n  lower-two: 2026-12-01\n")


def test_a_failed_lookup_quotes_docker(project: Project) -> None:
    """A missing tag and an unreachable registry are both reported; nothing is written."""
    job = project.folder / "templates/job.j2"
    job.write_text(
        job.read_text().replace("base:1", "base:gone") + "COPY --from=127.0.0.1:1/x / /\n"
    )
    refused = project.run("lock", code=1).stderr

    assert "error[cannot-resolve]: " in refused
    assert "base:gone: not found" in refused
    assert "connection refused" in refused
    assert "templates/job.j2:3:" in refused
    assert not (project.folder / "matrix.lock").exists()
