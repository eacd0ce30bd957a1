"""The versions of buildx that a bake file must suit: a new one, the oldest, and one on ARM."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from support import emulation, packages


# Debian's suite with buildx 0.13.1, the oldest that is promised; and the one with a present Docker.
OLDEST = "trixie"
NEWEST = "forky"

DOCKER = (
    "containerd",
    "docker-buildx",
    "docker-cli",
    "docker-registry",
    "docker.io",
    "tini-static",
)
PLUGIN = Path("usr", "libexec", "docker", "cli-plugins", "docker-buildx")


def docker() -> Path:
    """Give the folder that holds Debian's newest Docker, its registry and its buildx."""
    return packages.unpacked("docker", NEWEST, DOCKER)


def buildx_new() -> Path:
    """Give a present buildx, which runs alone too: the user's own if there is one."""
    return own_buildx() or docker() / PLUGIN


def buildx_old() -> Path:
    """Give buildx 0.13.1, enough for `bake --print`."""
    return packages.unpacked("docker-buildx", OLDEST, ["docker-buildx"]) / PLUGIN


def buildx_arm64() -> list[str]:
    """Give the command of a present buildx as it is on ARM; elsewhere it runs emulated."""
    if packages.native() == "arm64":
        return [str(docker() / PLUGIN)]
    # It is linked with libc, which it finds below the folder that qemu takes for the root.
    folder = packages.unpacked("docker-buildx", NEWEST, ["docker-buildx", "libc6"], "arm64")
    return [str(emulation.qemu("arm64")), "-L", str(folder), str(folder / PLUGIN)]


def own_buildx() -> Path | None:
    """Give the buildx of the user's own Docker."""
    if not shutil.which("docker"):
        return None
    command = ["docker", "info", "--format", "{{json .ClientInfo.Plugins}}"]
    said = subprocess.run(command, check=False, capture_output=True, text=True).stdout
    try:
        plugins = json.loads(said) or []
    except ValueError:
        return None
    found = [Path(plugin["Path"]) for plugin in plugins if plugin["Name"] == "buildx"]
    return found[0] if found else None
