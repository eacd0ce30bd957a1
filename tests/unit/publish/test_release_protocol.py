"""Single runs of `publish` against a registry in memory: the order, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from support.model_registry import HOST, ModelRegistries
from support.release_actors import (
    COPY,
    FLOATING,
    STAGING,
    Actor,
    Task,
    World,
    fingerprint,
    patched,
    version_tags,
)
from support.releases import released_target

from compiler.codes import Code
from compiler.errors import DiagnosticError
from compiler.external.registry.copying import Copier
from compiler.publish.output import format_notes
from compiler.publish.request import PublishRequest
from compiler.publish.result import KeptReason, PublishResult
from compiler.releases.record import ReleaseRecord
from compiler.releases.registry_record import pull_stored_record, push_record


OTHER = f"{HOST}/acme/other"
ONE, TWO, THREE = (Task(version=version, content=version) for version in "123")


@pytest.fixture
def world() -> Iterator[World]:
    """Provide an empty registry and a mirror."""
    with patched(World(1)) as found:
        yield found


def publish(world: World, task: Task) -> PublishResult:
    """Publish, which must succeed."""
    (actor,) = world.run(task)
    assert isinstance(actor.result, PublishResult), actor.error
    return actor.result


def failure(world: World, task: Task) -> DiagnosticError:
    """Publish, which must fail with an error for the user."""
    (actor,) = world.run(task)
    assert isinstance(actor.error, DiagnosticError)
    return actor.error


def test_a_mirror_that_rejects_a_blob(world: World) -> None:
    """No version tag exists anywhere, and floating tags stay where they are."""
    publish(world, ONE)
    before = {tag: world.model.digest(tag) for tag in FLOATING}
    world.fault = lambda _actor, method, path: (
        "reject" if method == "PUT" and path.startswith(f"{COPY}/blobs/") else ""
    )

    error = failure(world, TWO)

    assert f"cannot write to {COPY}: 400 no" in str(error)
    assert error.outcome.startswith("no tag was created")
    tags = [tag for target in TWO.targets for tag in version_tags(target, "2")]
    assert [world.model.digest(tag) for tag in tags] == [None] * len(tags)
    assert {tag: world.model.digest(tag) for tag in FLOATING} == before
    world.fault = lambda *_: ""
    publish(world, TWO)
    assert None not in [world.model.digest(tag) for tag in tags]


def test_publishing_again_does_not_undo_a_rollback(world: World) -> None:
    """It says so; a newer version moves the tags."""
    publish(world, ONE)
    publish(world, TWO)
    world.run(replace(ONE, promotes=True))
    before = {tag: world.model.digest(tag) for tag in FLOATING}

    kept = publish(world, TWO).kept_tags

    assert kept == dict.fromkeys(FLOATING, ("1", KeptReason.RETURNED))
    assert {tag: world.model.digest(tag) for tag in FLOATING} == before
    assert publish(world, THREE).kept_tags == {}


@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_version_whose_tags_were_renamed(world: World, *, elsewhere: bool) -> None:
    """Its record is not replaced by one of other inputs: the recorded tags still name its images.

    Tags in repositories that the matrix does not have are those of another matrix.
    """
    publish(world, ONE)
    registries = ModelRegistries(world.model)
    stored = pull_stored_record(registries, STAGING, "1")
    assert stored is not None
    renamed = [
        replace(one, tags=(f"{OTHER if elsewhere else STAGING}:{one.target}-v1",))
        for one in stored.record.targets
    ]
    for one in renamed:
        manifest = registries.manifest(STAGING, one.digest)
        assert manifest is not None
        registries.put_manifest(STAGING, f"{one.target}-v1", manifest)
    for tag in [tag for tag in world.model.repository(STAGING).tags if tag.endswith("-1")]:
        if not tag.startswith("release-"):
            world.model.repository(STAGING).set_tag(tag, None)
    record = replace(stored.record, targets=tuple(renamed))
    push_record(registries, STAGING, record)

    error = failure(world, Task(version="1", content="fixed"))

    assert {diagnostic.code for diagnostic in error.diagnostics} == {Code.EXISTING_TAG}
    assert "1 is released with another image as" in str(error)
    assert error.outcome == "nothing was built"
    again = pull_stored_record(registries, STAGING, "1")
    assert again is not None
    assert again.record == record
    assert publish(world, Task(version="1", content="fixed", replace=True)).record


def test_a_record_with_targets_of_another_matrix(world: World) -> None:
    """The record keeps them, and the result says that the matrix lacks them."""
    publish(world, ONE)
    registries = ModelRegistries(world.model)
    stored = pull_stored_record(registries, STAGING, "1")
    assert stored is not None
    tags = [f"{OTHER}:x-1"]
    others = [
        released_target(name, stored.record.targets[0].digest, tags=tags, moving=[])
        for name in ("x-1", "x-2", "x-3", "x-4")
    ]
    push_record(registries, STAGING, stored.record.with_targets(others, ()))

    result = publish(world, ONE)

    assert result.other_targets == ("x-1", "x-2", "x-3", "x-4")
    (note,) = format_notes(result)
    assert note.startswith(
        "the record of 1 also has targets that the matrix lacks: x-1, x-2, x-3 and 1 more; if "
    )
    assert publish(world, TWO).other_targets == ()


def test_a_fix_of_a_release_that_was_returned_to(world: World) -> None:
    """It takes the tags from the older release; a fix without that leaves them to the newer one."""
    publish(world, ONE)
    publish(world, TWO)
    fix = Task(version="1.1", content="1.1")
    assert publish(world, fix).kept_tags == dict.fromkeys(FLOATING, ("2", KeptReason.NEWER))

    world.run(replace(ONE, promotes=True))

    assert publish(world, Task(version="1.2", content="1.2")).kept_tags == {}


def test_a_filtered_run_of_an_interrupted_version(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tags of other inputs are rejected; tags of the same inputs are listed."""
    world.fault = lambda _actor, method, path: (
        "kill after" if method == "PUT" and "/manifests/1-1" in path else ""
    )
    monkeypatch.setattr(world.random, "shuffle", list.sort)
    world.run(ONE)
    world.fault = lambda *_: ""

    error = failure(world, Task(version="1", content="fixed", targets=("a-2",)))
    unfinished = publish(world, replace(ONE, targets=("a-2",))).unfinished_tags

    assert {diagnostic.code for diagnostic in error.diagnostics} == {Code.EXISTING_TAG}
    assert f"{STAGING}:1-1 was created by an unfinished run of 1" in str(error)
    assert unfinished == (f"{STAGING}:1-1",)
    assert publish(world, ONE).unfinished_tags == ()


@pytest.mark.parametrize("when", ["build", "tests"])
def test_inputs_that_change_during_a_run(
    when: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The image is not staged under the old inputs, or not as tested; no tag is created."""
    original = Actor.request
    reads = iter(range(9))

    def request(actor: Actor) -> PublishRequest:
        changed = next(reads) > 0 if when == "build" else world.tested
        task = replace(actor.task, content="changed") if changed else actor.task
        return original(replace(actor, task=task))

    monkeypatch.setattr(
        Actor, "request", lambda actor: replace(request(actor), read_again=lambda: request(actor))
    )

    error = failure(world, ONE)

    assert "its inputs changed during the run" in str(error)
    tags = world.model.repository(STAGING).tags
    names = [f"fp-{fingerprint(target, '1')}" for target in ONE.targets]
    assert all((name in tags) == (when == "tests") for name in names)
    assert not any("-tested-" in name for name in tags)
    assert "1-1" not in tags


def test_only_own_tags_are_returned_to_a_record(world: World) -> None:
    """A record may name any tag: those that the matrix does not give to the image stay."""
    foreign = f"{COPY}-of-others"
    publish(world, ONE)
    publish(world, TWO)
    registries = ModelRegistries(world.model)
    old, new = (world.model.digest(f"{STAGING}:1-{version}") or "" for version in "12")
    for digest in (old, new):
        Copier(registries).copy(STAGING, foreign, digest)
    world.model.repository(foreign).set_tag("latest", new)
    forged = released_target(
        "a-1", old, tags=[f"{foreign}:latest", f"{STAGING}:1-3"], moving=[], fingerprint="f" * 64
    )

    def forge(_actor: Actor, path: str) -> None:
        if path.endswith("/1-3"):
            record = ReleaseRecord(release="3", targets=(forged,))
            push_record(registries, STAGING, record)

    world.after_write = forge
    error = failure(world, Task(version="3", content="2"))

    assert {one.code for one in error.diagnostics} == {Code.CONCURRENT_RELEASE}
    assert world.model.digest(f"{foreign}:latest") == new
    assert world.model.digest(f"{STAGING}:1-3") == old
