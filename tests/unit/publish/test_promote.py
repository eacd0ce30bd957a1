"""Promotion: a record is untrusted, so only this matrix's tags are moved, to verified images."""

from __future__ import annotations

import pytest
from support.model_registry import HOST, ModelRegistries, ModelRegistry, Perform
from support.releases import record_of, templates_of

from compiler.codes import Code
from compiler.errors import DiagnosticError
from compiler.external.registry.client import Manifest
from compiler.external.registry.responses import Response
from compiler.publish.promote import Promotion, promote_release
from compiler.releases.record import ReleaseRecord


REPOSITORY = f"{HOST}/acme/a"
LATEST = f"{REPOSITORY}:latest"
MATRIX = f"""\
variables: {{V: "1"}}
images:
  a: {{template: a.j2, tags: ["{REPOSITORY}:${{V}}"], moving: ["{LATEST}", "{HOST}/acme/b:latest"]}}
publish: {{version: "${{V}}"}}
"""


@pytest.fixture
def model() -> ModelRegistry:
    """Provide an empty registry."""
    return ModelRegistry()


def record(image: Manifest, *moving: str, target: str = "a") -> ReleaseRecord:
    """Return a record of version 1."""
    tags = [f"{REPOSITORY}:1"]
    return record_of("1", image, target=target, tags=tags, moving=moving or [LATEST])


def promote(model: ModelRegistry, released: ReleaseRecord, *, removed: bool = False) -> Promotion:
    """Promote version 1 of the matrix."""
    templates = templates_of(MATRIX, "1")
    return promote_release(ModelRegistries(model), released, templates, removed=removed)


def test_tags_move_back_and_forward(model: ModelRegistry) -> None:
    """The images are copied to other repositories first; a second promotion changes nothing."""
    old = model.add_image(REPOSITORY, "old", "1")
    model.add_image(REPOSITORY, "new", "2", "latest")
    released = record(old, LATEST, f"{HOST}/acme/b:latest")

    assert promote(model, released) == ({LATEST: True, f"{HOST}/acme/b:latest": True}, {})
    assert model.digest(LATEST) == model.digest(f"{HOST}/acme/b:latest") == old.digest
    assert model.repository(f"{HOST}/acme/b").missing(old.digest) == []
    model.writes.clear()
    assert promote(model, released) == ({LATEST: False, f"{HOST}/acme/b:latest": False}, {})
    assert model.writes == []


def test_other_tags_are_skipped(model: ModelRegistry) -> None:
    """A record cannot move tags of other repositories, version tags, or our own tags."""
    image = model.add_image(REPOSITORY, "old", "1")
    foreign = f"{HOST}/another-team/server:latest"
    names = [foreign, f"{REPOSITORY}:2", f"{REPOSITORY}:release-1", f"{REPOSITORY}:stable"]
    reasons = [
        "skipped: the matrix has no tag in this repository",
        "skipped: it is not a floating tag",
        "skipped: it is not a floating tag",
    ]
    released = record(image, *names, target="gone")

    kept = {**dict(zip(names, reasons, strict=False)), names[3]: "the matrix has no target gone"}
    _, skipped = promote(model, released)
    assert skipped == {
        **kept,
        names[3]: "skipped: the matrix has no target gone; pass `--removed` to move the tag",
    }
    moved, skipped = promote(model, released, removed=True)
    assert moved == {names[3]: True}
    assert list(skipped) == names[:3]
    assert promote(model, record(image, names[3])) == (
        {},
        {names[3]: "skipped: the matrix has no such floating tag"},
    )
    assert model.digest(foreign) is None


@pytest.mark.parametrize(
    ("version_tag", "stored", "code"),
    [
        ("old", True, None),
        ("new", True, Code.BAD_RECORD),
        (None, True, Code.MISSING_IMAGE),
        (None, False, Code.MISSING_IMAGE),
    ],
)
def test_the_record_is_verified(
    version_tag: str | None, code: Code | None, model: ModelRegistry, *, stored: bool
) -> None:
    """Its images exist, and its version tags name them; otherwise no tag is moved."""
    old = ModelRegistry().add_image(REPOSITORY, "old")
    if stored:
        model.add_image(REPOSITORY, "old")
    new = model.add_image(REPOSITORY, "new", "latest")
    if version_tag:
        model.add_image(REPOSITORY, version_tag, "1")

    if code is None:
        promote(model, record(old))
        assert model.digest(LATEST) == old.digest
        return
    with pytest.raises(DiagnosticError) as caught:
        promote(model, record(old))
    assert {diagnostic.code for diagnostic in caught.value.diagnostics} == {code}
    assert caught.value.outcome == "no tag was moved"
    assert model.digest(LATEST) == new.digest


def test_another_run_moves_a_tag(model: ModelRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is reported, and not moved again."""
    monkeypatch.setattr("compiler.publish.create_tag.pause", lambda _: False)
    old = model.add_image(REPOSITORY, "old", "1")
    new = model.add_image(REPOSITORY, "new", "2")

    def gate(method: str, path: str, perform: Perform) -> Response:
        response = perform()
        if method == "PUT" and path.endswith("latest"):
            model.repository(REPOSITORY).set_tag("latest", new.digest)
        return response

    with pytest.raises(DiagnosticError) as caught:
        promote_release(ModelRegistries(model, gate), record(old), templates_of(MATRIX, "1"))

    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code is Code.CONCURRENT_RELEASE
    assert diagnostic.message == (
        f"another run has moved the floating tag {LATEST} to {new.digest}"
    )
