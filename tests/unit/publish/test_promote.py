"""Promotion: a record is untrusted, so only this matrix's tags are moved, to verified images."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.model_registry import HOST, ModelRegistries, ModelRegistry, Perform, add_index
from support.releases import record_of, released_target, templates_of

from compiler.codes import Code
from compiler.errors import DiagnosticError
from compiler.external.registry.client import Manifest
from compiler.external.registry.responses import Response
from compiler.publish.promote import Promotion, promote_release
from compiler.releases.record import RecordedPlatformTags, ReleasedIndex, ReleaseRecord


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


@pytest.mark.parametrize("renamed", ["v1", "1-slim", "1.0"])
def test_version_tags_that_were_renamed(renamed: str, model: ModelRegistry) -> None:
    """They are version tags of the same release, unless another release could have them."""
    image = model.add_image(REPOSITORY, "old", renamed)
    released = record_of("1", image, target="a", tags=[f"{REPOSITORY}:{renamed}"], moving=[LATEST])

    assert promote(model, released) == ({LATEST: True}, {})


def test_the_names_of_a_repository(model: ModelRegistry) -> None:
    """A record and the matrix may name Docker Hub differently."""
    image = model.add_image("registry-1.docker.io/acme/a", "old", "1")
    tags = ["docker.io/acme/a:1"]
    released = record_of("1", image, target="a", tags=tags, moving=["docker.io/acme/a:latest"])
    templates = templates_of(MATRIX.replace(HOST + "/", ""), "1")

    promotion = promote_release(ModelRegistries(model), released, templates)

    assert promotion == ({"docker.io/acme/a:latest": True}, {})


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


@pytest.mark.parametrize(
    "tags",
    [
        [],
        [f"{HOST}/other/x:1"],
        [f"{REPOSITORY}:fp-{'b' * 64}"],
        [f"{REPOSITORY}:latest"],
        [f"{REPOSITORY}:2"],
    ],
    ids=["none", "another repository", "staged", "floating", "another release"],
)
def test_an_image_that_no_version_tag_names(tags: list[str], model: ModelRegistry) -> None:
    """Staged images, other repositories and other releases do not count."""
    for tag in tags:
        model.add_image(tag.rpartition(":")[0], "staged", tag.rpartition(":")[2])
    image = model.add_image(f"{HOST}/acme/b", "staged")
    model.add_image(REPOSITORY, "staged")
    released = record_of("1", image, tags=tags, moving=[f"{HOST}/acme/b:latest"])

    with pytest.raises(DiagnosticError) as caught:
        promote(model, released)

    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code is Code.BAD_RECORD
    assert diagnostic.message == (
        f"no version tag of release 1 names the image for {HOST}/acme/b:latest: {image.digest} (a)"
    )
    assert diagnostic.help == "publish the release again, or promote another one"
    assert caught.value.outcome == "no tag was moved"
    assert model.digest(f"{HOST}/acme/b:latest") is None


def test_a_version_tag_of_two_images(model: ModelRegistry) -> None:
    """A record cannot list the tag of one image for another one as well."""
    staged = model.add_image(REPOSITORY, "staged")
    image = model.add_image(REPOSITORY, "old", "1")
    forged = record(staged, f"{HOST}/acme/b:latest")
    both = replace(forged, targets=(*forged.targets, *record(image, target="b").targets))

    with pytest.raises(DiagnosticError, match="but the record of 1 has"):
        promote(model, both)
    assert model.digest(f"{HOST}/acme/b:latest") is None


def test_tags_of_a_removed_target(model: ModelRegistry) -> None:
    """The matrix cannot produce its version tags; those of the record count.

    The same is true for version tags that were renamed.
    """
    image = model.add_image(REPOSITORY, "old", "gone-1")

    def recorded(tag: str) -> ReleaseRecord:
        moving = [LATEST, f"{REPOSITORY}:gone"]
        return record_of("1", image, target="gone", tags=[f"{REPOSITORY}:{tag}"], moving=moving)

    released = recorded("gone-1")

    assert promote(model, released).moved == {LATEST: True}
    moved = promote(model, released, removed=True).moved
    assert moved == {LATEST: False, f"{REPOSITORY}:gone": True}

    for tag in (f"fp-{'b' * 64}", "latest", "2"):
        model.repository(REPOSITORY).set_tag(tag, image.digest)
        with pytest.raises(DiagnosticError, match="no version tag of release 1 names"):
            promote(model, recorded(tag), removed=True)


def test_a_target_for_which_the_matrix_has_no_version_tags(model: ModelRegistry) -> None:
    """Nothing can verify its image. This does not hold for the tags of other targets."""
    edge = f"{REPOSITORY}:edge"
    more = f'  edge: {{template: a.j2, moving: ["{edge}"]}}\npublish:'
    templates = templates_of(MATRIX.replace("publish:", more), "1")
    image = model.add_image(REPOSITORY, "staged")

    released = record_of("1", image, target="edge", tags=[], moving=[edge])
    assert promote_release(ModelRegistries(model), released, templates).moved == {edge: True}
    forged = record_of("1", image, target="edge", tags=[], moving=[edge, LATEST])
    with pytest.raises(DiagnosticError, match=f"names the image for {LATEST}"):
        promote_release(ModelRegistries(model), forged, templates)


COMPOSED = f"""\
variables: {{V: "1"}}
axes: {{n: {{1: {{platforms: [linux/amd64]}}, 2: {{platforms: [linux/arm64]}}}}}}
images:
  a:
    template: a.j2
    TAGS
    shared: {{moving: ["{REPOSITORY}:all"]}}
    platform-tags: {{moving: ["{REPOSITORY}:{{{{ platform.arch }}}}"]}}
publish: {{version: "${{V}}"}}
"""
OWN = f'tags: ["{REPOSITORY}:{{{{ n }}}}-${{V}}"]'
SHARED = f'moving: ["{REPOSITORY}:{{{{ n }}}}"]'


def composed_record(model: ModelRegistry, *released: str) -> ReleaseRecord:
    """Return a record of two targets, of which those of `released` have version tags."""
    images = {name: model.add_image(REPOSITORY, name) for name in ("amd64", "arm64")}
    rows = []
    for number, (name, image) in enumerate(images.items(), 1):
        own = add_index(model, REPOSITORY, {name: image})
        tags = [f"{REPOSITORY}:{number}-1"] if name in released else []
        for _ in tags:
            model.repository(REPOSITORY).set_tag(f"{number}-1", own.digest)
        row = released_target(
            f"a-{number}",
            own.digest,
            tags=tags,
            moving=[],
            platforms={f"linux/{name}": image.digest},
        )
        platform_tags = RecordedPlatformTags(f"linux/{name}", (), (f"{REPOSITORY}:{name}",))
        rows.append(replace(row, platform_tags=(platform_tags,)))
    index = ReleasedIndex(
        targets=("a-1", "a-2"),
        tags=(),
        moving=(f"{REPOSITORY}:all",),
        digest=add_index(model, REPOSITORY, images).digest,
    )
    return ReleaseRecord(release="1", targets=tuple(rows), indexes=(index,))


def test_images_without_version_tags_of_their_own(model: ModelRegistry) -> None:
    """An index and the image of a platform consist of what version tags of targets name."""
    templates = templates_of(COMPOSED.replace("TAGS", OWN), "1")
    names = [f"{REPOSITORY}:{name}" for name in ("amd64", "arm64", "all")]

    with pytest.raises(DiagnosticError) as caught:
        promote_release(ModelRegistries(model), composed_record(model, "amd64"), templates)
    messages = [diagnostic.message for diagnostic in caught.value.diagnostics]
    assert [name for name in names if any(f" {name}: " in text for text in messages)] == names[1:]
    released = composed_record(model, "amd64", "arm64")
    promoted = promote_release(ModelRegistries(model), released, templates)
    assert promoted == (dict.fromkeys(names, True), {})


def test_a_target_in_an_index_with_a_version_tag(model: ModelRegistry) -> None:
    """The index of the release names the images of the target's platforms."""
    text = COMPOSED.replace("TAGS", SHARED).replace(
        "shared: {", f'shared: {{tags: ["{REPOSITORY}:all-${{V}}"], '
    )
    image = composed_record(model).targets[0]
    row = replace(image, moving=(f"{REPOSITORY}:1",), platform_tags=())
    (index,) = composed_record(model).indexes
    released = ReleaseRecord(release="1", targets=(row,), indexes=(index,))
    templates = templates_of(text, "1")

    with pytest.raises(DiagnosticError, match=f"names the image for {REPOSITORY}:1"):
        promote_release(ModelRegistries(model), released, templates)
    model.repository(REPOSITORY).set_tag("all-1", index.digest)
    shared = replace(index, tags=(f"{REPOSITORY}:all-1",))
    promoted = promote_release(
        ModelRegistries(model), replace(released, indexes=(shared,)), templates
    )
    assert promoted.moved == {f"{REPOSITORY}:1": True, f"{REPOSITORY}:all": True}


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
