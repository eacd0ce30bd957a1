"""Sign releases with the real cosign, and verify them, in a registry without an engine."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from support import command, daemon, registry
from support.killable_registry import KillableRegistry
from support.pushed_images import push_staged
from support.release_actors import Silent
from support.releases import request_of
from support.signing import PLACE, KeyPair

from compiler.errors import DiagnosticError
from compiler.external.cosign import CosignError, open_cosign
from compiler.external.registry.client import Registries
from compiler.external.registry.copying import Copier
from compiler.external.registry.read_only import ReadOnlyRegistries
from compiler.external.signer import Signer
from compiler.fingerprint.naming import fingerprint_tag
from compiler.pipeline import plan_matrix
from compiler.publish.merge_platforms import merged_index
from compiler.publish.preview import preview
from compiler.publish.publish import publish
from compiler.publish.request import PublishRequest
from compiler.publish.staged_image import read_image
from compiler.source.project_files import Files


pytestmark = pytest.mark.engine

MATRIX = """\
variables: {V: "1"}
axes: {n: {1: {platforms: [linux/amd64]}, 2: {platforms: [linux/arm64]}}}
images:
  a:
    template: a.j2
    repositories: [HOST/acme/a, HOST/mirror/a]
    tags: ["{{ n }}-${V}"]
    moving: ["{{ n }}"]
    shared: {tags: ["all-${V}"]}
    platform-tags: {tags: ["{{ n }}-{{ platform.arch }}-${V}"]}
publish:
  version: "${V}"
  checks: {scan: 'test -z "$COSIGN_PASSWORD$COSIGN_KEY"'}
  sign: {key: "env://COSIGN_KEY", public: cosign.pub}
"""
USER, PASSWORD = "releaser", "open-sesame-of-the-releaser"
HASHED = "$2b$05$abcdefghijklmnopqrstuuM2yOhcc1ZAFdBwQ.FYyFlpwQjn07ChG"
REPOSITORIES = ("acme/a", "mirror/a")
PLATFORMS = {"a-1": "amd64", "a-2": "arm64"}


class Project(NamedTuple):
    """A project whose images are staged, and its registry."""

    folder: Path
    shelf: KillableRegistry
    keys: KeyPair

    def request(self, version: str) -> PublishRequest:
        """Return the request to publish a version with the images that are staged."""
        files = Files(self.folder)
        planned = plan_matrix(files, "matrix.yaml")
        request = request_of(planned, version, lambda name: name[-1] * 64)
        return replace(request, options=replace(request.options, folder=self.folder))

    def publish(self, version: str = "1") -> None:
        """Publish a version."""
        publish(self.request(version), Registries(os.environ), Silent())

    def signed(self, repository: str) -> set[str]:
        """Return the digests of a repository to which something is attached."""
        tags = self.shelf.registry.tags(repository)
        return {tag.replace("-", ":", 1) for tag in tags if tag.startswith("sha256-")}

    def images(self, repository: str) -> set[str]:
        """Return the digests that tags for users name, with those of their platforms."""
        found = set()
        for tag in self.shelf.registry.tags(repository):
            if not tag.startswith(("sha256-", "fp-", "check-")):
                found.add(self.shelf.registry.digest(repository, tag))
                listed = self.shelf.registry.manifest(repository, tag).get("manifests", ())
                found |= {entry["digest"] for entry in listed}
        return found


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory, cosign: Path) -> KeyPair:
    """Return a key pair."""
    return KeyPair.create(cosign, tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def staged(
    registry_program: Path, keys: KeyPair, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    """Provide a project with staged images; `before` is a copy of the registry."""
    folder = tmp_path_factory.mktemp("signed")
    shelf = KillableRegistry(registry_program, folder / "shelf")
    project = Project(folder / "project", shelf, keys)
    (project.folder / "templates").mkdir(parents=True)
    (project.folder / "templates" / "a.j2").write_text("FROM scratch\n")
    (project.folder / "cosign.pub").write_bytes(keys.public)
    (project.folder / "matrix.yaml").write_text(MATRIX.replace("HOST", shelf.address))
    for name, architecture in PLATFORMS.items():
        tag = f"{shelf.address}/acme/a:{fingerprint_tag(name[-1] * 64)}"
        push_staged(Registries({}), tag, f"layer of {name}", architecture)
    registry.copy(shelf.storage, folder / "before")
    yield project
    shelf.close()


@pytest.fixture
def project(staged: Project, keys: KeyPair, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return the project in an environment that can sign, as it is before the first release."""
    staged.shelf.restore(staged.folder.parent / "before")
    for name, value in keys.environment.items():
        monkeypatch.setenv(name, value)
    return staged


@pytest.fixture
def released(project: Project) -> Project:
    """Return the project with a signed release, which is published only once."""
    after = project.folder.parent / "after"
    if after.exists():
        project.shelf.restore(after)
    else:
        project.publish()
        registry.copy(project.shelf.storage, after)
    return project


def test_everything_is_signed_in_every_repository_before_a_tag_names_it(released: Project) -> None:
    """Images, platforms, indexes, marks and the record are signed, and only once."""
    project = released
    for repository in REPOSITORIES:
        images = project.images(repository)
        assert images
        assert images <= project.signed(repository)
        names = [f"{project.shelf.address}/{repository}@{digest}" for digest in images]
        assert not project.keys.unsigned(names)
    marks = {tag for tag in project.shelf.registry.tags("acme/a") if tag.startswith("check-")}
    digests = {project.shelf.registry.digest("acme/a", tag) for tag in marks}
    assert len(digests) == len(PLATFORMS)
    assert digests <= project.signed("acme/a")
    record = project.shelf.registry.manifest("acme/a", "release-1")
    content = project.shelf.registry.blob("acme/a", record["layers"][0]["digest"])
    rows = [row for one in (*content["targets"], *content["indexes"]) for row in one["signatures"]]
    for repository in REPOSITORIES:
        name = f"{project.shelf.address}/{repository}"
        recorded = {
            digest for row in rows if row["repository"] == name for digest in row["digests"]
        }
        own = {project.shelf.registry.digest("acme/a", "release-1")}
        assert recorded == project.images(repository) - own

    before = {name: project.shelf.registry.tags(name) for name in REPOSITORIES}
    project.publish()  # nothing to do: nothing is signed again
    assert {name: project.shelf.registry.tags(name) for name in REPOSITORIES} == before
    previewed = preview(project.request("1"), ReadOnlyRegistries(os.environ), Silent())
    assert not any(target.sign for target in previewed.targets)


def test_a_release_is_shown_and_promoted_only_if_its_signatures_are_valid(
    released: Project,
) -> None:
    """Signatures that were deleted are an error, until the release is published again."""
    project, shelf, folder = released, released.shelf, released.folder
    shown = command.call(folder, "release", "show", "1").stdout
    assert shown.count("3 signatures valid, by sha256:") == len(REPOSITORIES)  # of the index
    assert " missing or invalid" not in shown
    rows = json.loads(command.call(folder, "release", "show", "1", "--format=json").stdout)
    assert all(row["signed"] for row in (*rows["targets"], *rows["indexes"]))
    assert command.call(folder, "release", "promote", "1").stdout.endswith("0 tags moved to 1\n")

    image = shelf.registry.digest("mirror/a", "1-1")
    forget(shelf, "mirror/a", image)
    unsigned = command.call(folder, "release", "show", "1", "--format=env", code=1)
    assert f"{shelf.address}/mirror/a@{image} is not signed" in unsigned.stderr
    assert unsigned.stdout == ""
    assert (
        "1 of 2 signatures missing or invalid"
        in command.call(folder, "release", "show", "1", code=1).stdout
    )
    forget(shelf, "acme/a", shelf.registry.digest("acme/a", "release-1"))
    rejected = command.call(folder, "release", "promote", "1", code=1).stderr
    assert "error[unsigned-image]" in rejected
    project.publish()
    command.call(folder, "release", "show", "1")


def forget(shelf: KillableRegistry, repository: str, digest: str) -> None:
    """Let a tag for signatures list none, as after a clean-up by another program."""
    empty = {"schemaVersion": 2, "mediaType": registry.INDEX, "manifests": []}
    shelf.registry.put_manifest(repository, digest.replace(":", "-"), empty)


def test_signatures_are_copied_with_images_and_kept_by_merging(released: Project) -> None:
    """A mirror has the signatures of a copied image; a merged index those of its platforms."""
    project = released
    registries, host = Registries({}), project.shelf.address
    digests = [project.shelf.registry.digest("acme/a", f"{name}-1") for name in (1, 2, "all")]
    for digest in digests:
        Copier(registries).copy(f"{host}/acme/a", f"{host}/new/a", digest)
    assert not project.keys.unsigned(f"{host}/new/a@{digest}" for digest in digests)
    images = [read_image(registries, f"{host}/new/a", digest) for digest in digests[:2]]
    merged = merged_index(image for image in images if image)
    platforms = [entry["digest"] for entry in merged.data["manifests"]]
    assert not project.keys.unsigned(f"{host}/new/a@{digest}" for digest in platforms)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"COSIGN_PASSWORD": "wrong"}, "the private key cannot be decrypted"),
        ({"COSIGN_PASSWORD": None}, "the private key needs a password"),
        ({"COSIGN_KEY": None}, "env var $COSIGN_KEY not found"),
        ({"COSIGN_KEY": "no key"}, "cosign failed: "),
        ({"PATH": "/nowhere"}, "cosign is not installed"),
    ],
    ids=str,
)
def test_nothing_is_tagged_without_a_key_that_can_be_used(
    change: dict[str, str | None],
    expected: str,
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The key is loaded before anything else is done."""
    for name, value in change.items():
        monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
    before = project.shelf.tags()
    previewed = preview(project.request("1"), ReadOnlyRegistries(os.environ), Silent())
    assert {len(target.sign) for target in previewed.targets} <= {1, len(REPOSITORIES)}
    with pytest.raises(DiagnosticError) as caught:
        project.publish()
    assert expected in caught.value.diagnostics[0].message
    assert caught.value.outcome == "nothing was built"
    assert project.shelf.tags() == before


def test_the_private_key_must_belong_to_the_public_key(
    project: Project, cosign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise nobody could verify what is signed."""
    other = KeyPair.create(cosign, tmp_path)
    monkeypatch.setenv("COSIGN_KEY", other.private)
    with pytest.raises(DiagnosticError, match="does not belong to the public key"):
        project.publish()


def test_base_images_are_locked_only_if_they_are_signed(
    project: Project, registry_program: Path, tmp_path: Path
) -> None:
    """An image without a signature is an error at its entry, and nothing is written."""
    programs = registry_program.parents[2]
    env = {**daemon.client(tmp_path / "client", "unix:///nowhere", programs)}
    env["PATH"] = f"{project.keys.program.parent}{os.pathsep}{env['PATH']}"
    folder, base = tmp_path / "bases", f"{project.shelf.address}/bases/a"
    (folder / "templates").mkdir(parents=True)
    (folder / "templates" / "a.j2").write_text(f"FROM {base}:1\n")
    (folder / "cosign.pub").write_bytes(project.keys.public)
    (folder / "matrix.yaml").write_text(
        "images: {a: {template: a.j2, platforms: [linux/amd64]}}\n"
        f"lock: {{verify: {{'{project.shelf.address}/bases/*': {{key: cosign.pub}}}}}}\n"
    )
    digest = push_staged(Registries({}), f"{base}:1", "a base image", "amd64")

    rejected = command.call(folder, "lock", env=env, code=1).stderr
    assert "matrix.yaml:2:17: error[unsigned-image]" in rejected
    assert "templates/a.j2:1:6" in rejected
    assert not (folder / "matrix.lock").exists()
    project.keys.sign([f"{base}@{digest}"])
    assert "1 signature verified" in command.call(folder, "lock", env=env).stderr
    assert digest in (folder / "matrix.lock").read_text()
    command.call(folder, "lock", "--check", env=env)


@pytest.mark.parametrize("variable", ["DOCKER_CONFIG", "DOCKER_AUTH_CONFIG", "BUILDX_CONFIG"])
def test_a_private_registry_needs_the_account_of_the_user(
    variable: str, registry_program: Path, keys: KeyPair, tmp_path: Path
) -> None:
    """Cosign finds the same account as our own requests; without one, the remedy is shown."""
    (tmp_path / "users").write_text(f"{USER}:{HASHED}\n")
    more = {"auth": {"htpasswd": {"realm": "a test", "path": str(tmp_path / "users")}}}
    shelf = KillableRegistry(
        registry_program, tmp_path / "shelf", login=f"{USER}:{PASSWORD}", more=more
    )
    try:
        account = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        settings = json.dumps({"auths": {shelf.address: {"auth": account}}})
        folder = tmp_path / "config" / shelf.address / "acme" / "a"  # as buildx names it
        folder = folder if variable == "BUILDX_CONFIG" else tmp_path
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(settings)
        value = settings if variable == "DOCKER_AUTH_CONFIG" else str(tmp_path)
        environment = {**keys.environment, variable: value, "HOME": "/nowhere"}
        digest = push_staged(Registries(environment), f"{shelf.address}/acme/a:1", "layer", "amd64")
        reference = f"{shelf.address}/acme/a@{digest}"
        signer = Signer(keys.public, "env://COSIGN_KEY")
        with open_cosign(signer, environment, PLACE) as own:
            own.sign([reference])
            assert own.verify([reference]) == {}
        with open_cosign(signer, {**environment, variable: ""}, PLACE) as other:
            for step in (other.sign, other.verify):
                with pytest.raises(CosignError) as caught:
                    step([reference])
                assert "docker login" in caught.value.diagnostics[0].help
    finally:
        shelf.close()
