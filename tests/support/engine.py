"""A Docker engine with buildx, a registry, and the base images that Dockerfiles here begin with.

For a developer: `python tests/support/engine.py` holds one up until Ctrl-C, and prints what a shell
needs to use it. Tests that run in such a shell use it too, and start at once.
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

from support import daemon, packages
from support.registry import Json, Registry


# Set beside DOCKER_HOST in the shell of a developer who holds an engine up.
HELD = "COMPILE_MATRIX_TEST_REGISTRY"


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A Docker engine and a registry that are there for tests only.

    `env` is the whole environment of a program that is to use it; `registry` its registry, as
    `127.0.0.1:5000`, to be written into tags; `stored` what stands in there.
    """

    env: Mapping[str, str]
    stored: Registry
    folder: Path

    @property
    def registry(self) -> str:
        """Give the address of the registry, as it stands at the beginning of a tag."""
        return self.stored.address

    def docker(
        self,
        *args: str | Path,
        check: bool = True,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run `docker` on it, with more environment if given; what it said is in the error."""
        command = ["docker", *map(str, args)]
        environment = {**self.env, **(env or {})}
        done = subprocess.run(
            command, cwd=cwd, env=environment, check=False, capture_output=True, text=True
        )
        if check and done.returncode:
            raise AssertionError(
                f"{shlex.join(command)} ended with {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done

    def copy(self, source: str, tag: str, *more: str) -> None:
        """Give an image another tag; buildx may give manifests before layers that they share."""
        command = ("buildx", "imagetools", "create", *more, f"--tag={tag}", source)
        for _ in range(4):
            done = self.docker(*command, check=False)
            if "blob unknown" not in done.stderr:
                break
        else:
            done = self.docker(*command, check=False)
        assert not done.returncode, done.stderr

    def platforms(self) -> list[str]:
        """Give the platforms that it builds for and runs, natively or emulated."""
        said = self.docker("buildx", "inspect").stdout
        found = re.search(r"(?m)^Platforms:(.*)$", said)
        return [word.strip(" *") for word in found[1].split(",")] if found else []

    def tags(self, repository: str) -> list[str]:
        """Give the tags of a repository in order; none if there is no such repository."""
        return self.stored.tags(repository)

    def manifest(self, repository: str, tag: str) -> Json:
        """Give the manifest or index of a tag or digest; FileNotFoundError if there is none."""
        return self.stored.manifest(repository, tag)

    def digest(self, repository: str, tag: str) -> str:
        """Give the digest that a tag stands for; FileNotFoundError if there is none."""
        return self.stored.digest(repository, tag)

    def index(self, repository: str, tag: str) -> dict[str, Json]:
        """Give what a tag holds for each platform, as `linux/amd64`; attestations left out."""
        return self.stored.index(repository, tag)

    def config(self, repository: str, tag: str, platform: str = "linux/amd64") -> Json:
        """Give the configuration of the image of one platform: labels, environment, history."""
        return self.stored.config(repository, tag, platform)


@contextlib.contextmanager
def running() -> Iterator[Engine]:
    """Give an engine: one that a developer holds up, the user's own Docker, or a throwaway one.

    The user's own Docker will do if it keeps images as containerd does, for only then it builds
    and pushes several platforms at once; its base images are the real ones, from Docker Hub, and
    the registry beside it is a container. A throwaway one needs root on Debian, and nothing else.
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
    """Return whether `running` gives every process the same engine: the user's, or one held up."""
    return bool(_host())


def _host() -> str:
    """Give the address of the user's own Docker, if it answers and can do what is needed."""
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
    """Run a registry in the user's own Docker, until the end."""
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
    """Hold an engine up until Ctrl-C, or until it is asked to end."""

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
    try:
        _hold()
    except packages.Unavailable as problem:
        sys.exit(f"no engine: {problem}")
