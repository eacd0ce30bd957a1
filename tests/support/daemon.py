"""Run a throwaway Docker on loopback: its daemon, its registry and its base images."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from support import bases, bridge, emulation, go_programs, packages, registry, tools, undo_log


PATIENCE = 300.0

# Prefixes of variables that would lead a client to an engine, builder or folder of the user.
FOREIGN = ("DOCKER_", "BUILDX_", "BUILDKIT_")

# The command with which Docker asks a plugin what it is.
METADATA = "docker-cli-plugin-metadata"

# Available memory in bytes from which the daemon keeps its data in memory.
ROOMY = 12 << 30


@dataclass(frozen=True, kw_only=True)
class Daemon:
    """A running daemon: the environment of its clients, its registry and its folder."""

    env: Mapping[str, str]
    registry: registry.Registry
    folder: Path


@contextlib.contextmanager
def running() -> Iterator[Daemon]:
    """Start the daemon, wait until it answers, and restore the machine at the end.

    Images of Docker Hub come from the registry first, which contains the base images. The daemon
    has its own PID and mount namespaces: when it ends, the kernel also ends every process that it
    started, containers included, and unmounts everything that it mounted.
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
    """Return the environment of a client of an engine, with settings of its own and with buildx.

    Args:
        folder: the folder for the client's settings.
        host: the address of the engine.
        docker: the unpacked Docker whose client is used; by default the one in PATH.
    """
    settings = folder / "config"
    (settings / "cli-plugins").mkdir(parents=True)
    (settings / "config.json").write_text(json.dumps(_proxies()))
    _write_plugin(settings / "cli-plugins" / "docker-buildx", tools.buildx_new())
    (folder / "bin").mkdir()
    if docker:
        (folder / "bin" / "docker").symlink_to(docker / "usr" / "bin" / "docker")
    own = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {**own, "DOCKER_HOST": host, "DOCKER_CONFIG": str(settings), "PATH": path}


def _write_plugin(file: Path, buildx: Path) -> None:
    """Write the plugin: buildx, except that a text answers Docker's question what it is.

    Docker asks before each command, and buildx takes as long to answer as to run a short command.
    """
    command = [str(buildx), METADATA]
    metadata = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    file.write_text(
        f'#!/bin/sh\n[ "$1" = {METADATA} ] || exec {shlex.quote(str(buildx))} "$@"\n'
        f"printf %s {shlex.quote(metadata)}\n"
    )
    file.chmod(0o755)


def _proxies() -> dict[str, object]:
    """Return the client settings that make build steps use the machine's proxies."""
    proxies = {
        f"{kind}Proxy": value
        for kind in ("http", "https", "no")
        if (value := os.environ.get(f"{kind}_proxy") or os.environ.get(f"{kind.upper()}_PROXY"))
    }
    return {"proxies": {"default": proxies}} if proxies else {}


def _start(
    log: undo_log.UndoLog,
    folder: Path,
    served: registry.Registry,
    programs: Path,
    runc: Path,
) -> None:
    log.undo_by("sh", "-c", f"find /sys/fs/cgroup -depth -path '*/{log.name}*' -type d -delete")
    # dockerd creates these folders even where its own are elsewhere.
    for name in ("containerd", "containerd/s", "docker", "docker/plugins"):
        if not Path("/run", name).exists():
            log.undo_by("rmdir", f"/run/{name}")
    settings = {
        "bridge": bridge.build(log),
        # Tests count the steps that run again, so nothing may leave the cache by itself.
        "builder": {"gc": {"enabled": False}},
        "cgroup-parent": f"/{log.name}",
        "data-root": str(folder / "data"),
        "exec-opts": ["native.cgroupdriver=cgroupfs"],
        "exec-root": str(folder / "exec"),
        "features": {"containerd-snapshotter": True},
        "hosts": [f"unix://{folder}/docker.sock"],
        "init-path": str(programs / "bin" / "tini-static"),
        "insecure-registries": ["127.0.0.0/8"],
        "ip6tables": False,
        # The bridge has fewer rules than dockerd would add, and they are deleted at the end.
        "iptables": False,
        "pidfile": str(folder / "docker.pid"),
        "registry-mirrors": [f"http://{served.address}"],
        # At the end no container is worth waiting for.
        "shutdown-timeout": 2,
    }
    (folder / "daemon.json").write_text(json.dumps(settings))
    path = f"{programs / 'bin'}:{programs / 'sbin'}:{runc.parent}:{os.environ['PATH']}"
    env = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    for name in ("no_proxy", "NO_PROXY"):
        env[name] = ",".join(word for word in (env.get(name), "127.0.0.1") if word)
    command: list[str | Path] = [
        *("unshare", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child=SIGTERM"),
        *_in_memory(folder / "data"),
        *(programs / "bin" / "tini-static", "--"),
        *(programs / "sbin" / "dockerd", "--config-file", folder / "daemon.json"),
    ]
    process = undo_log.start(
        command, folder / "dockerd.log", {**env, **go_programs.UNTRACED, "PATH": path}
    )
    log.ends(process.pid)
    log.ends(undo_log.child(process.pid))


def _in_memory(folder: Path) -> list[str | Path]:
    """Return a command that runs its arguments with this folder in memory, if there is room.

    An engine writes, links and deletes many thousands of small files, which takes a disk minutes.
    The kernel frees the memory with the mount namespace.
    """
    folder.mkdir()
    found = re.search(r"(?m)^MemAvailable: +(\d+) kB$", Path("/proc/meminfo").read_text())
    if found is None or int(found[1]) << 10 < ROOMY:
        return []
    mount = f"mount -t tmpfs -o size=100% tmpfs {shlex.quote(str(folder))}"
    return ["sh", "-c", f'{mount} && exec "$@"', "sh"]


def _wait(env: Mapping[str, str], folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        asked = subprocess.run(["docker", "version"], env=env, check=False, capture_output=True)
        if not asked.returncode:
            return
        time.sleep(0.1)
    log = (folder / "dockerd.log").read_text()
    raise packages.Unavailable(f"dockerd does not answer: {log[-3000:]}")
