"""A throwaway Docker on loopback: its daemon, its registry and its base images, until the end."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from support import bases, bridge, emulation, packages, registry, tools, undo_log


PATIENCE = 300.0

# Whatever of the user's own would lead a client to another engine, builder or folder.
FOREIGN = ("DOCKER_", "BUILDX_", "BUILDKIT_")


@dataclass(frozen=True, kw_only=True)
class Daemon:
    """Where the throwaway Docker answers, and how a program is led there."""

    env: Mapping[str, str]
    registry: registry.Registry
    folder: Path


@contextlib.contextmanager
def running() -> Iterator[Daemon]:
    """Start it, wait until it answers, and leave the machine as it was at the end.

    Docker Hub's images come from the registry first, where the base images stand. The daemon lives
    in namespaces of its own for processes and mounts: with it, the kernel ends all that it
    started, containers too, and unmounts all that it mounted.
    """
    if os.geteuid():
        raise packages.Unavailable("a throwaway Docker needs root")
    programs = tools.docker() / "usr"
    runc = packages.unpacked("runc", packages.codename(), ["runc"]) / "usr" / "sbin" / "runc"
    with undo_log.opened() as log:
        emulation.enable(log)
        images = bases.storage(programs / "bin" / "docker-registry")
        folder = Path(tempfile.mkdtemp(prefix="compile-matrix-engine-"))
        log.undo_by("rm", "-rf", "--one-file-system", folder)
        registry.copy(images, folder / "registry")
        served, process = registry.serve(
            programs / "bin" / "docker-registry", folder / "registry", folder
        )
        log.ends(process.pid)
        env = client(folder, f"unix://{folder}/docker.sock", tools.docker())
        _start(log, folder, served, programs, runc)
        _wait(env, folder)
        yield Daemon(env=env, registry=served, folder=folder)


def client(folder: Path, host: str, docker: Path | None = None) -> dict[str, str]:
    """Give the environment of a client of that engine: with settings of its own, and buildx.

    The client is the one of the Docker given, else the user's.
    """
    settings = folder / "config"
    (settings / "cli-plugins").mkdir(parents=True)
    (settings / "config.json").write_text(json.dumps(_proxies()))
    (settings / "cli-plugins" / "docker-buildx").symlink_to(tools.buildx_new())
    (folder / "bin").mkdir()
    if docker:
        (folder / "bin" / "docker").symlink_to(docker / "usr" / "bin" / "docker")
    own = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {**own, "DOCKER_HOST": host, "DOCKER_CONFIG": str(settings), "PATH": path}


def _proxies() -> dict[str, object]:
    """Give the client's settings that lead the steps of a build through the machine's proxies."""
    words = ("http", "https", "no")
    found = {
        f"{word}Proxy": value
        for word in words
        if (value := os.environ.get(f"{word}_proxy") or os.environ.get(f"{word.upper()}_PROXY"))
    }
    return {"proxies": {"default": found}} if found else {}


def _start(
    log: undo_log.UndoLog,
    folder: Path,
    served: registry.Registry,
    programs: Path,
    runc: Path,
) -> None:
    log.undo_by("sh", "-c", f"find /sys/fs/cgroup -depth -path '*/{log.name}*' -type d -delete")
    # Folders that dockerd makes wherever its own are.
    for name in ("containerd", "containerd/s", "docker", "docker/plugins"):
        if not Path("/run", name).exists():
            log.undo_by("rmdir", f"/run/{name}")
    settings = {
        "bridge": bridge.build(log),
        "cgroup-parent": f"/{log.name}",
        "data-root": str(folder / "data"),
        "exec-opts": ["native.cgroupdriver=cgroupfs"],
        "exec-root": str(folder / "exec"),
        "features": {"containerd-snapshotter": True},
        "hosts": [f"unix://{folder}/docker.sock"],
        "init-path": str(programs / "bin" / "tini-static"),
        "insecure-registries": ["127.0.0.0/8"],
        "ip6tables": False,
        # The bridge has its rules already, which are fewer, and gone at the end.
        "iptables": False,
        "pidfile": str(folder / "docker.pid"),
        "registry-mirrors": [f"http://{served.address}"],
        # At the end nothing in a container is worth waiting for.
        "shutdown-timeout": 2,
    }
    (folder / "daemon.json").write_text(json.dumps(settings))
    path = f"{programs / 'bin'}:{programs / 'sbin'}:{runc.parent}:{os.environ['PATH']}"
    env = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    for name in ("no_proxy", "NO_PROXY"):
        env[name] = ",".join(word for word in (env.get(name), "127.0.0.1") if word)
    alone = ["unshare", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child=SIGTERM"]
    command: list[str | Path] = [*alone, programs / "bin" / "tini-static", "--"]
    command += [programs / "sbin" / "dockerd", "--config-file", folder / "daemon.json"]
    process = undo_log.start(command, folder / "dockerd.log", {**env, "PATH": path})
    log.ends(process.pid)
    log.ends(undo_log.child(process.pid))


def _wait(env: Mapping[str, str], folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        asked = subprocess.run(["docker", "version"], env=env, check=False, capture_output=True)
        if not asked.returncode:
            return
        time.sleep(0.1)
    log = (folder / "dockerd.log").read_text()
    raise packages.Unavailable(f"dockerd does not answer: {log[-3000:]}")
