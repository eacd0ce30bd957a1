"""The source policy that is generated from matrix.lock, with a real BuildKit that enforces it."""

import functools
import hashlib
import json
import subprocess
import uuid
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import pytest
from support import command
from support.engine import Engine
from support.loopback import serving


pytestmark = pytest.mark.engine

MATRIX = """\
variables: {{VERSION_TAG: v1}}
axes: {{}}
defaults: {{network: none}}
lock: {{policy: true}}
publish: {{version: "${{VERSION_TAG}}"}}
images:
  lower:
    template: lower.j2
    tags: ["{registry}/{own}/lower:${{VERSION_TAG}}"]
  upper:
    template: upper.j2
    from: lower
    tags: ["{registry}/{own}/upper:${{VERSION_TAG}}"]
  checked: {{template: checked.j2}}
  unchecked: {{template: unchecked.j2}}
  branch: {{template: branch.j2}}
  commit: {{template: commit.j2}}
"""
TEMPLATES = {
    "lower": "FROM {registry}/{own}/base:1\nRUN echo lower > /lower\n",
    "upper": "FROM {{{{ parent }}}}\nRUN echo upper > /upper\n",
    "checked": "FROM scratch\nADD --checksum={checksum} {files}/file /file\n",
    "unchecked": "FROM scratch\nADD {files}/file /file\n",
    "branch": "FROM scratch\nADD {files}/own.git#main /file\n",
    "commit": f"FROM scratch\nADD {{files}}/own.git#{'0' * 40} /file\n",
}
VARIABLE = "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY"


@pytest.fixture
def files(tmp_path: Path) -> Iterator[str]:
    """Provide the address of a server with one file, `file`."""
    (tmp_path / "served").mkdir()
    (tmp_path / "served/file").write_text("content\n")
    handler = functools.partial(SimpleHTTPRequestHandler, directory=tmp_path / "served")
    with serving(handler) as server:
        yield f"http://{server.host}"


class Project:
    """A project with a locked base image, and images that download a file."""

    def __init__(self, engine: Engine, folder: Path, files: str) -> None:
        self.engine, self.folder, self.own = engine, folder, f"policy-{uuid.uuid4().hex[:12]}"
        engine.copy(
            f"{engine.registry}/library/python:3.11-slim-bookworm",
            f"{engine.registry}/{self.own}/base:1",
        )
        values = {
            "registry": engine.registry,
            "own": self.own,
            "files": files,
            "checksum": f"sha256:{hashlib.sha256(b'content' + bytes([10])).hexdigest()}",
        }
        (folder / "templates").mkdir(parents=True)
        (folder / "matrix.yaml").write_text(MATRIX.format(**values))
        for name, text in TEMPLATES.items():
            (folder / f"templates/{name}.j2").write_text(text.format(**values))

    def run(
        self, *arguments: str, code: int = 0, policy: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run compile-matrix in the project; `policy` is the one that the environment names."""
        env = {**self.engine.env, **({VARIABLE: policy} if policy else {})}
        return command.call(self.folder, *arguments, env=env, code=code)


@pytest.fixture
def project(engine: Engine, tmp_path: Path, files: str) -> Project:
    """Provide a project that is not locked yet."""
    return Project(engine, tmp_path / "project", files)


def test_only_what_is_locked_enters_a_build(project: Project) -> None:
    """Unlocked images are errors; downloads without a checksum or a commit are denied."""
    denied = project.run(code=1)

    assert "error[unlocked-base]" in denied.stderr
    assert not (project.folder / "dockerfiles").exists()

    project.run("lock")
    project.run()
    built = project.run("build", code=1)

    assert "3 built, 3 failed" in built.stdout  # lower, upper and checked are built
    log = {
        name: (project.folder / f".compile-matrix/logs/{name}.log").read_text()
        for name in ("unchecked", "branch", "commit")
    }
    assert '/file" denied by policy' in log["unchecked"]
    assert 'own.git#main" denied by policy' in log["branch"]
    assert "denied by policy" not in log["commit"]  # it is allowed, and does not exist
    assert "not found" in log["commit"]

    # The same policy, for bake itself.
    baked = project.engine.docker(
        *("buildx", "bake", "unchecked"),
        cwd=project.folder,
        env={VARIABLE: "dockerfiles/source-policy.json"},
        check=False,
    )
    assert baked.returncode == 1
    assert "denied by policy" in baked.stderr


def test_images_that_a_release_builds_are_allowed(project: Project) -> None:
    """A child is built from the digest of its staged parent, which no lock contains."""
    project.run("lock")
    project.run()

    released = project.run("publish", "--part=1", "image=lower,upper")

    assert "upper:v1" in released.stdout
    other = project.run("publish", "lower", policy="other.json", code=1)
    assert f"error[cannot-build]: {VARIABLE} would replace the policy" in other.stderr


def test_the_policy_is_deleted_with_its_key(project: Project) -> None:
    """Without `lock.policy` the generated file is stale, and images may be unlocked."""
    project.run("lock")
    project.run()
    path = project.folder / "dockerfiles/source-policy.json"
    rules = json.loads(path.read_bytes())["rules"]
    matrix = project.folder / "matrix.yaml"
    matrix.write_text(matrix.read_text().replace("policy: true", "policy: false"))

    project.run("--check", code=1)
    compiled = project.run()

    digest = project.engine.digest(f"{project.own}/base", "1")
    assert rules[-1]["selector"]["identifier"] == f"docker-image://*@{digest}"
    assert not path.exists()
    assert "1 file removed: dockerfiles/source-policy.json" in compiled.stdout
