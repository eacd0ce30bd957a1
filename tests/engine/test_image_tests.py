"""Tests of an image without a shell, and commands with mounts, as BuildKit runs them."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from pathlib import Path

import pytest
from support import command, minimal_base
from support.engine import Engine


pytestmark = pytest.mark.engine

MATRIX = """\
variables: {V: "1"}
defaults: {network: none}
images:
  bare:
    template: bare.j2
    tags: ["REPOSITORY:bare-${V}"]
    tests:
      files: [/etc/app config, /link]
      labels: {team: core}
      user: "65532"
      entrypoint: [/etc/app config, -v]
      size: 1MB
  full:
    template: full.j2
    tags: ["REPOSITORY:full-${V}"]
    secret: ["id=token,env=TOKEN"]
    tests:
      shell:
        - {run: test "$(cat /token)" = x, mount: "type=secret,id=token,target=/token"}
        - test ! -e /.compile-matrix
      files: /bin/sh
publish: {version: "${V}"}
"""
BARE = """\
FROM scratch
COPY content ["/etc/app config"]
LABEL team=core
USER 65532
ENTRYPOINT ["/etc/app config", "-v"]
"""


@pytest.fixture(scope="module")
def folder(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Provide a compiled project."""
    folder = tmp_path_factory.mktemp("tested")
    repository = f"{engine.registry}/tested-{uuid.uuid4().hex[:12]}/a"
    minimal_base.push(engine, folder, [f"{repository}:base"])
    (folder / "templates").mkdir()
    bare = BARE.replace("COPY content ", "COPY ").replace('["', '["content", "', 1)
    (folder / "templates/bare.j2").write_text(f"{bare}COPY --link content /link\n")
    (folder / "templates/full.j2").write_text(f"FROM {repository}:base\n")
    (folder / "content").write_text("1")
    (folder / "matrix.yaml").write_text(MATRIX.replace("REPOSITORY", repository))
    command.call(folder)
    return folder


def run(
    engine: Engine, folder: Path, *arguments: str, code: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run a command with the token that a test of the image needs."""
    return command.call(folder, *arguments, env={**engine.env, "TOKEN": "x"}, code=code)


def test_bake_runs_the_steps(engine: Engine, folder: Path) -> None:
    """A plain bake tests files without a shell, and gives a command its secret."""
    engine.docker("buildx", "bake", "test", cwd=folder, env={**os.environ, "TOKEN": "x"})


def test_a_failure_names_target_and_line(engine: Engine, folder: Path) -> None:
    """A missing file, and a secret with another value, are located in matrix.yaml."""
    text = (folder / "matrix.yaml").read_text()
    (folder / "matrix.yaml").write_text(text.replace("/link]", "/lost]").replace("= x", "= y"))
    command.call(folder)

    built = run(engine, folder, "build", "--test-only", code=1)
    failed = run(engine, folder, "publish", code=1)
    (folder / "matrix.yaml").write_text(text)
    command.call(folder)

    for place in ("matrix.yaml:8", "matrix.yaml:19"):
        assert place in built.stdout
        assert f"({place})" in failed.stderr


def test_publish_reads_the_configuration(engine: Engine, folder: Path) -> None:
    """Labels, user, entry point and size of the real image pass; another user does not."""
    text = (folder / "matrix.yaml").read_text()
    (folder / "matrix.yaml").write_text(text.replace('user: "65532"', "user: root"))
    command.call(folder)
    failed = run(engine, folder, "publish", code=1)
    (folder / "matrix.yaml").write_text(text)
    command.call(folder)

    published = run(engine, folder, "publish", "--format", "json")

    assert "bare: its tests failed: the user is '65532' instead of 'root' (matrix.yaml:10)" in (
        failed.stderr
    )
    assert len(json.loads(published.stdout)["targets"]) == 2
