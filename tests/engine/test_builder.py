"""A remote builder: everything is built there, and no other engine is used."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import command, minimal_base, remote
from support.engine import Engine


pytestmark = pytest.mark.engine

MATRIX = """\
variables: {VERSION_TAG: v1, REGISTRY: ""}
axes: {n: [a, b]}
defaults:
  network: none
  tags: ["${REGISTRY}/{{ image }}:{{ variant }}-${VERSION_TAG}"]
images:
  lower:
    template: lower.j2
    tests: ["test -e /content-{{ n }}"]
  upper: {template: upper.j2, from: lower, moving: ["${REGISTRY}/upper:{{ variant }}"]}
publish: {version: "${VERSION_TAG}"}
"""


class RemoteProject:
    """A project, with an environment whose only engine is a remote builder."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder, self.env = folder, env

    def run(self, *arguments: str, code: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command and check its exit code."""
        return command.call(self.folder, *arguments, env={**self.env, **env}, code=code)


@pytest.fixture
def far(engine: Engine, tmp_path: Path) -> Iterator[RemoteProject]:
    """Provide a compiled project; DOCKER_HOST is unreachable, and `far` is a remote builder."""
    registry = f"{engine.registry}/far{os.getpid()}"
    minimal_base.push(engine, tmp_path, [f"{registry}/ground:1"])
    settings = tmp_path / "settings"
    shutil.copytree(engine.env["DOCKER_CONFIG"], settings, symlinks=True)
    env = {
        **engine.env,
        "DOCKER_CONFIG": str(settings),
        "DOCKER_HOST": f"unix://{tmp_path}/nowhere.sock",
        "REGISTRY": registry,
    }
    folder = tmp_path / "project"
    (folder / "templates").mkdir(parents=True)
    lower = f"FROM {registry}/ground:1\nCOPY content /content-{{{{ n }}}}\n"
    (folder / "templates/lower.j2").write_text(lower)
    (folder / "templates/upper.j2").write_text("FROM {{ parent }}\nCOPY content /upper\n")
    (folder / "content").write_text("1")
    (folder / "matrix.yaml").write_text(MATRIX)
    with remote.served(engine.env["DOCKER_HOST"].removeprefix("unix://")) as address:
        arguments = [
            "docker",
            "buildx",
            "create",
            "--name=far",
            "--driver=remote",
            f"tcp://{address}",
        ]
        subprocess.run(arguments, env=env, check=True, capture_output=True)
        project = RemoteProject(folder, env)
        project.run()
        yield project


def test_a_release_with_a_remote_builder(far: RemoteProject) -> None:
    """Images are built, tested and pushed there; the next version needs no builder."""
    first = json.loads(far.run("publish", "--builder=far", "--format=json").stdout)
    assert {row["state"] for row in first["targets"]} == {"built"}
    assert len(first["targets"]) == 4
    second = json.loads(far.run("publish", "--format=json", VERSION_TAG="v2").stdout)
    assert {row["state"] for row in second["targets"]} == {"reused"}
    assert [row["digest"] for row in second["targets"]] == [
        row["digest"] for row in first["targets"]
    ]

    (far.folder / "content").write_text("2")
    stderr = far.run("publish", code=1, VERSION_TAG="v3").stderr
    assert "docker buildx bake failed: " in stderr
    assert "nowhere.sock" in stderr


def test_a_warning_of_every_batch_is_shown_once(far: RemoteProject) -> None:
    """Without an output, bake warns in every batch that images stay in the builder's cache."""
    stderr = far.run("build", "--builder=far", "--part=1").stderr

    assert stderr.count("warning: ") == 1
    assert "warning: a builder with the remote driver keeps images only in its cache" in stderr
    assert "warning: " not in far.run("build", "--builder=far", "--push").stderr
