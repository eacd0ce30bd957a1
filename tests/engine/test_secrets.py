"""Secrets in a release: used where they are meant to be, and to be found nowhere."""

from __future__ import annotations

import base64
import json
import shutil
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from support import command, ground, proxy
from support.engine import Engine
from support.shelf import Shelf


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
    tags: ["${REGISTRY}/held:{{ n }}-${VERSION}"]
    moving: ["${REGISTRY}/held:{{ n }}"]
    secret: ["type=env,id=token,env=BUILD_TOKEN", "type=file,id=key,src=key.pem"]
    attest: ["type=provenance,mode=max"]
    tests: [test -s /told]
"""
HELD = """\
FROM ADDRESS/ground:1
COPY content /content
RUN --mount=type=secret,id=token --mount=type=secret,id=key \\
    read -r token < /run/secrets/token && read -r key < /run/secrets/key; \\
    CHECK && echo {{ n }}-was-told > /told
"""


class Project:
    """A matrix whose steps read secrets, and a registry that wants a login."""

    def __init__(self, engine: Engine, folder: Path, shelf: Shelf) -> None:
        self.engine, self.folder, self.shelf = engine, folder, shelf
        (folder / "templates").mkdir(parents=True)
        self.settings = folder / "docker"
        shutil.copytree(engine.env["DOCKER_CONFIG"], self.settings, symlinks=True)
        self.login(f"{USER}:{PASSWORD}")
        (folder / "key.pem").write_text(f"{KEY}\n")
        (folder / "content").write_text(str(folder))
        (folder / "matrix.yaml").write_text(MATRIX)
        self.template(f"test ${{{{ '{{#' }}}}token}} = {len(SECRETS['BUILD_TOKEN'])}")
        ground.push(engine, folder, [f"{shelf.address}/ground:1"], self.env)

    @property
    def env(self) -> Mapping[str, str]:
        """Give the environment, with all that is secret."""
        own = {"DOCKER_CONFIG": str(self.settings), "REGISTRY": self.shelf.address}
        return {**self.engine.env, **SECRETS, **own}

    def login(self, text: str, address: str = "") -> None:
        """Write a login for the registry as `docker login` does; an empty one takes it away."""
        auth = base64.b64encode(text.encode()).decode()
        file = self.settings / "config.json"
        found = {address or self.shelf.address: {"auth": auth}} if text else {}
        file.write_text(json.dumps({**json.loads(file.read_text()), "auths": found}))

    def template(self, check: str) -> None:
        """Write the template, with a command that decides whether its step goes well; compile."""
        text = HELD.replace("ADDRESS", self.shelf.address).replace("CHECK", check)
        (self.folder / "templates/held.j2").write_text(text)
        command.run(self.folder)

    def publish(self, *words: str, code: int = 0, **env: str) -> str:
        """Publish, and give all that it said."""
        done = command.run(self.folder, "publish", *words, env={**self.env, **env}, code=code)
        return done.stdout + done.stderr


@pytest.fixture
def project(engine: Engine, registry_program: Path, tmp_path: Path) -> Iterator[Project]:
    """Give a project; its registry knows one user."""
    users = tmp_path / "users"
    users.write_text(f"{USER}:{HASHED}\n")
    more = {"auth": {"htpasswd": {"realm": "a test", "path": str(users)}}}
    shelf = Shelf(registry_program, tmp_path / "shelf", login=f"{USER}:{PASSWORD}", more=more)
    yield Project(engine, tmp_path / "project", shelf)
    shelf.close()


def holding(word: str, *folders: Path) -> list[Path]:
    """Give the files that hold a word, as they are or packed."""
    found = []
    for folder in folders:
        for file in folder.rglob("*") if folder.is_dir() else [folder]:
            if file.is_file():
                content = file.read_bytes()
                if content.startswith(b"\x1f\x8b"):
                    content += zlib.decompress(content, wbits=31)
                if word.encode() in content:
                    found.append(file)
    return found


def test_no_secret_is_anywhere(project: Project) -> None:
    """A release with a login, steps that read secrets, and one that fails: nothing tells them."""
    said = project.publish()
    said += project.publish("--format=json")
    project.template('{{ "false" if n == "b" else "true" }}')
    said += project.publish("--version=v2", code=1)

    assert "no tag was created" in said
    assert project.shelf.registry.tags("held").count("release-v1") == 1
    assert "b-v2" not in project.shelf.registry.tags("held")
    (project.folder / "said").write_text(said)
    places = [project.folder / name for name in ("said", ".compile-matrix", "dockerfiles")]
    places += [project.folder / "docker-bake.hcl", project.shelf.storage]
    assert all(place.exists() for place in places)
    assert [file.name for file in holding("b-was-told", places[1])] == ["held-b.log"]
    assert len(holding("a-was-told", project.shelf.storage)) > 1  # a layer, and provenance
    assert holding("release.json", project.shelf.storage)  # the record
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    for secret in (*SECRETS.values(), KEY, PASSWORD, auth):
        assert not holding(secret, *places)


@pytest.mark.parametrize("login", ["", f"{USER}:wrong-{PASSWORD}", f"nobody:{PASSWORD}"])
def test_who_is_not_let_in_builds_nothing(project: Project, login: str) -> None:
    """Without a login, or with a wrong one, it is refused before anything is built."""
    project.login(login)

    said = project.publish(code=1)

    assert "error[registry-denied]" in said
    assert "run `docker login`" in said
    refused(project, said)


def test_who_may_only_read_builds_nothing(project: Project) -> None:
    """A user whom the registry lets read, and not write, is refused before anything is built."""
    with proxy.before(project.shelf.address) as between:
        between.fault = lambda request: 403 if request.writes else 0
        project.login(f"{USER}:{PASSWORD}", between.address)

        said = project.publish(code=1, REGISTRY=between.address)

    assert f"access to {between.address}/held denied (403)" in said
    refused(project, said)


def test_a_registry_that_takes_nothing(
    engine: Engine, project: Project, registry_program: Path, tmp_path: Path
) -> None:
    """One that is read-only for a while is said to be so before anything is built."""
    more = {"storage": {"maintenance": {"readonly": {"enabled": True}}}}
    shelf = Shelf(registry_program, tmp_path / "closed", more=more)

    said = project.publish(code=1, REGISTRY=shelf.address)
    shelf.close()

    assert f"cannot write to {shelf.address}/held: 405" in said
    refused(project, said)
    assert not shelf.tags()
    del engine


def refused(project: Project, said: str) -> None:
    """See to it that nothing was built, nothing pushed, and no password told."""
    assert "built " not in said
    assert not list((project.folder / ".compile-matrix").glob("logs/*"))
    assert set(project.shelf.tags()) == {"ground:1"}
    assert PASSWORD not in said
