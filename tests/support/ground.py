"""The smallest base image that runs commands: a shell, and no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from support.engine import Engine


DOCKERFILE = """\
FROM python:3.11-slim-bookworm AS python
RUN mkdir -p /ground/bin && cp -L --parents $(ldd /bin/sh | grep -o '/[^ ]*') /ground
RUN cp -L /bin/sh /ground/bin/
FROM scratch
COPY --from=python /ground /
"""


def push(
    engine: Engine, folder: Path, names: Sequence[str], env: Mapping[str, str] | None = None
) -> None:
    """Push it under these names; the engine itself does not keep it."""
    file = folder / "ground.Dockerfile"
    file.write_text(DOCKERFILE)
    output = f'--output=type=image,push=true,store=false,"name={",".join(names)}"'
    engine.docker("buildx", "build", "--provenance=false", output, "--file", file, folder, env=env)
    file.unlink()
