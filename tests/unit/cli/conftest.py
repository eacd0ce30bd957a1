"""A small project for the tests of the command line."""

from pathlib import Path

import pytest


MATRIX = """\
variables: {REGISTRY: docker.io/acme, VERSION: v1.0}
axes:
  cuda: [null, 12.8]
  python: [3.9, 3.10]
images:
  server:
    template: Dockerfile.j2
    platforms: [linux/amd64, linux/arm64]
    tags: ["${REGISTRY}/server:{{ variant }}-${VERSION}"]
    moving: ["${REGISTRY}/server:{{ variant }}"]
"""


@pytest.fixture
def small_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a small project, which is the current one."""
    folder = tmp_path / "project"
    (folder / "templates").mkdir(parents=True)
    (folder / "templates/Dockerfile.j2").write_text(
        "FROM python:{{ python }}\nENV CUDA={{ cuda or '' }}\n"
    )
    (folder / "matrix.yaml").write_text(MATRIX)
    monkeypatch.chdir(folder)
    return folder
