"""Measure releases of staged images, with a registry that is 50 ms away.

A bare client sends the same requests, 32 at a time: their order and their answers are ignored.
"""

import contextlib
import json
import os
import pickle
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from commands import Command, print_row, ratio

from compiler.fingerprint.fingerprint import project_fingerprints
from compiler.fingerprint.naming import fingerprint_tag
from compiler.output.bake_resolved import ResolvedPlan
from compiler.pipeline import compile_matrix


COUNT = 1_000
HERE = Path(__file__).parent
MATRIX = """\
variables: {{REGISTRY: "127.0.0.1:{port}/acme", VERSION: v1.0}}
axes:
  n: [{values}]
images:
  server:
    template: Dockerfile.j2
    platforms: [linux/amd64]
    tags: ["${{REGISTRY}}/server:{{{{ variant }}}}-${{VERSION}}"]
    moving: ["${{REGISTRY}}/server:{{{{ variant }}}}"]
publish: {{version: "${{VERSION}}"}}
"""
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True, kw_only=True)
class Registry:
    """A running registry."""

    port: int

    def call(self, method: str, path: str, body: bytes = b"", media_type: str = "") -> bytes:
        """Send a request; return the body of the response."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            body or None,
            {"Content-Type": media_type},
            method=method,
        )
        with urllib.request.urlopen(request) as response:
            content: bytes = response.read()
        return content

    def reset(self) -> None:
        """Delete all tags apart from those of staged images, and forget the requests."""
        self.call("POST", "/reset")

    def log(self) -> list[tuple[str, str, str, bytes]]:
        """Return the requests since the last reset."""
        requests: list[tuple[str, str, str, bytes]] = pickle.loads(self.call("GET", "/log"))
        return requests


@contextlib.contextmanager
def registry() -> Iterator[Registry]:
    """Run a registry."""
    command = [sys.executable, str(HERE / "registry.py")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        if running.stdin and running.stdout:
            yield Registry(port=int(running.stdout.readline()))
            running.stdin.close()


def write_project(folder: Path, port: int) -> None:
    """Write a matrix of 1,000 targets, each with a version tag and a floating tag."""
    (folder / "templates").mkdir(parents=True)
    (folder / "templates" / "Dockerfile.j2").write_text("FROM scratch\nCOPY {{ n }}.txt /\n")
    values = ", ".join(f"n{number}" for number in range(COUNT))
    (folder / "matrix.yaml").write_text(MATRIX.format(port=port, values=values))


def stage(folder: Path, running: Registry) -> None:
    """Store an image of one platform, with an index, for each target."""
    compilation = compile_matrix(folder / "matrix.yaml")
    resolved = ResolvedPlan(compilation.plan, {})
    prints = project_fingerprints(compilation, resolved, folder)
    requests = []
    for name, fingerprint in prints.items():
        layer = {"digest": f"sha256:{sha256(name.encode()).hexdigest()}", "size": 1000}
        manifest = json.dumps({"schemaVersion": 2, "config": layer, "layers": [layer]}).encode()
        entry = {
            "mediaType": MANIFEST,
            "digest": f"sha256:{sha256(manifest).hexdigest()}",
            "size": len(manifest),
            "platform": {"os": "linux", "architecture": "amd64"},
        }
        index = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
        path = "/v2/acme/server/manifests/"
        requests.append(("PUT", f"{path}{entry['digest']}", MANIFEST, manifest))
        requests.append(("PUT", f"{path}{fingerprint_tag(fingerprint.digest)}", INDEX, index))
    repeat(folder, running, requests).seconds()


def repeat(folder: Path, running: Registry, requests: object) -> Command:
    """Return the command of a bare client that sends these requests."""
    file = folder / "requests.pickle"
    file.write_bytes(pickle.dumps(requests))
    return Command(
        arguments=[sys.executable, str(HERE / "bare_client.py"), str(running.port), str(file)],
        folder=folder,
    )


def environment(folder: Path) -> Mapping[str, str]:
    """Return an environment with a `docker` that has a buildx, and nothing to do."""
    programs = folder / "programs"
    programs.mkdir()
    (programs / "docker").write_text("#!/bin/sh\necho github.com/docker/buildx v0.29.1\n")
    (programs / "docker").chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "DOCKER_CONFIG": str(folder),
        "PYTHONPATH": str(HERE.parent),
    }


def _keep() -> None:
    """Leave the registry as it is."""


def measure(top: Path) -> None:
    """Print the rows about releases."""
    folder = top / "publish"
    with registry() as running:
        write_project(folder, running.port)
        stage(folder, running)
        compiling = [sys.executable, "-m", "compiler"]
        variables = environment(top)
        subprocess.run(compiling, cwd=folder, check=True, capture_output=True, env=variables)
        for work, limit, before in (
            (f"publish {COUNT:,} staged targets", 6, running.reset),
            ("publish them again, nothing to do", 2, _keep),
        ):
            command = Command(
                arguments=[*compiling, "publish"],
                folder=folder,
                environment=variables,
                before=before,
            )
            earlier = running.log()
            command.seconds()
            requests = running.log()[0 if before == running.reset else len(earlier) :]
            print_row(
                f"{work}, against as many bare requests",
                ratio(command, repeat(folder, running, requests)),
                "1.5" if before == running.reset else "",
            )
            print(f"| its requests for each target | {len(requests) / COUNT:.2f} | | | {limit} |")
