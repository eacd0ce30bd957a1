"""Push images of one existing layer per platform, without an engine."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from support.registry import CONFIG, INDEX, LAYER, MANIFEST, Json, Registry


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings that a container of the image starts with."""

    environment: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()


def compress(tar: Path, layer: Path) -> None:
    """Compress a tar file to a layer, reproducibly, and delete the tar file."""
    with (
        tar.open("rb") as plain,
        layer.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=file, mtime=0) as zipped,
    ):
        shutil.copyfileobj(plain, zipped, 1 << 20)
    tar.unlink()


def push(
    registry: Registry,
    repository: str,
    tag: str,
    layers: Mapping[str, Path],
    settings: Settings,
) -> None:
    """Push an index with one image per architecture."""
    entries = [
        {
            **registry.put_manifest(
                repository, "", _image(registry, repository, arch, layer, settings)
            ),
            "platform": {"os": "linux", "architecture": arch},
        }
        for arch, layer in layers.items()
    ]
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
    registry.put_manifest(repository, tag, index)


def _image(
    registry: Registry, repository: str, architecture: str, layer: Path, settings: Settings
) -> Json:
    environment = [f"{key}={value}" for key, value in settings.environment.items()]
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {"Env": environment, "Cmd": list(settings.command)},
        "rootfs": {"type": "layers", "diff_ids": [_plain_digest(layer)]},
        "history": [{"created_by": "a stand-in made for tests"}],
    }
    return {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {
            "mediaType": CONFIG,
            **registry.put_blob(repository, json.dumps(config).encode()),
        },
        "layers": [{"mediaType": LAYER, **registry.put_blob(repository, layer.read_bytes())}],
    }


def _plain_digest(layer: Path) -> str:
    digest = hashlib.sha256()
    with gzip.open(layer) as plain:
        while chunk := plain.read(1 << 20):
            digest.update(chunk)
    return f"sha256:{digest.hexdigest()}"
