"""A base image of a megabyte, in a registry of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from support.engine import Engine


DOCKERFILE = "FROM busybox:1.36\n"


def push(
    engine: Engine, folder: Path, names: Sequence[str], env: Mapping[str, str] | None = None
) -> None:
    """Build the image and push it under these names; the engine's own image store stays empty."""
    file = folder / "minimal.Dockerfile"
    file.write_text(DOCKERFILE)
    output = f'--output=type=image,push=true,store=false,"name={",".join(names)}"'
    engine.docker("buildx", "build", "--provenance=false", output, "--file", file, folder, env=env)
    file.unlink()
