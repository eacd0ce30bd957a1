"""Passwords that expire, tokens in Docker's settings, and errors that a helper must not hide."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest
from support.account_registry import AccountRegistry, Reply, entry, failure, serve
from support.model_registry import digest_of

from compiler.codes import Code
from compiler.external.registry.client import Manifest, Registries, RegistryError, RejectedError


BLOB = b"a layer"
EXPIRED = "Your authorization token has expired. Reauthenticate and try again."
COUNTING = """\
#!/bin/sh
echo >> {folder}/calls
secret=$(cat {folder}/secret)
[ "$secret" ] || {{ echo the session has expired; exit 1; }}
echo "{{\\"Username\\": \\"AWS\\", \\"Secret\\": \\"$secret\\"}}"
"""


class ExpiringRegistry(AccountRegistry):
    """A registry like ECR: an expired password, as one without permission, is status 403."""

    valid = "first"

    def special(self, method: str, path: str, authorization: str) -> Reply | None:
        """Check the password."""
        del method
        secret = base64.b64decode(authorization.partition(" ")[2]).decode().partition(":")[2]
        if not authorization:
            status, _, body = failure(401, "UNAUTHORIZED", "Not Authorized")
            return status, {"WWW-Authenticate": 'Basic realm="r"'}, body
        if secret != self.valid:
            return failure(403, "DENIED", EXPIRED)
        if "/denied/" in path:
            return failure(403, "DENIED", "not authorized to perform ecr:BatchGetImage")
        status, _, body = failure(404, "BLOB_UNKNOWN", "blob unknown")
        return status, {}, body


class HelperFolder:
    """A folder with Docker's settings and a credential helper, whose password can change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            "DOCKER_CONFIG": str(folder),
            "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        }
        program = folder / "docker-credential-mine"
        program.write_text(COUNTING.format(folder=folder))
        program.chmod(0o755)
        self.settings({"credsStore": "mine"})
        self.secret("first")

    def settings(self, content: object) -> None:
        """Write the settings."""
        (self.folder / "config.json").write_text(json.dumps(content))

    def secret(self, text: str) -> None:
        """Choose the password; with an empty one, the helper fails."""
        (self.folder / "secret").write_text(text)

    @property
    def calls(self) -> int:
        """Return how often the helper was started."""
        file = self.folder / "calls"
        return len(file.read_text().splitlines()) if file.exists() else 0


@pytest.fixture
def helper(tmp_path: Path) -> HelperFolder:
    """Provide a credential helper."""
    return HelperFolder(tmp_path)


def test_an_expired_password_is_asked_for_again(helper: HelperFolder) -> None:
    """The request is sent again with the new password, as are all later ones."""
    registry = ExpiringRegistry({})
    with serve(registry):
        registries = Registries(helper.environment, attempts=1)
        app = f"{registry.address}/acme/app"
        assert registries.digest(app, "v1") is None
        registry.valid = "second"
        helper.secret("second")
        for _ in range(3):
            assert registries.digest(app, "v1") is None
    assert helper.calls == 2
    assert len(registry.seen) == 2 + 2 + 1 + 1


def test_a_password_that_did_not_change_is_not_sent_again(helper: HelperFolder) -> None:
    """A missing permission is the same status; the helper is asked, the registry is not."""
    registry = ExpiringRegistry({})
    with serve(registry):
        registries = Registries(helper.environment, attempts=1)
        denied = f"{registry.address}/denied/app"
        for count in (2, 1):
            registry.seen.clear()
            with pytest.raises(RegistryError, match="not authorized to perform"):
                registries.put_manifest(denied, "v1", Manifest("", "text/plain", b"{}"))
            assert len(registry.seen) == count


@pytest.mark.parametrize("secret", ["", "second"])
def test_a_password_that_cannot_be_renewed(secret: str, helper: HelperFolder) -> None:
    """What the registry reports is the error, and the helper's failure part of the remedy."""
    registry = ExpiringRegistry({})
    with serve(registry):
        registries = Registries(helper.environment, attempts=1)
        app = f"{registry.address}/acme/app"
        assert registries.digest(app, "v1") is None
        registry.valid = "third"
        helper.secret(secret)
        registry.seen.clear()
        with pytest.raises(RegistryError, match="Your authorization token has expired") as caught:
            registries.manifest(app, "v1")
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code is Code.REGISTRY_DENIED
    assert ("the session has expired" in diagnostic.help) is not bool(secret)


def test_a_stored_password_is_not_sent_again(helper: HelperFolder) -> None:
    """Docker's settings do not renew it."""
    registry = ExpiringRegistry({})
    with serve(registry):
        helper.settings({"auths": {registry.address: entry("AWS", "first")}})
        registries = Registries(helper.environment, attempts=1)
        app = f"{registry.address}/acme/app"
        assert registries.digest(app, "v1") is None
        registry.valid = "second"
        registry.seen.clear()
        with pytest.raises(RegistryError, match="expired"):
            registries.put_manifest(app, "v1", Manifest("", "text/plain", b"{}"))
    assert helper.calls == 0


@pytest.mark.parametrize("more", [{}, {"auth": "YW5uOnNlY3JldA=="}, {"identitytoken": "other"}])
def test_a_token_in_the_settings(more: dict[str, str], helper: HelperFolder) -> None:
    """It is sent to the registry as it is, before other credentials; never to a token server."""
    registry = AccountRegistry({"robot": {"acme/app": "pull,push"}}, tokens=True)
    with serve(registry):
        token = "robot|repository:acme/app:pull,push"  # noqa: S105 - of a test
        helper.settings({"auths": {registry.address: {"registrytoken": token, **more}}})
        registries = Registries(helper.environment, attempts=1)
        digest = registries.put_blob(f"{registry.address}/acme/app", BLOB)
        assert registries.blob(f"{registry.address}/acme/app", digest) == BLOB
        with pytest.raises(RegistryError, match="denied") as caught:
            registries.put_blob(f"{registry.address}/acme/other", BLOB)
    assert "were rejected" in caught.value.diagnostics[0].help
    assert digest == digest_of(BLOB)
    assert not [path for _, path, _ in registry.seen if path == "/token"]


def test_a_token_does_not_answer_a_demand_for_a_password(helper: HelperFolder) -> None:
    """The password of the same entry does."""
    registry = AccountRegistry({"ann": {"acme/app": "pull,push"}})
    with serve(registry):
        app, token = f"{registry.address}/acme/app", {"registrytoken": "token"}
        helper.settings({"auths": {registry.address: token}})
        with pytest.raises(RegistryError, match="denied"):
            Registries(helper.environment, attempts=1).put_blob(app, BLOB)
        helper.settings({"auths": {registry.address: {**token, **entry("ann")}}})
        Registries(helper.environment, attempts=1).put_blob(app, BLOB)
    assert {account for _, _, account in registry.seen} == {"", "ann"}


class OpenRegistry(AccountRegistry):
    """A registry that needs no account, and rejects what is pushed."""

    rejection: Reply = failure(400, "MANIFEST_INVALID", "quota of project exceeded")

    def special(self, method: str, path: str, authorization: str) -> Reply | None:
        """Reject the request."""
        del method, path, authorization
        return self.rejection


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [(400, "MANIFEST_INVALID", RejectedError), (403, "DENIED", RegistryError)],
)
def test_a_broken_helper_does_not_hide_a_rejection(
    status: int, code: str, kind: type[RegistryError], helper: HelperFolder
) -> None:
    """The registry did not ask for credentials, so its own words are the error."""
    registry = OpenRegistry({})
    registry.rejection = failure(status, code, "quota of project exceeded")
    helper.settings({"credsStore": "desktop"})
    registries = Registries(helper.environment, attempts=1)
    with serve(registry):
        app, manifest = f"{registry.address}/acme/app", Manifest("", "text/plain", b"{}")
        with pytest.raises(kind, match="quota of project exceeded") as caught:
            registries.put_manifest(app, "v1", manifest)
    named = "docker-credential-desktop is not on PATH" in caught.value.diagnostics[0].help
    assert named is (status == 403)


def test_a_small_blob_that_needs_an_account(helper: HelperFolder) -> None:
    """The size of the blob is not the limit of the response that demands a password."""
    registry = AccountRegistry({"ann": {"acme/app": "pull", "acme/other": "pull,push"}})
    with serve(registry):
        helper.settings({"auths": {registry.address: entry("ann")}})
        app, other = f"{registry.address}/acme/app", f"{registry.address}/acme/other"
        registry.model.mounts = False
        registry.model.repository(app).blobs[digest_of(b"{}")] = b"{}"
        Registries(helper.environment, attempts=1).copy_blob(app, other, digest_of(b"{}"), 2)
    assert registry.model.repository(other).blobs == {digest_of(b"{}"): b"{}"}
