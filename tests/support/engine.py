"""Provide a Docker engine with buildx, a registry and the base images of the tests.

Developers can run `python tests/support/engine.py`: it keeps an engine running until Ctrl-C and
prints the environment of a shell that uses it. Tests in such a shell need not start an engine.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from support import daemon, go_programs, packages
from support.registry import Json, Registry


# The registry of a kept engine, in the shell of its developer.
HELD = "COMPILE_MATRIX_TEST_REGISTRY"


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A Docker engine and a registry for tests.

    `env` is the whole environment of its clients. `registry` is the address of its registry, such
    as `127.0.0.1:5000`, with which tags begin; `stored` is the contents of the registry.
    """

    env: Mapping[str, str]
    stored: Registry
    folder: Path

    @property
    def registry(self) -> str:
        """Return the address of the registry, with which tags begin."""
        return self.stored.address

    def docker(
        self,
        *args: str | Path,
        check: bool = True,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run `docker` on this engine; an error contains its output.

        Args:
            args: the arguments.
            check: whether an exit code other than 0 is an error.
            cwd: the current folder.
            env: additional environment variables.
        """
        environment = {**self.env, **go_programs.UNTRACED, **(env or {})}
        command = ["docker", *map(str, args)]
        if command[1] == "buildx":  # the plugin itself starts twice as fast
            plugin = Path(environment["DOCKER_CONFIG"], "cli-plugins", "docker-buildx")
            command[:2] = [str(plugin)]
        done = subprocess.run(
            command, cwd=cwd, env=environment, check=False, capture_output=True, text=True
        )
        if check and done.returncode:
            raise AssertionError(
                f"{shlex.join(command)} ended with {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done

    def copy(self, source: str, tag: str, *more: str) -> None:
        """Copy an image to another tag.

        buildx may push manifests before layers that they share, so an unknown blob is retried.
        """
        command = ("buildx", "imagetools", "create", *more, f"--tag={tag}", source)
        for _ in range(4):
            done = self.docker(*command, check=False)
            if "blob unknown" not in done.stderr:
                break
        else:
            done = self.docker(*command, check=False)
        assert not done.returncode, done.stderr

    def platforms(self) -> list[str]:
        """Return the platforms that the engine builds and runs, natively or emulated."""
        said = self.docker("buildx", "inspect").stdout
        found = re.search(r"(?m)^Platforms:(.*)$", said)
        return [word.strip(" *") for word in found[1].split(",")] if found else []

    def tags(self, repository: str) -> list[str]:
        """Return the sorted tags of a repository; none if the repository does not exist."""
        return self.stored.tags(repository)

    def manifest(self, repository: str, tag: str) -> Json:
        """Return the manifest or index of a tag or digest; see `Registry.manifest`."""
        return self.stored.manifest(repository, tag)

    def digest(self, repository: str, tag: str) -> str:
        """Return the digest of a tag; see `Registry.digest`."""
        return self.stored.digest(repository, tag)

    def index(self, repository: str, tag: str) -> dict[str, Json]:
        """Return the descriptors of a tag by platform; see `Registry.index`."""
        return self.stored.index(repository, tag)

    def config(self, repository: str, tag: str, platform: str = "linux/amd64") -> Json:
        """Return the configuration of the image of one platform; see `Registry.config`."""
        return self.stored.config(repository, tag, platform)


@contextlib.contextmanager
def running() -> Iterator[Engine]:
    """Provide a developer's kept engine, the user's own Docker, or a throwaway one.

    The user's own Docker must use the containerd image store, without which it cannot push several
    platforms at once. Its base images are the real ones from Docker Hub, and its registry runs in a
    container. A throwaway engine needs Debian and root.
    """
    host = _host()
    if host and HELD in os.environ:
        with tempfile.TemporaryDirectory(prefix="compile-matrix-client-") as scratch:
            env = daemon.client(Path(scratch), host)
            stored = Registry(address=os.environ[HELD])
            yield Engine(env=env, stored=stored, folder=Path(scratch))
    elif host:
        with tempfile.TemporaryDirectory(prefix="compile-matrix-client-") as scratch:
            env = daemon.client(Path(scratch), host)
            with _container(env) as stored:
                yield Engine(env=env, stored=stored, folder=Path(scratch))
    else:
        with daemon.running() as own:
            yield Engine(env=own.env, stored=own.registry, folder=own.folder)


def is_shared() -> bool:
    """Return whether `running` provides the same engine to all processes."""
    return bool(_host())


def _host() -> str:
    """Return the address of the user's own Docker; empty if it does not answer or qualify."""
    try:
        said = _said("docker", "info", "--format", "{{json .DriverStatus}}")
        if "io.containerd.snapshotter" not in said:
            return ""
        context = "{{.Endpoints.docker.Host}}"
        return os.environ.get("DOCKER_HOST") or _said(
            "docker", "context", "inspect", "--format", context
        )
    except (OSError, subprocess.CalledProcessError):
        return ""


@contextlib.contextmanager
def _container(env: Mapping[str, str]) -> Iterator[Registry]:
    """Run a registry in the user's own Docker."""
    published = ["--publish", "127.0.0.1::5000"]
    name = _said("docker", "run", "--detach", "--rm", *published, "registry:2", env=env)
    try:
        address = _said("docker", "port", name, "5000/tcp", env=env).splitlines()[0]
        yield Registry(address=address)
    finally:
        subprocess.run(
            ["docker", "rm", "--force", "--volumes", name],
            env=env,
            check=False,
            capture_output=True,
        )


def _said(*command: str, env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _hold() -> None:
    """Keep an engine running until SIGINT or SIGTERM."""

    def leave(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)
    with contextlib.suppress(KeyboardInterrupt), running() as engine:
        for name in ("DOCKER_HOST", "DOCKER_CONFIG", "PATH"):
            print(f"export {name}={shlex.quote(engine.env[name])}")  # noqa: T201
        print(f"export {HELD}={engine.registry}", flush=True)  # noqa: T201
        signal.pause()


if __name__ == "__main__":
    go_programs.save_time()
    try:
        _hold()
    except packages.Unavailable as problem:
        sys.exit(f"no engine: {problem}")
