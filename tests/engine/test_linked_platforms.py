"""Parents are built for the platforms that their dependents need, and pushed whole."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from support import command
from support.engine import Engine


pytestmark = pytest.mark.engine

MATRIX = """\
variables: {R: localhost:5000/needed}
images:
  base:
    template: base.j2
    tags: ["${R}/base"]
    platforms: [linux/amd64, linux/arm64, linux/s390x, linux/riscv64]
  child:
    template: child.j2
    from: base
    tags: ["${R}/child"]
    platforms: [linux/amd64, linux/arm64]
"""


def test_the_engine_builds_only_what_is_needed(engine: Engine, tmp_path: Path) -> None:
    """A filter and `build` leave platforms of the parent out; a whole bake pushes all of them."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/base.j2").write_text(
        "FROM scratch\nARG TARGETARCH\nCOPY matrix.yaml /$TARGETARCH\n"
    )
    (tmp_path / "templates/child.j2").write_text(
        "FROM {{ parent }}\nARG TARGETARCH\nCOPY matrix.yaml /child-$TARGETARCH\n"
    )
    (tmp_path / "matrix.yaml").write_text(MATRIX.replace("localhost:5000", engine.registry))
    command.call(tmp_path)

    filtered = _bake(engine, tmp_path, ONLY_IMAGE="child")
    assert _platforms(filtered, "base") == {"linux/amd64", "linux/arm64"}
    assert _platforms(filtered, "child") == {"linux/amd64", "linux/arm64"}

    command.call(tmp_path, "build", "image=child", "--push", env=engine.env)
    assert engine.index("needed/child", "latest").keys() >= {"linux/amd64", "linux/arm64"}
    assert "latest" not in engine.tags("needed/base")

    whole = _bake(engine, tmp_path, "--push")
    platforms = {"linux/amd64", "linux/arm64", "linux/s390x", "linux/riscv64"}
    assert _platforms(whole, "base") == platforms
    assert engine.index("needed/base", "latest").keys() >= platforms


def _bake(engine: Engine, folder: Path, *arguments: str, **env: str) -> str:
    """Bake without the cache, and return the progress as JSON lines."""
    done = subprocess.run(
        ["docker", "buildx", "bake", "--progress=rawjson", "--no-cache", *arguments],
        cwd=folder,
        env={**engine.env, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr[-2000:]
    return done.stderr


def _platforms(log: str, target: str) -> set[str]:
    """Return the platforms for which a target was built, by the names of BuildKit's vertexes."""
    names = [
        vertex["name"]
        for line in log.splitlines()
        if line.startswith("{")
        for vertex in json.loads(line).get("vertexes") or ()
    ]
    platforms = set(re.findall(rf"\[{target} (linux/\w+)", "\n".join(names)))
    assert platforms, sorted(set(names))
    return platforms
