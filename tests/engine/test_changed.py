"""Images that a registry contains under their fingerprints are up to date."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

from support import command
from support.engine import Engine


MATRIX = """\
variables: {{REGISTRY: {registry}, VERSION: v1}}
axes:
  size: [big, small]
images:
  box:
    template: box.j2
    context: box
    labels: {{version: "${{VERSION}}"}}
    tags: ["${{REGISTRY}}/box:{{{{ size }}}}-${{VERSION}}"]
  lid:
    template: lid.j2
    from: box
    tags: ["${{REGISTRY}}/lid:{{{{ size }}}}-${{VERSION}}"]
"""


def listed(engine: Engine, folder: Path, **environment: str) -> dict[str, dict[str, Any]]:
    """Return the targets that `changed --against registry` lists, by name."""
    arguments = ["changed", "--against", "registry", "--format", "json"]
    done = subprocess.run(
        [sys.executable, "-m", "compiler", *arguments],
        cwd=folder,
        env={**engine.env, **environment},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return {one["target"]: one for one in json.loads(done.stdout)}


def test_staged_targets_are_not_listed(engine: Engine, tmp_path: Path) -> None:
    """An image is found by its fingerprint, independent of the version."""
    registry = f"{engine.registry}/{uuid.uuid4().hex}"
    for name, text in {
        "matrix.yaml": MATRIX.format(registry=registry),
        "templates/box.j2": "FROM scratch\nCOPY {{ size }}.txt /\n",
        "templates/lid.j2": "FROM {{ parent }}\nLABEL lid=on\n",
        "box/big.txt": "big",
        "box/small.txt": "small",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    first = listed(engine, tmp_path)

    assert list(first) == ["box-big", "box-small", "lid-big", "lid-small"]
    assert first["box-big"]["reasons"] == [f"{registry}/box has no image with this fingerprint"]
    assert first["box-big"]["downstream"] == ["lid-big"]

    command.call(tmp_path, env=engine.env)
    for name in ("box-big", "box-small", "lid-small"):
        repository = f"{registry}/{first[name]['target'].partition('-')[0]}"
        tag = f"{repository}:fp-{first[name]['fingerprint'].removeprefix('sha256:')}"
        arguments = (f"--set={name}.tags={tag}", f"--set={name}.output=type=registry")
        engine.docker("buildx", "bake", *arguments, name, cwd=tmp_path)

    assert list(listed(engine, tmp_path)) == ["lid-big"]
    assert list(listed(engine, tmp_path, VERSION="v2")) == ["lid-big"]

    (tmp_path / "box/small.txt").write_text("smaller")
    assert list(listed(engine, tmp_path)) == ["box-small", "lid-big", "lid-small"]
