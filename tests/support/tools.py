"""The buildx versions that a bake file must work with: a current one, the oldest, one for ARM."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from support import emulation, packages


# Debian suites: one has buildx 0.13.1, the oldest supported version, the other a current Docker.
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
    """Return the folder with Debian's newest Docker, its registry and its buildx."""
    return packages.unpacked("docker", NEWEST, DOCKER)


def buildx_new() -> Path:
    """Return the path of a current buildx: the user's own if there is one, otherwise Debian's."""
    return own_buildx() or docker() / PLUGIN


def compose() -> Path:
    """Return the path of Debian's newest Docker Compose."""
    return packages.unpacked("docker-compose", NEWEST, ["docker-compose"]) / PLUGIN.with_name(
        "docker-compose"
    )


def cosign() -> Path:
    """Return the path of Debian's newest cosign."""
    return packages.unpacked("cosign", NEWEST, ["cosign"]) / "usr" / "bin" / "cosign"


def buildx_old() -> Path:
    """Return the path of buildx 0.13.1, which suffices for `bake --print`."""
    return packages.unpacked("docker-buildx", OLDEST, ["docker-buildx"]) / PLUGIN


def buildx_arm64() -> list[str]:
    """Return the command of a current buildx for arm64; other machines emulate it."""
    if packages.native() == "arm64":
        return [str(docker() / PLUGIN)]
    # It needs libc, which qemu finds in the folder that it is given as root.
    folder = packages.unpacked("docker-buildx", NEWEST, ["docker-buildx", "libc6"], "arm64")
    return [str(emulation.qemu("arm64")), "-L", str(folder), str(folder / PLUGIN)]


def own_buildx() -> Path | None:
    """Return the path of the buildx plugin of the user's Docker; None if there is none."""
    if not shutil.which("docker"):
        return None
    command = ["docker", "info", "--format", "{{json .ClientInfo.Plugins}}"]
    output = subprocess.run(command, check=False, capture_output=True, text=True).stdout
    try:
        plugins = json.loads(output) or []
    except ValueError:
        return None
    paths = [Path(plugin["Path"]) for plugin in plugins if plugin["Name"] == "buildx"]
    return paths[0] if paths else None
