"""Secrets in a release: available to build steps, and never stored or printed."""

from __future__ import annotations

import base64
import json
import shutil
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from support import command, minimal_base, proxy
from support.engine import Engine
from support.killable_registry import KillableRegistry


pytestmark = pytest.mark.engine

USER, PASSWORD = "releaser", "open-sesame-of-the-releaser"
HASHED = "$2b$05$abcdefghijklmnopqrstuuM2yOhcc1ZAFdBwQ.FYyFlpwQjn07ChG"
SECRETS = {
    "BUILD_TOKEN": "token-that-a-step-reads-0123456789",
    "AMBIENT_SECRET": "secret-of-the-environment-0123456789",
    "AWS_SECRET_ACCESS_KEY": "key-of-the-environment-0123456789",
}
KEY = "key-in-a-file-0123456789"
MATRIX = """\
variables: {REGISTRY: nowhere.invalid, VERSION: v1}
publish: {version: "${VERSION}"}
axes: {n: [a, b]}
images:
  held:
    template: held.j2
    network: none
    tags: ["${REGISTRY}/held:{{ n }}-${VERSION}"]
    moving: ["${REGISTRY}/held:{{ n }}"]
    secret: ["type=env,id=token,env=BUILD_TOKEN", "type=file,id=key,src=key.pem"]
    attest: ["type=provenance,mode=max"]
    tests: [test -s /read]
"""
HELD = """\
FROM ADDRESS/ground:1
COPY content /content
RUN --mount=type=secret,id=token --mount=type=secret,id=key \\
    read -r token < /run/secrets/token && read -r key < /run/secrets/key; \\
    CHECK && echo {{ n }}-was-read > /read
"""


class Project:
    """A matrix whose steps read secrets, and a registry that requires credentials."""

    def __init__(self, engine: Engine, folder: Path, shelf: KillableRegistry) -> None:
        self.engine, self.folder, self.shelf = engine, folder, shelf
        (folder / "templates").mkdir(parents=True)
        self.settings = folder / "docker"
        shutil.copytree(engine.env["DOCKER_CONFIG"], self.settings, symlinks=True)
        self.login(f"{USER}:{PASSWORD}")
        (folder / "key.pem").write_text(f"{KEY}\n")
        (folder / "content").write_text(str(folder))
        (folder / "matrix.yaml").write_text(MATRIX)
        self.template(f"test ${{{{ '{{#' }}}}token}} = {len(SECRETS['BUILD_TOKEN'])}")
        minimal_base.push(engine, folder, [f"{shelf.address}/ground:1"], self.env)

    @property
    def env(self) -> Mapping[str, str]:
        """Return the environment, secrets included."""
        own = {"DOCKER_CONFIG": str(self.settings), "REGISTRY": self.shelf.address}
        return {**self.engine.env, **SECRETS, **own}

    def login(self, text: str, address: str = "") -> None:
        """Store credentials as `docker login` does; an empty text removes them."""
        auth = base64.b64encode(text.encode()).decode()
        file = self.settings / "config.json"
        entries = {address or self.shelf.address: {"auth": auth}} if text else {}
        file.write_text(json.dumps({**json.loads(file.read_text()), "auths": entries}))

    def template(self, check: str) -> None:
        """Write the template, whose step succeeds if this command does, and compile."""
        text = HELD.replace("ADDRESS", self.shelf.address).replace("CHECK", check)
        (self.folder / "templates/held.j2").write_text(text)
        command.call(self.folder)

    def publish(self, *arguments: str, code: int = 0, **env: str) -> str:
        """Publish and return the whole output."""
        done = command.call(self.folder, "publish", *arguments, env={**self.env, **env}, code=code)
        return done.stdout + done.stderr


@pytest.fixture
def project(engine: Engine, registry_program: Path, tmp_path: Path) -> Iterator[Project]:
    """Provide a project; its registry has one user."""
    users = tmp_path / "users"
    users.write_text(f"{USER}:{HASHED}\n")
    more = {"auth": {"htpasswd": {"realm": "a test", "path": str(users)}}}
    shelf = KillableRegistry(
        registry_program, tmp_path / "shelf", login=f"{USER}:{PASSWORD}", more=more
    )
    yield Project(engine, tmp_path / "project", shelf)
    shelf.close()


def files_containing(text: str, *folders: Path) -> list[Path]:
    """Return the files that contain a text, compressed or not."""
    matches = []
    for folder in folders:
        for file in folder.rglob("*") if folder.is_dir() else [folder]:
            if file.is_file():
                content = file.read_bytes()
                if content.startswith(b"\x1f\x8b"):
                    content += zlib.decompress(content, wbits=31)
                if text.encode() in content:
                    matches.append(file)
    return matches


def test_no_secret_is_stored_or_printed(project: Project) -> None:
    """Neither output, logs, generated files nor the registry contain a secret."""
    output = project.publish()
    output += project.publish("--format=json")
    project.template('{{ "false" if n == "b" else "true" }}')
    output += project.publish("--version=v2", code=1)

    assert "no tag was created" in output
    assert project.shelf.registry.tags("held").count("release-v1") == 1
    assert "b-v2" not in project.shelf.registry.tags("held")
    (project.folder / "output").write_text(output)
    locations = [project.folder / name for name in ("output", ".compile-matrix", "dockerfiles")]
    locations += [project.folder / "docker-bake.hcl", project.shelf.storage]
    assert all(location.exists() for location in locations)
    logged = {file.name for file in files_containing("b-was-read", locations[1])}
    assert logged == {"held-b.log", "trace.json"}  # the step failed; its instruction is kept
    assert (
        len(files_containing("a-was-read", project.shelf.storage)) > 1
    )  # in a layer and in provenance
    assert files_containing("release.json", project.shelf.storage)  # the record
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    for secret in (*SECRETS.values(), KEY, PASSWORD, auth):
        assert not files_containing(secret, *locations)


@pytest.mark.parametrize("login", ["", f"{USER}:wrong-{PASSWORD}", f"nobody:{PASSWORD}"])
def test_denied_access_is_reported_early(project: Project, login: str) -> None:
    """Missing or wrong credentials are reported before anything is built."""
    project.login(login)

    output = project.publish(code=1)

    assert "error[registry-denied]" in output
    assert "run `docker login`" in output
    check_nothing_built(project, output)


def test_read_only_access_is_reported_early(project: Project) -> None:
    """A user who may read but not write is rejected before anything is built."""
    with proxy.before(project.shelf.address) as between:
        between.fault = lambda request: 403 if request.writes else 0
        project.login(f"{USER}:{PASSWORD}", between.address)

        output = project.publish(code=1, REGISTRY=between.address)

    assert f"access to {between.address}/held denied (403)" in output
    check_nothing_built(project, output)


def test_a_read_only_registry_is_reported_early(
    engine: Engine, project: Project, registry_program: Path, tmp_path: Path
) -> None:
    """A registry in maintenance mode is reported before anything is built."""
    more = {"storage": {"maintenance": {"readonly": {"enabled": True}}}}
    shelf = KillableRegistry(registry_program, tmp_path / "closed", more=more)

    output = project.publish(code=1, REGISTRY=shelf.address)
    shelf.close()

    assert f"cannot write to {shelf.address}/held: 405" in output
    check_nothing_built(project, output)
    assert not shelf.tags()
    del engine


def check_nothing_built(project: Project, output: str) -> None:
    """Check that nothing was built or pushed, and that no password was printed."""
    assert "built " not in output
    assert not list((project.folder / ".compile-matrix").glob("logs/*"))
    assert set(project.shelf.tags()) == {"ground:1"}
    assert PASSWORD not in output
