"""`reproducible: true`: two builders with empty caches make images with the same digests."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

import pytest
from support import command, daemon
from support.engine import Engine
from support.provided import provided


pytestmark = [pytest.mark.engine, pytest.mark.slow]

MATRIX = """\
variables: {REGISTRY: "", V: "1"}
defaults:
  platforms: [linux/amd64]
  tags: ["${REGISTRY}/REPOSITORY:{{ image }}-${V}"]
  reproducible: true
images:
  base: {template: base.j2}
  app: {template: app.j2, from: base}
  plain: {template: base.j2, reproducible: false, attest: ["type=provenance,disabled=true"]}
publish: {version: "${V}"}
"""
BASE = """\
FROM python:3.11-slim-bookworm
ARG SOURCE_DATE_EPOCH
COPY made /opt/made
RUN mkdir -p /opt/a && echo {{ image }} > /opt/a/b && date > /dev/null
"""
APP = """\
FROM {{ parent }}
ARG SOURCE_DATE_EPOCH
RUN pip install --no-cache-dir uvicorn==0.39.0
"""


def digests(folder: Path, env: Mapping[str, str], registry: str) -> dict[str, str]:
    """Publish all images; return their digests."""
    variables = {**os.environ, **env, "REGISTRY": registry}
    published = command.call(folder, "publish", "--format", "json", env=variables)
    return {row["target"]: row["digest"] for row in json.loads(published.stdout)["targets"]}


def test_two_builders_make_the_same_images(engine: Engine, tmp_path: Path) -> None:
    """Times of files, Python's bytecode and the parent's layers are equal, unless it is off."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "made").write_text("1")
    (tmp_path / "templates/base.j2").write_text(BASE)
    (tmp_path / "templates/app.j2").write_text(APP)
    repository = f"same-{uuid.uuid4().hex[:12]}"
    (tmp_path / "matrix.yaml").write_text(MATRIX.replace("REPOSITORY", repository))
    command.call(tmp_path)

    first = digests(tmp_path, engine.env, engine.registry)
    created = engine.config(repository, "app-1")["created"]
    os.utime(tmp_path / "made", (time.time(), time.time()))
    with provided(daemon.running) as other:
        second = digests(tmp_path, other.env, other.registry.address)

    assert first["base"] == second["base"]
    assert first["app"] == second["app"]
    assert first["plain"] != second["plain"]
    assert created == "1980-01-02T00:00:00Z"
