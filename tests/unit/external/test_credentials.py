"""Broken settings of Docker and broken credential helpers."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from compiler.codes import Code
from compiler.external.registry.authorization import Authorizer
from compiler.external.registry.credential_helpers import Credentials, InvalidSettingsError
from compiler.external.registry.credentials import find_credentials
from compiler.external.registry.docker_settings import AUTH_VARIABLE
from compiler.external.registry.responses import RegistryError
from compiler.external.registry.scopes import Scope
from compiler.external.registry.sessions import Sessions


HOST = "registry.example"
SCOPE = Scope(HOST, "acme/app")


def environment(folder: Path, script: str = "") -> dict[str, str]:
    """Return an environment whose settings name the credential helper `mine`."""
    (folder / "config.json").write_text(json.dumps({"credHelpers": {HOST: "mine"}}))
    if script:
        helper = folder / "docker-credential-mine"
        helper.write_text(f"#!/bin/sh\n{script}\n")
        helper.chmod(0o755)
    return {"DOCKER_CONFIG": str(folder), "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("", "credential helper docker-credential-mine is not on PATH"),
        (
            "echo the session has expired; exit 1",
            "helper docker-credential-mine failed: the session",
        ),
        ("echo no keychain >&2; exit 2", "helper docker-credential-mine failed: no keychain"),
        ("exit 3", "helper docker-credential-mine failed: exit code 3"),
        ("head -c 10000000 /dev/zero", "was stopped: it wrote more than 1,048,576 bytes"),
        ("exec <&-; yes >&2", "was stopped: it wrote more than 1,048,576 bytes"),
        ("echo hello", "helper docker-credential-mine did not print a JSON object"),
        (
            """echo '{"Username": "a", "Secret": "\\ud800"}'""",
            "helper docker-credential-mine printed text that is not Unicode",
        ),
    ],
)
def test_a_broken_credential_helper_is_named(tmp_path: Path, script: str, message: str) -> None:
    """It is not the same as having no credentials: `docker login` does not help."""
    with pytest.raises(InvalidSettingsError, match=message) as caught:
        find_credentials(SCOPE, environment(tmp_path, script))

    assert "docker login" not in caught.value.help


def test_a_helper_without_credentials(tmp_path: Path) -> None:
    """Helpers report a missing entry as an error; it means that nothing is stored."""
    script = "echo credentials not found in native keychain; exit 1"

    assert find_credentials(SCOPE, environment(tmp_path, script)) is None


@pytest.mark.parametrize("content", [b'{"auths": {', b"[]", b"\xff", b"[" * 100_000])
def test_invalid_settings_are_named(tmp_path: Path, content: bytes) -> None:
    """The file is named, as the diagnostic of a registry."""
    own = environment(tmp_path)
    (tmp_path / "config.json").write_bytes(content)

    with pytest.raises(RegistryError, match=r"config\.json are not a JSON object") as caught:
        Authorizer(own, Sessions(own)).authorize(SCOPE, 'Basic realm="r"')

    assert caught.value.diagnostics[0].code is Code.REGISTRY_DENIED


@pytest.mark.parametrize("content", ["", "\n"])
def test_an_empty_file_has_no_settings(tmp_path: Path, content: str) -> None:
    """Docker reads it like that."""
    own = environment(tmp_path)
    (tmp_path / "config.json").write_text(content)

    assert find_credentials(SCOPE, own) is None


def test_settings_that_cannot_be_read(tmp_path: Path) -> None:
    """A folder in place of the file is reported; a missing file is not an error."""
    own = environment(tmp_path)
    (tmp_path / "config.json").unlink()

    assert find_credentials(SCOPE, own) is None
    (tmp_path / "config.json").mkdir()
    with pytest.raises(InvalidSettingsError, match="cannot read Docker's settings"):
        find_credentials(SCOPE, own)


@pytest.mark.parametrize(
    "content",
    [
        '{"auths":',
        '["x"]',
        '{"auths": "x"}',
        '{"auths": {"HOST": "x"}}',
        '{"auths": {"HOST": {"auth": "not base64!"}}}',
        '{"auths": {"HOST": {"auth": "\xe9=="}}}',
        '{"auths": {"https://HOST/v2/": {"auth": "YW5u"}}}',
        r'{"auths": {"HOST": {"username": "\ud800", "password": "x"}}}',
        r'{"auths": {"HOST": {"identitytoken": "\ud800"}}}',
        r'{"auths": {"HOST": {"registrytoken": "two words"}}}',
        r'{"auths": {"HOST": {"registrytoken": "a\r\nb"}}}',
        '{"auths":\udcff',
    ],
)
def test_stored_credentials_that_are_malformed(tmp_path: Path, content: str) -> None:
    """The variable or the file is named: it is not the same as having no credentials."""
    text = content.replace("HOST", HOST)
    own = {"DOCKER_CONFIG": str(tmp_path)}
    with pytest.raises(InvalidSettingsError, match=f"variable {AUTH_VARIABLE}"):
        find_credentials(SCOPE, {**own, AUTH_VARIABLE: text})
    (tmp_path / "config.json").write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(InvalidSettingsError, match=r"settings .*config\.json"):
        find_credentials(SCOPE, own)


@pytest.mark.parametrize("entry", ["{}", '{"auth": ""}', '{"auth": "YW5uOg=="}'])
def test_an_entry_without_credentials(tmp_path: Path, entry: str) -> None:
    """The docker command writes an empty entry next to a helper; other entries do not matter."""
    text = f'{{"auths": {{"{HOST}": {entry}, "other.example": "x"}}}}'
    own = {"DOCKER_CONFIG": str(tmp_path), AUTH_VARIABLE: " "}

    assert find_credentials(SCOPE, {**own, AUTH_VARIABLE: text}) is None
    (tmp_path / "config.json").write_text(text)
    assert find_credentials(SCOPE, own) is None


def test_settings_that_are_a_pipe(tmp_path: Path) -> None:
    """Reading it would wait for a writer."""
    os.mkfifo(tmp_path / "config.json")

    with pytest.raises(InvalidSettingsError, match="regular file"):
        find_credentials(SCOPE, {"DOCKER_CONFIG": str(tmp_path)})


@pytest.mark.parametrize(
    "other", ["http://HOST/v1/", "https://HOST/v1/", "https://HOST", "HOST/other"]
)
@pytest.mark.parametrize("auth", ["b2xkOm9sZA==", "%%%"])
def test_the_exact_name_has_precedence(other: str, auth: str, tmp_path: Path) -> None:
    """Other spellings count if it is missing, whatever the order; only then they can be invalid."""
    own = {"DOCKER_CONFIG": str(tmp_path)}
    entries = {other.replace("HOST", HOST): {"auth": auth}, HOST: {"auth": "YW5uOng="}}
    for order in (entries, dict(reversed(entries.items()))):
        (tmp_path / "config.json").write_text(json.dumps({"auths": order}))
        assert find_credentials(SCOPE, own) == Credentials("ann", "x")
        found = find_credentials(SCOPE, {"HOME": "/", AUTH_VARIABLE: json.dumps({"auths": order})})
        assert found == Credentials("ann", "x")

    (tmp_path / "config.json").write_text(
        json.dumps({"auths": {other.replace("HOST", HOST): {"auth": auth}}})
    )
    if auth == "%%%":
        with pytest.raises(InvalidSettingsError, match="cannot be decoded"):
            find_credentials(SCOPE, own)
    else:
        assert find_credentials(SCOPE, own) == Credentials("old", "old")


def test_the_case_of_a_host_does_not_matter(tmp_path: Path) -> None:
    """Names of hosts are compared without regard to upper case, in entries and for helpers."""
    own = environment(tmp_path, 'echo \'{"Username": "bob", "Secret": "x"}\'')
    for settings, user in (
        ({"auths": {HOST.upper(): {"auth": "YW5uOng="}}}, "ann"),
        ({"credHelpers": {HOST.upper(): "mine"}}, "bob"),
    ):
        (tmp_path / "config.json").write_text(json.dumps(settings))
        found = find_credentials(SCOPE, own)
        assert found is not None
        assert found.user == user


@pytest.mark.parametrize("helper", ["", None])
def test_an_empty_helper_name_turns_the_store_off(helper: str | None, tmp_path: Path) -> None:
    """Other registries keep it."""
    settings = {
        "credsStore": "missing",
        "credHelpers": {HOST: helper, "https://index.docker.io/v1/": helper},
        "auths": {HOST: {"auth": "YW5uOng="}, "docker.io": {"auth": "Ym9iOng="}},
    }
    (tmp_path / "config.json").write_text(json.dumps(settings))
    own = {"DOCKER_CONFIG": str(tmp_path), "PATH": "/nowhere"}

    assert find_credentials(SCOPE, own) == Credentials("ann", "x")
    assert find_credentials(Scope("docker.io", "acme/app"), own) == Credentials("bob", "x")
    with pytest.raises(InvalidSettingsError, match="docker-credential-missing is not on PATH"):
        find_credentials(Scope("other.example", "acme/app"), own)
