"""Registries that deny reading: a repository is missing, or the account may not do that."""

from __future__ import annotations

from typing import Any

import pytest
from support.model_registry import HOST, ModelRegistries, ModelRegistry, Perform

from compiler.external.registry.authorization import Authorizer
from compiler.external.registry.listings import Referrers
from compiler.external.registry.responses import DeniedError, RejectedError, Response


REPOSITORY = f"{HOST}/acme/app"


def registries(model: ModelRegistry, *denied: str) -> ModelRegistries:
    """Return a client of a registry that denies reading paths with one of these texts."""

    def gate(method: str, path: str, perform: Perform) -> Response:
        if method in {"GET", "HEAD"} and any(text in path for text in denied):
            return Response(
                status=403,
                reason="Forbidden",
                url=path,
                redirected=False,
                headers={},
                content=b'{"errors": [{"code": "DENIED", "message": "not authorized"}]}',
            )
        return perform()

    return ModelRegistries(model, gate)


@pytest.fixture(autouse=True)
def _logged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Log in to each registry."""
    monkeypatch.setattr(Authorizer, "find_login", lambda *_: (True, ""))


@pytest.mark.parametrize("exists", [True, False])
def test_an_account_that_may_not_list_tags(*, exists: bool) -> None:
    """Without the list, floating tags could move back; the help names the permission."""
    model = ModelRegistry()
    if exists:
        model.add_image(REPOSITORY, "a", "1")
    client = registries(model, "/tags/list")

    assert bool(client.digest(REPOSITORY, "1")) == exists
    with pytest.raises(DeniedError) as caught:
        client.tags(REPOSITORY)
    assert "ecr:ListImages" in caught.value.diagnostics[0].help
    assert "not authorized" in caught.value.diagnostics[0].message
    assert not client.denies_reading(REPOSITORY)


def test_a_registry_that_denies_the_list_of_referrers() -> None:
    """Where manifests can be read, the API is missing; `gc` must know that it was denied."""
    model = ModelRegistry()
    digest = model.add_image(REPOSITORY, "a", "1").digest
    client = registries(model, "/referrers/")

    assert client.manifest(REPOSITORY, digest) is not None
    assert client.referrers(REPOSITORY, digest) == []
    with pytest.raises(DeniedError):
        client.find_referrers(REPOSITORY, digest)


@pytest.mark.parametrize("stored", [True, False])
def test_denied_referrers_need_no_account(*, stored: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """An anonymous request is denied in the same way as one with credentials."""
    monkeypatch.setattr(Authorizer, "find_login", lambda *_: (stored, "log in"))
    model = ModelRegistry()
    digest = model.add_image(REPOSITORY, "a", "1").digest
    client = registries(model, "/referrers/")

    assert client.manifest(REPOSITORY, digest) is not None
    assert client.referrers(REPOSITORY, digest) == []


def test_the_reason_for_a_rejected_head_is_quoted() -> None:
    """Its response has no body; that of GET has one."""

    def gate(method: str, path: str, _perform: Perform) -> Response:
        body = b'{"errors": [{"code": "X", "message": "project is suspended"}]}'
        content = body if method == "GET" else b""
        return Response(
            status=409, reason="Conflict", url=path, redirected=False, headers={}, content=content
        )

    with pytest.raises(RejectedError, match="409 project is suspended"):
        ModelRegistries(ModelRegistry(), gate).digest(REPOSITORY, "1")


@pytest.mark.parametrize("status", [403, 405, 501])
def test_a_registry_that_rejects_head(status: int) -> None:
    """GET shows what it has, for manifests and blobs alike."""

    def gate(method: str, path: str, perform: Perform) -> Response:
        if method != "HEAD":
            return perform()
        return Response(
            status=status, reason="No", url=path, redirected=False, headers={}, content=b""
        )

    model = ModelRegistry()
    image = model.add_image(REPOSITORY, "a", "1")
    client = ModelRegistries(model, gate)

    assert client.digest(REPOSITORY, "1") == image.digest
    assert client.digest(REPOSITORY, "2") is None
    assert client.has_blob(REPOSITORY, str(image.data["config"]["digest"]))
    assert not client.has_blob(REPOSITORY, f"sha256:{'0' * 64}")


def test_referrers_of_a_failing_registry() -> None:
    """A registry that fails for each manifest is asked again for the first one only."""
    attempts: list[int] = []

    def read(_method: str, repository: str, path: str, **options: Any) -> Response | None:
        attempts.append(options["attempts"])
        error = RejectedError(repository, path, status=500, help_="")
        error.is_transient = True
        raise error

    referrers = Referrers(read, "")
    lists = [referrers.list(f"{host}/x", f"sha256:{'0' * 64}") for host in ("a.b", "A.b", "c.d")]

    assert lists == [None, None, None]
    assert attempts == [5, 1, 5]


def test_an_account_that_may_push_and_not_pull() -> None:
    """It looks like a missing repository until something is read from it."""
    client = registries(ModelRegistry(), "/")

    assert client.tags(REPOSITORY) == []
    assert client.digest(REPOSITORY, "1") is None
    assert client.denies_reading(REPOSITORY)


def test_a_repository_that_was_read_is_not_missing() -> None:
    """Access that is denied later is an error."""
    model = ModelRegistry()
    image = model.add_image(REPOSITORY, "a", "1")
    client = registries(model, "/blobs/")

    assert client.manifest(REPOSITORY, "1")
    with pytest.raises(DeniedError):
        client.blob(REPOSITORY, str(image.data["config"]["digest"]))
