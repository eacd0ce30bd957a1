"""A base image of a few megabytes that can run `sh` and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from support.engine import Engine


DOCKERFILE = """\
FROM python:3.11-slim-bookworm AS python
RUN mkdir -p /minimal/bin && cp -L --parents $(ldd /bin/sh | grep -o '/[^ ]*') /minimal
RUN cp -L /bin/sh /minimal/bin/
FROM scratch
COPY --from=python /minimal /
"""


def push(
    engine: Engine, folder: Path, names: Sequence[str], env: Mapping[str, str] | None = None
) -> None:
    """Build the image and push it under these names; the engine's own image store stays empty."""
    file = folder / "minimal.Dockerfile"
    file.write_text(DOCKERFILE)
    output = f'--output=type=image,push=true,store=false,"name={",".join(names)}"'
    engine.docker("buildx", "build", "--provenance=false", output, "--file", file, folder, env=env)
    file.unlink()
