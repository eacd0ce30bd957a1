"""Credentials for single repositories and actions, where buildx looks for them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from support.account_registry import AccountRegistry, entry, serve
from support.model_registry import digest_of

from compiler.external.registry.client import Registries, RegistryError
from compiler.external.registry.credential_helpers import Credentials, InvalidSettingsError
from compiler.external.registry.credentials import find_credentials
from compiler.external.registry.docker_settings import AUTH_VARIABLE
from compiler.external.registry.repository_settings import find_repository_settings
from compiler.external.registry.scopes import READ, WRITE, Scope


HOST = "registry.example:5000"
APP = Scope(HOST, "acme/app")
DELETE = frozenset({"pull", "delete"})
BLOB = b"a layer"


def write_settings(folder: Path, content: Mapping[str, object]) -> None:
    """Write Docker's settings into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("names", "actions", "expected"),
    [
        (["HOST/acme/app"], READ, "HOST/acme/app"),
        (["HOST/acme/app"], WRITE, "HOST/acme/app"),
        (["HOST/acme/app@push"], READ, None),
        (["HOST/acme/app@push"], WRITE, "HOST/acme/app@push"),
        (["HOST/acme/app@pull,push"], READ, None),
        (["HOST/acme/app@ push , pull,"], WRITE, "HOST/acme/app@ push , pull,"),
        (["HOST/acme/app@"], WRITE, "HOST/acme/app@"),
        (["HOST/acme/app@push", "HOST/acme/app"], WRITE, "HOST/acme/app@push"),
        (["HOST/acme/app@push", "HOST/acme/app"], READ, "HOST/acme/app"),
        (["HOST/acme/app@pull", "HOST/acme/app@pull,push"], READ, "HOST/acme/app@pull"),
        (["HOST/acme/app@pull", "HOST/acme/app@pull,push"], WRITE, "HOST/acme/app@pull,push"),
        (["HOST/acme/app@pull", "HOST/acme/app@push"], WRITE, "HOST/acme/app@push"),
        (["HOST/acme/app@push"], DELETE, None),
        (["HOST/acme/app@delete", "HOST/acme/app@pull"], DELETE, "HOST/acme/app@delete"),
        (["HOST/acme/app", "HOST@pull,push"], WRITE, "HOST/acme/app"),
        (["HOST/acme/app@push", "HOST"], READ, "HOST"),
        (["HOST", "HOST@pull"], READ, "HOST@pull"),
        (["HOST/@pull"], READ, "HOST/@pull"),
        (["HOST/acme", "HOST/acme/app/more", "HOST/acme/application", "HOST/app"], READ, None),
        (["other.example/acme/app", "registry.example/acme/app", "HOST1"], READ, None),
        ([], READ, None),
    ],
)
def test_the_settings_of_a_request(
    names: list[str], actions: frozenset[str], expected: str | None, tmp_path: Path
) -> None:
    """The repository counts before the registry, then the number of actions."""
    top = tmp_path / "config"
    for name in names:
        write_settings(top / name.replace("HOST", HOST), {})
    folder = find_repository_settings(
        APP._replace(actions=actions), {"BUILDX_CONFIG": str(tmp_path)}
    )

    assert folder == (expected and top / expected.replace("HOST", HOST))


def test_the_folder_of_buildx(tmp_path: Path) -> None:
    """It is part of Docker's folder, unless BUILDX_CONFIG names another; Hub has its own name."""
    home = {"HOME": str(tmp_path / "home")}
    docker = {**home, "DOCKER_CONFIG": str(tmp_path / "docker")}
    own = {**docker, "BUILDX_CONFIG": str(tmp_path / "own")}
    tops = [tmp_path / "home" / ".docker" / "buildx", tmp_path / "docker" / "buildx"]
    hub = Scope("docker.io", "library/python")
    for top, environment in zip([*tops, tmp_path / "own"], (home, docker, own), strict=True):
        folder = top / "config" / "registry-1.docker.io" / "library" / "python"
        write_settings(folder, {"auths": {"https://index.docker.io/v1/": entry("hub")}})
        assert find_repository_settings(hub, environment) == folder
        assert find_credentials(hub, environment) == Credentials("hub", "secret")


def test_the_order_of_precedence(tmp_path: Path) -> None:
    """The variable counts before all files; the settings for a repository replace others."""
    folder = tmp_path / "buildx" / "config" / HOST / "acme" / "app"
    environment = {"DOCKER_CONFIG": str(tmp_path)}
    write_settings(tmp_path, {"auths": {HOST: entry("general")}})
    write_settings(folder, {"auths": {HOST: entry("app")}})
    other = json.dumps({"auths": {HOST: entry("variable")}})

    assert find_credentials(APP, environment) == Credentials("app", "secret")
    variable = {**environment, AUTH_VARIABLE: other}
    assert find_credentials(APP, variable) == Credentials("variable", "secret")
    general = find_credentials(APP._replace(repository="acme/other"), environment)
    assert general == Credentials("general", "secret")
    write_settings(folder, {"auths": {"other.example": entry("other")}})
    assert find_credentials(APP, environment) is None


def test_settings_with_a_credential_helper(tmp_path: Path) -> None:
    """The helper in the settings for the repository is asked, with the registry's host."""
    folder = tmp_path / "buildx" / "config" / HOST / "acme" / "app"
    write_settings(tmp_path, {"credsStore": "missing"})
    write_settings(folder, {"credsStore": "mine"})
    helper = tmp_path / "docker-credential-mine"
    helper.write_text(
        '#!/bin/sh\nread host; echo "{\\"Username\\":\\"$host\\",\\"Secret\\":\\"x\\"}"\n'
    )
    helper.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"

    found = find_credentials(APP, {"DOCKER_CONFIG": str(tmp_path), "PATH": path})
    assert found == Credentials(HOST, "x", helper="mine")


@pytest.mark.parametrize("kind", ["text", "large", "pipe", "loop", "link to a folder"])
def test_settings_that_cannot_be_read(kind: str, tmp_path: Path) -> None:
    """The file is named; other repositories are not affected."""
    folder = tmp_path / "buildx" / "config" / HOST / "acme" / "app"
    folder.mkdir(parents=True)
    file = folder / "config.json"
    match kind:
        case "text":
            file.write_text("{")
        case "large":
            file.write_bytes(b" " * (2**20 + 1))
        case "pipe":
            os.mkfifo(file)
        case "loop":
            file.symlink_to(file)
        case _:
            file.symlink_to(tmp_path)
    environment = {"DOCKER_CONFIG": str(tmp_path)}

    with pytest.raises(InvalidSettingsError) as caught:
        find_credentials(APP, environment)
    assert str(file) in caught.value.message
    assert find_credentials(APP._replace(repository="acme/other"), environment) is None


def test_folders_that_do_not_count(tmp_path: Path) -> None:
    """Files and folders in unexpected places, and names that are too long, count as missing."""
    top = tmp_path / "config"
    (top / HOST / "acme" / "app" / "config.json").mkdir(parents=True)
    (top / HOST / "acme" / "file").touch()
    environment = {"BUILDX_CONFIG": str(tmp_path)}

    for scope in (APP, APP._replace(repository="acme/file/app"), APP._replace(host="h" * 300)):
        assert find_repository_settings(scope, environment) is None
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(
        InvalidSettingsError, match=r"cannot read the credentials of buildx in .*loop"
    ):
        find_repository_settings(APP, {"BUILDX_CONFIG": str(tmp_path / "loop")})


@pytest.fixture(params=[False, True], ids=["passwords", "tokens"])
def registry(request: pytest.FixtureRequest) -> Iterator[AccountRegistry]:
    """Run a registry with an account for each repository."""
    rights = {
        "app": {"acme/app": "pull,push"},
        "base": {"acme/base": "pull"},
        "general": {"acme/base": "pull", "acme/other": "pull"},
        "both": {"acme/app": "pull,push", "acme/base": "pull"},
    }
    running = AccountRegistry(rights, tokens=request.param)
    with serve(running):
        yield running


def accounts(folder: Path, host: str, names: Mapping[str, str]) -> dict[str, str]:
    """Write a general account and one for each name; return the environment."""
    write_settings(folder, {"auths": {host: entry("general")}})
    for name, account in names.items():
        write_settings(
            folder / "buildx" / "config" / host / name, {"auths": {host: entry(account)}}
        )
    return {"DOCKER_CONFIG": str(folder), "PATH": os.environ["PATH"]}


def test_each_request_has_the_account_of_its_repository(
    registry: AccountRegistry, tmp_path: Path
) -> None:
    """Reads and writes of a repository have its account, other repositories the general one."""
    registries = Registries(accounts(tmp_path, registry.address, {"acme/app": "app"}), attempts=1)
    app, other = f"{registry.address}/acme/app", f"{registry.address}/acme/other"

    digest = registries.put_blob(app, BLOB)
    assert registries.blob(app, digest) == BLOB
    assert registries.blob(other, digest) is None
    for _, path, account in registry.seen:
        if path != "/token":
            allowed = {"", "app"} if path.startswith("/v2/acme/app/") else {"", "general"}
            assert account in allowed


@pytest.mark.parametrize(
    ("account", "readers"), [("app", {"", "base"}), ("both", set())], ids=["of its own", "of both"]
)
def test_a_mount_has_the_account_of_its_target(
    account: str, readers: set[str], registry: AccountRegistry, tmp_path: Path
) -> None:
    """If that may not read the source, the blob is read with the account of the source."""
    names = {"acme/app": account, "acme/base": "base"}
    registries = Registries(accounts(tmp_path, registry.address, names), attempts=1)
    app, base = f"{registry.address}/acme/app", f"{registry.address}/acme/base"
    digest = digest_of(BLOB)
    registry.model.repository(base).blobs[digest] = BLOB

    registries.copy_blob(base, app, digest, len(BLOB))
    assert registry.model.repository(app).blobs == {digest: BLOB}
    assert {user for _, path, user in registry.seen if "/acme/app/" in path} == {"", account}
    reads = {user for _, path, user in registry.seen if "/acme/base/" in path}
    assert reads == readers


def test_credentials_stay_with_their_registry(registry: AccountRegistry, tmp_path: Path) -> None:
    """Another registry with a repository of the same name does not get them."""
    second = AccountRegistry({})
    with serve(second):
        environment = accounts(tmp_path, registry.address, {"acme/app": "app"})
        with pytest.raises(RegistryError, match="denied"):
            Registries(environment, attempts=1).check_writable(f"{second.address}/acme/app")
    assert {account for _, _, account in second.seen} == {""}


def test_the_remedy_names_the_folder(registry: AccountRegistry, tmp_path: Path) -> None:
    """To log in without it would change other credentials."""
    environment = accounts(tmp_path, registry.address, {"acme/app@pull,push": "nobody"})
    with pytest.raises(RegistryError) as caught:
        Registries(environment, attempts=1).check_writable(f"{registry.address}/acme/app")

    folder = tmp_path / "buildx" / "config" / registry.address / "acme" / "app@pull,push"
    login = f"`docker --config {folder} login {registry.address}`"
    assert login in caught.value.diagnostics[0].help
