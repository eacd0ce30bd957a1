"""The unmodified sample with a real BuildKit and registry."""

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from engine.steps import distinct, executed
from support import command
from support.engine import Engine

from compiler.render.build_steps import steps


pytestmark = pytest.mark.engine

PROJECT = Path(__file__).parents[2]
PYTHONS = ("3.9", "3.11", "3.13")
SERVER, TRAINING = "truss-server-base", "truss-training-base"
OWN = f"sample{os.getpid()}"
"""This run's namespace: a shared engine keeps the images of other runs."""
PATIENCE = 300
"""Timeout in seconds, for a busy machine."""
VARIANTS = {
    SERVER: [f"{p}{g}{r}" for p in PYTHONS for g in ("", "-gpu") for r in ("", "-reload")],
    TRAINING: [f"{p}{g}" for p in PYTHONS for g in ("", "-gpu")],
}
ALL = [(repository, variant) for repository, listed in VARIANTS.items() for variant in listed]


@dataclass(frozen=True, kw_only=True)
class Baked:
    """The sample, baked and pushed once for all tests."""

    engine: Engine
    folder: Path
    log: str
    targets: dict[str, Any]

    def image(self, repository: str, variant: str) -> str:
        """Return the tag of a variant."""
        return f"{self.engine.registry}/{OWN}/{repository}:{variant}-v1"

    def run(self, image: str, *command: str, options: tuple[str, ...] = ()) -> str:
        """Run a command in an image and return its output."""
        return self.engine.docker("run", "--rm", *options, image, *command).stdout.strip()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Provide the sample, compiled in its own folder."""
    folder = tmp_path_factory.mktemp("sample")
    for name in ("matrix.yaml", "pyproject.toml", "docker-bake.hcl.j2"):
        (folder / name).write_bytes((PROJECT / name).read_bytes())
    subprocess.run(["cp", "-r", PROJECT / "templates", folder], check=True)
    command.call(folder)
    return folder


@pytest.fixture(scope="module")
def baked(engine: Engine, project: Path) -> Baked:
    """Bake and push all variants of three Pythons for this machine, in one cold bake."""
    env = {
        "REGISTRY": f"{engine.registry}/{OWN}",
        "VERSION_TAG": "v1",
        "ONLY_PYTHON": ",".join(PYTHONS),
        "ONLY_PLATFORM": "local",
    }
    engine.docker("buildx", "prune", "--all", "--force")
    done = engine.docker("buildx", "bake", "--push", "--progress=rawjson", cwd=project, env=env)
    planned = engine.docker("buildx", "bake", "--print", cwd=project, env=env)
    return Baked(
        engine=engine,
        folder=project,
        log=done.stderr,
        targets=json.loads(planned.stdout)["target"],
    )


def test_every_tag_is_in_the_registry(baked: Baked) -> None:
    """One bake pushes all 18 variants, each with its tag, and nothing else."""
    assert len(baked.targets) == 18
    for repository, variants in VARIANTS.items():
        expected = sorted(f"{variant}-v1" for variant in variants)

        assert expected == sorted(baked.engine.tags(f"{OWN}/{repository}"))


def test_shared_steps_are_executed_once(baked: Baked) -> None:
    """BuildKit executes one RUN or COPY step per distinct prefix of instructions."""
    builds = [
        (
            (baked.folder / target["dockerfile"].removeprefix("cwd://")).read_text(),
            target["context"],
        )
        for target in baked.targets.values()
    ]
    names = executed(baked.log)

    assert distinct(builds) == len(names), "\n".join(sorted(names))


def test_the_steps_that_ci_counts_are_those_that_are_executed(baked: Baked) -> None:
    """The number of steps by which `ci` forms shards is that of BuildKit."""
    counted = {
        step
        for target in baked.targets.values()
        for step in steps(
            (baked.folder / target["dockerfile"].removeprefix("cwd://")).read_text(),
            context=target["context"],
            arguments=target.get("args", {}),
            contexts=target.get("contexts", {}),
        )
    }

    assert len(counted) == len(executed(baked.log))


@pytest.mark.parametrize(("repository", "variant"), ALL, ids=[f"{r}:{v}" for r, v in ALL])
def test_an_image_matches_its_tag(baked: Baked, repository: str, variant: str) -> None:
    """It runs its own Python, unbuffered and not as root; only GPU variants contain CUDA."""
    image = baked.image(repository, variant)
    code = (
        "import glob, json, os, sys; print(json.dumps([sys.version_info[:2], os.getuid(),"
        " glob.glob('/usr/local/cuda-12.8/**/libcudart*', recursive=True), dict(os.environ)]))"
    )
    stdout = baked.run(image, "-c", code, options=("--pull=always", "--entrypoint=python"))
    version, user, libraries, environment = json.loads(stdout)
    python, *fragments = variant.split("-")

    assert [int(part) for part in python.split(".")] == version
    assert user == 10001
    assert environment["PYTHONUNBUFFERED"] == "1"
    assert ("gpu" in fragments) == bool(libraries)
    assert ("gpu" in fragments) == ("CUDA_VERSION" in environment)
    assert ("gpu" in fragments) == ("NVIDIA_VISIBLE_DEVICES" in environment)
    if "gpu" in fragments:
        assert environment["CUDA_VERSION"] == "12.8.1"


def test_the_images_pass_their_own_tests(baked: Baked) -> None:
    """`docker buildx bake test` runs the sample's tests in all 18 variants."""
    env = {"REGISTRY": f"{baked.engine.registry}/{OWN}", "ONLY_PYTHON": ",".join(PYTHONS)}
    command = ("buildx", "bake", "--progress=rawjson", "test")
    done = baked.engine.docker(*command, cwd=baked.folder, env={**env, "ONLY_PLATFORM": "local"})
    passed = {step.split()[0].lstrip("[") for step in executed(done.stderr)}

    assert passed == {f"{target}-test" for target in baked.targets}


def test_requirements_are_installed(baked: Baked) -> None:
    """Each image contains the requirements of its folder, and pip finds no conflict."""
    for repository, name in ((SERVER, "server"), (TRAINING, "training")):
        wanted = (PROJECT / f"templates/{name}/requirements.txt").read_text().splitlines()
        packages = [line for line in wanted if line and not line.startswith("#")]
        image = baked.image(repository, "3.11")
        there = baked.run(image, "list", "--format=freeze", options=("--entrypoint=pip",)).lower()

        assert packages
        for package in packages:
            bare = package.split(";")[0].split("[")[0]
            bare = bare.split("=")[0].split("<")[0].split(">")[0].split("~")[0].strip().lower()
            assert f"{bare}==" in there.replace("_", "-")
        baked.run(image, "check", options=("--entrypoint=pip",))


def test_images_have_labels(baked: Baked) -> None:
    """An image has the OCI labels title, version, revision, source and base."""
    config = baked.engine.config(f"{OWN}/{SERVER}", "3.11-gpu-v1")
    labels = config["config"]["Labels"]
    prefix = "org.opencontainers.image."

    assert labels[f"{prefix}title"] == "truss-server-base"
    assert labels[f"{prefix}version"] == "v1"
    assert labels[f"{prefix}base.name"] == "docker.io/library/python:3.11-slim-bookworm"
    assert {f"{prefix}revision", f"{prefix}source"} <= set(labels)


@pytest.fixture
def served(baked: Baked, tmp_path: Path) -> Iterator[tuple[Baked, str, Path, str]]:
    """Run a small HTTP server from a mounted /app in a live-reload image."""
    app = tmp_path / "app"
    app.mkdir()
    tmp_path.chmod(0o755)
    app.chmod(0o755)
    _write_server(app, "one")
    image = baked.image(SERVER, "3.11-reload")
    container = baked.engine.docker(
        *("run", "--detach", "--publish", "127.0.0.1::8080", "--volume", f"{app}:/app"),
        *(image, "python", "/app/server.py"),
    ).stdout.strip()
    try:
        port = baked.engine.docker("port", container, "8080/tcp").stdout.splitlines()[0]
        yield baked, container, app, f"http://{port}/"
    finally:
        baked.engine.docker("rm", "--force", container)


def _write_server(app: Path, answer: str) -> None:
    """Write the file in one step: an empty program would end the container successfully."""
    draft = app.with_name("server.py")
    draft.write_text(
        "from http.server import BaseHTTPRequestHandler, HTTPServer\n"
        "class Handler(BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        "        self.send_response(200)\n"
        "        self.end_headers()\n"
        f"        self.wfile.write({answer!r}.encode())\n"
        "HTTPServer(('', 8080), Handler).serve_forever()\n"
    )
    draft.rename(app / draft.name)


def _answer(url: str, expected: str, seconds: float = PATIENCE) -> str:
    """Send requests until the response is the expected one, or the timeout expires."""
    end = time.monotonic() + seconds
    response = ""
    while time.monotonic() < end and response != expected:
        try:
            with urllib.request.urlopen(url, timeout=2) as reply:
                response = reply.read().decode()
        except OSError as error:
            response = str(error)
        time.sleep(0.1)
    return response


def test_a_changed_file_changes_the_response(served: tuple[Baked, str, Path, str]) -> None:
    """Live reload restarts the server when its file changes, and not the container."""
    baked, container, app, url = served
    state = "{{.State.StartedAt}} {{.RestartCount}} {{.State.Pid}}"
    assert _answer(url, "one") == "one"
    before = baked.engine.docker("inspect", "--format", state, container).stdout

    _write_server(app, "two")

    assert _answer(url, "two") == "two"
    assert before == baked.engine.docker("inspect", "--format", state, container).stdout


def test_a_live_reload_container_stops_at_once(served: tuple[Baked, str, Path, str]) -> None:
    """`docker stop` reaches the server through the entry point, which is never killed."""
    baked, container, _, url = served
    assert _answer(url, "one") == "one"

    baked.engine.docker("stop", f"-t={PATIENCE}", container)

    exit_code = baked.engine.docker("inspect", "--format={{.State.ExitCode}}", container).stdout
    assert int(exit_code) == 128 + signal.SIGTERM


def test_one_variant_for_both_platforms(baked: Baked) -> None:
    """A pushed index lists both platforms, and its arm64 image runs under emulation."""
    env = {"REGISTRY": f"{baked.engine.registry}/{OWN}", "VERSION_TAG": "both"}
    baked.engine.docker("buildx", "bake", "--push", "server-3_11", cwd=baked.folder, env=env)
    index = baked.engine.index(f"{OWN}/{SERVER}", "3.11-both")
    image = f"{baked.engine.registry}/{OWN}/{SERVER}:3.11-both"
    machine = baked.run(image, "uname", "-m", options=("--platform=linux/arm64", "--pull=always"))

    assert sorted(index) == ["linux/amd64", "linux/arm64"]
    assert machine == "aarch64"


def test_build_checks_find_nothing(baked: Baked) -> None:
    """`docker buildx bake --check` has no warning about any of the 36 Dockerfiles."""
    for python in ("3.10", "3.12", "3.14"):
        base = "library/python", f"{python}-slim-bookworm"
        if base[1] not in baked.engine.tags(base[0]):
            # A check needs only the configuration of the base image: that of another version works.
            neighbour = baked.engine.manifest("library/python", "3.11-slim-bookworm")
            baked.engine.stored.put_manifest(*base, neighbour)
    done = baked.engine.docker("buildx", "bake", "--check", cwd=baked.folder, check=False)
    output = done.stdout + done.stderr

    assert done.returncode == 0, output
    assert output.count("Check complete, no warnings found.") == 36
