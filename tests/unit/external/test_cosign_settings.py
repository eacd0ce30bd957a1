"""The credentials that cosign finds, which reads one file of Docker's settings."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support.account_registry import entry

from compiler.errors import Location
from compiler.external.cosign import Cosign, CosignError
from compiler.external.cosign_settings import provide_settings
from compiler.external.registry.docker_settings import AUTH_VARIABLE
from compiler.external.registry.scopes import READ, WRITE
from compiler.external.signer import Signer


HOST = "registry.example"
DIGEST = f"sha256:{'0' * 64}"
APP, OTHER = f"{HOST}/acme/app", f"{HOST}/acme/other"


def write(folder: Path, content: Mapping[str, object]) -> None:
    """Write Docker's settings into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(content))


def account(settings: Mapping[str, Any], repository: str) -> str:
    """Return the account that cosign uses for a repository, by the rules of Docker's library.

    An exact key comes first, then any entry whose host is that key; a helper prevents both.
    """
    host = repository.partition("/")[0]
    host_key = "https://index.docker.io/v1/" if host == "index.docker.io" else host
    auths = settings.get("auths", {})
    for key in (repository, host_key):
        helper = settings.get("credHelpers", {}).get(key, settings.get("credsStore"))
        if helper:
            return f"{helper} {key}"
        others = [one for name, one in auths.items() if name.split("://")[-1].split("/")[0] == key]
        found = auths.get(key, others[0] if others else {})
        if found:
            secret = base64.b64decode(found.get("auth", "")).decode()
            return secret.partition(":")[0] or json.dumps(found)
    return ""


def provided(
    folder: Path, *references: str, actions: frozenset[str] = WRITE, variable: str = ""
) -> Mapping[str, Any]:
    """Return the settings that cosign reads."""
    environment = {"DOCKER_CONFIG": str(folder), AUTH_VARIABLE: variable}
    named = [f"{name}@{DIGEST}" for name in references]
    own = provide_settings(named, actions, environment, str(folder))
    settings: Mapping[str, Any] = json.loads(Path(own["DOCKER_CONFIG"], "config.json").read_text())
    return settings


@pytest.mark.parametrize(
    ("general", "expected"),
    [
        ({}, ""),
        ({"auths": {HOST: entry("general")}}, "general"),
        ({"auths": {f"https://{HOST}/v1/": entry("general")}}, "general"),
        ({"credHelpers": {HOST: "mine"}}, f"mine {HOST}"),
    ],
)
def test_credentials_for_one_repository(
    general: Mapping[str, object], expected: str, tmp_path: Path
) -> None:
    """Other repositories of the registry keep the general account, or have none."""
    write(tmp_path, general)
    write(tmp_path / "buildx" / "config" / HOST / "acme" / "app", {"auths": {HOST: entry("app")}})
    settings = provided(tmp_path, APP, OTHER)

    assert account(settings, APP) == "app"
    assert account(settings, OTHER) == expected


def test_a_store_does_not_hide_credentials(tmp_path: Path) -> None:
    """The user's own `credsStore` remains for other repositories."""
    write(tmp_path, {"credsStore": "desktop", "proxies": {}})
    write(tmp_path / "buildx" / "config" / HOST / "acme" / "app", {"auths": {HOST: entry("app")}})
    settings = provided(tmp_path, APP)

    assert account(settings, APP) == "app"
    assert account(settings, OTHER) == f"desktop {OTHER}"
    assert "proxies" in settings


def test_the_action_decides(tmp_path: Path) -> None:
    """Signing writes, verifying reads."""
    top = tmp_path / "buildx" / "config" / HOST / "acme"
    write(top / "app@pull,push", {"auths": {HOST: entry("writer")}})
    write(top / "app@pull", {"auths": {HOST: entry("reader")}})

    assert account(provided(tmp_path, APP), APP) == "writer"
    assert account(provided(tmp_path, APP, actions=READ), APP) == "reader"


@pytest.mark.parametrize(
    "stored", [{"identitytoken": "token"}, {"registrytoken": "token"}, {"username": "ann"}]
)
def test_tokens(stored: dict[str, str], tmp_path: Path) -> None:
    """They are passed on; an entry without a secret does not count."""
    folder = tmp_path / "buildx" / "config" / HOST / "acme" / "app"
    write(folder, {"auths": {HOST: stored}})
    if "username" not in stored:
        assert json.loads(account(provided(tmp_path, APP), APP)) == stored
        return
    environment = {"DOCKER_CONFIG": str(tmp_path)}
    named = [f"{APP}@{DIGEST}"]
    assert provide_settings(named, WRITE, environment, str(tmp_path)) == environment


def test_docker_hub(tmp_path: Path) -> None:
    """Cosign has another name for it than buildx."""
    folder = tmp_path / "buildx" / "config" / "registry-1.docker.io" / "acme" / "app"
    write(folder, {"auths": {"https://index.docker.io/v1/": entry("app")}})
    write(tmp_path, {"auths": {"https://index.docker.io/v1/": entry("general")}})
    settings = provided(tmp_path, "acme/app", "acme/other")

    assert account(settings, "index.docker.io/acme/app") == "app"
    assert account(settings, "index.docker.io/acme/other") == "general"


def test_the_variable_has_precedence(tmp_path: Path) -> None:
    """As for our own requests; other registries keep their accounts."""
    top = tmp_path / "buildx" / "config"
    for host in (HOST, "second.example"):
        write(top / host / "acme" / "app", {"auths": {host: entry("app")}})
    variable = json.dumps({"auths": {f"https://{HOST}/v2/": entry("variable")}})
    settings = provided(tmp_path, APP, "second.example/acme/app", variable=variable)

    assert account(settings, APP) == "variable"
    assert account(settings, "second.example/acme/app") == "app"


def test_errors(tmp_path: Path) -> None:
    """A file that cannot be read is reported where the signer is named."""
    folder = tmp_path / "buildx" / "config" / HOST / "acme" / "app"
    write(folder, {"auths": {HOST: entry("app")}})
    environment = {"DOCKER_CONFIG": str(tmp_path), "PATH": "/nowhere"}
    place = Location(path="matrix.yaml", line=3)
    cosign = Cosign(Signer(identity="a", issuer="b"), environment, place, str(tmp_path / "none"))
    with pytest.raises(CosignError, match="cannot write credentials: No such file"):
        cosign.sign([f"{APP}@{DIGEST}"])
    (folder / "config.json").write_text("{")
    for step in (cosign.sign, cosign.verify):
        with pytest.raises(CosignError, match=r"app/config\.json are not a JSON object"):
            step([f"{APP}@{DIGEST}"])
