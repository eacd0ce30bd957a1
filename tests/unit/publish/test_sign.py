"""Signing between checks and tags, with a stand-in for cosign and a registry in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from unittest import mock

import pytest
from support.model_registry import ModelRegistries, ModelRegistry, digest_of
from support.release_actors import (
    COPY,
    FLOATING,
    STAGING,
    Actor,
    Task,
    World,
    patched,
)
from support.releases import released_target

from compiler.codes import Code
from compiler.errors import DiagnosticError
from compiler.external.registry.artifacts import Artifact, push_artifact
from compiler.external.registry.client import MANIFEST, Manifest, Registries
from compiler.external.signer import Signer
from compiler.publish.result import KeptReason, PublishResult
from compiler.publish.signatures import Signatures
from compiler.releases.record import ReleaseRecord
from compiler.releases.registry_record import MEDIA_TYPE, pull_stored_record, push_record


OWN = Signer(b"own key")


class ModelCosign:
    """Signs as cosign does, in a registry in memory: with an artifact that refers to the image."""

    def __init__(self, registries: Registries, signer: Signer = OWN) -> None:
        self.signer, self._registries = signer, registries
        self.verified: list[str] = []

    def check(self) -> None:
        """Succeed."""

    def sign(self, references: list[str]) -> None:
        """Attach a signature to images, one after another."""
        for reference in references:
            repository, _, digest = reference.partition("@")
            assert self._registries.digest(repository, digest), f"{reference} does not exist"
            blob = self._registries.put_blob(repository, b"{}")
            data = {
                "schemaVersion": 2,
                "config": {"digest": blob, "size": 2},
                "subject": {"digest": digest},
                "annotations": {"signer": self.signer.label},
            }
            content = json.dumps(data).encode()
            manifest = Manifest(digest_of(content), MANIFEST, content)
            self._registries.put_manifest(repository, manifest.digest, manifest)

    def verify(self, references: list[str]) -> dict[str, str]:
        """Return the images without a signature of the signer."""
        self.verified += references
        return {one: "no signature" for one in references if not self._is_signed(one)}

    def _is_signed(self, reference: str) -> bool:
        repository, _, digest = reference.partition("@")
        artifacts = self._registries.referrers(repository, digest)
        manifests = (self._registries.manifest(repository, one) for one in artifacts)
        return any(
            one is not None and one.data.get("annotations") == {"signer": self.signer.label}
            for one in manifests
        )


@contextmanager
def signing(signer: Signer = OWN) -> Iterator[list[ModelCosign]]:
    """Let all runs sign; yields the programs of the runs, in order."""
    programs: list[ModelCosign] = []

    @contextmanager
    def opened(_signer: object, registries: Registries, _place: object) -> Iterator[Signatures]:
        programs.append(ModelCosign(registries, signer))
        yield Signatures(programs[-1], registries)

    with mock.patch("compiler.publish.publish.open_signatures", opened):
        yield programs


def unsigned_tags(model: ModelRegistry, signer: Signer = OWN) -> list[str]:
    """Return the tags for users, of records and of marks that name something unsigned."""
    return [
        f"{repository}:{tag}"
        for repository in (STAGING, COPY)
        for tag, digest in model.repository(repository).tags.items()
        if not tag.startswith("fp-")
        for one in _with_platforms(model, repository, digest)
        if not _is_signed(model, repository, one, signer)
    ]


def _with_platforms(model: ModelRegistry, repository: str, digest: str) -> list[str]:
    data = json.loads(model.repository(repository).manifests[digest][1])
    return [digest, *(entry["digest"] for entry in data.get("manifests", ()))]


def _is_signed(model: ModelRegistry, repository: str, digest: str, signer: Signer) -> bool:
    manifests = (json.loads(one[1]) for one in model.repository(repository).manifests.values())
    return any(
        (data.get("subject") or {}).get("digest") == digest
        and data["annotations"] == {"signer": signer.label}
        for data in manifests
    )


def publish(world: World, version: str = "1") -> Actor:
    """Publish a version."""
    (actor,) = world.run(Task(version=version, content="1"))
    return actor


@pytest.mark.slow
def test_a_run_that_is_killed_at_any_request_leaves_no_unsigned_tag() -> None:
    """The next run completes it, and signs nothing twice."""
    killed = 0
    for number in range(1000):
        world, writes = World(0), count()

        def kill(
            _actor: object,
            method: str,
            path: str,
            number: int = number,
            writes: Iterator[int] = writes,
        ) -> str:
            is_write = method == "PUT" and "/manifests/" in path
            return "kill after" if is_write and next(writes) == number else ""

        world.fault = kill
        with patched(world), signing():
            first = publish(world)
            assert first.killed or first.succeeded, first.error
            assert not unsigned_tags(world.model)
            if not first.killed:
                break
            killed += 1
            world.fault = lambda _actor, _method, _path: ""
            second = publish(world)
            assert second.succeeded, second.error
            assert world.model.digest(f"{STAGING}:release-1")
            assert not unsigned_tags(world.model)
    assert killed > 30


def test_a_run_of_a_complete_release_takes_one_request_for_each_signature() -> None:
    """The signed record is evidence, so only the record and marks of checks are verified."""
    plain, signed = World(0), World(0)
    with patched(plain):
        publish(plain)
        unsigned = publish(plain)
    with patched(signed), signing() as programs:
        publish(signed)
        actor = publish(signed)
    verified = programs[-1].verified
    assert isinstance(actor.result, PublishResult)
    assert actor.result.record is not None
    rows = [one.signatures for one in actor.result.record.targets]
    rows += [one.signatures for one in actor.result.record.indexes]
    signatures = sum(len(one.digests) for row in rows for one in row)
    marks = 1
    assert len(verified) == 1 + marks
    asked_by_cosign = 2 * len(verified)
    own = actor.registries.requests - asked_by_cosign
    assert own - unsigned.registries.requests <= signatures + len(verified)


def test_signatures_that_were_deleted_are_made_again() -> None:
    """The record alone does not suffice: the signatures must exist."""
    world = World(0)
    with patched(world), signing():
        assert publish(world).succeeded
        for repository in (STAGING, COPY):
            store = world.model.repository(repository)
            for digest, (_, content) in list(store.manifests.items()):
                if "subject" in json.loads(content):
                    del store.manifests[digest]
        assert unsigned_tags(world.model)
        assert publish(world).succeeded
        assert not unsigned_tags(world.model)


def test_the_signature_of_another_key_does_not_count() -> None:
    """A release whose key was replaced is signed again."""
    world, other = World(0), Signer(b"another key")
    with patched(world):
        with signing():
            assert publish(world).succeeded
        with signing(other):
            assert publish(world).succeeded
        assert not unsigned_tags(world.model, other)


@pytest.mark.parametrize("replace_", [False, True])
def test_a_signed_record_is_trusted_unless_everything_is_replaced(*, replace_: bool) -> None:
    """A signature of another key in place of the own one is noticed with `--replace`."""
    world = World(0)
    with patched(world), signing():
        assert publish(world).succeeded
        store = world.model.repository(STAGING)
        digest = store.tags["1-1"]
        for name, (kind, content) in list(store.manifests.items()):
            data = json.loads(content)
            if (data.get("subject") or {}).get("digest") == digest:
                data["annotations"]["signer"] = "another"
                del store.manifests[name]
                other = json.dumps(data).encode()
                store.manifests[digest_of(other)] = (kind, other)
        request = Actor.request
        with mock.patch.object(
            Actor, "request", lambda actor: replace(request(actor), replace=replace_)
        ):
            assert publish(world).succeeded
        assert bool(unsigned_tags(world.model)) != replace_


def test_a_mark_that_is_not_signed_does_not_count() -> None:
    """Everyone who may push can write a mark, so the check runs again."""
    world = World(0)
    with patched(world):
        assert publish(world).succeeded
        marks = [tag for tag in world.model.repository(STAGING).tags if tag.startswith("check-")]
        assert marks
        assert set(marks) <= {one.rpartition(":")[2] for one in unsigned_tags(world.model)}
        with signing():
            assert publish(world).succeeded
        assert not unsigned_tags(world.model)


def test_images_that_were_released_without_signatures_are_signed_by_the_next_run() -> None:
    """`sign` can be added to a matrix later."""
    world = World(0)
    with patched(world):
        assert publish(world).succeeded
        with signing():
            assert publish(world).succeeded
    assert not unsigned_tags(world.model)


@pytest.mark.parametrize("replace_", [False, True])
def test_a_record_that_is_not_signed_counts_for_nothing(*, replace_: bool) -> None:
    """Neither its platforms nor its other targets become part of the signed record."""
    world = World(0)
    with patched(world), signing():
        assert publish(world).succeeded
        registries = ModelRegistries(world.model)
        stored = pull_stored_record(registries, STAGING, "1")
        assert stored is not None
        other = world.model.add_image(STAGING, "another image")
        forged = [
            replace(one, platforms=dict.fromkeys(one.platforms, other.digest), signatures=())
            for one in stored.record.targets
        ]
        forged.append(released_target("web", other.digest, tags=[f"{STAGING}:web-1"], moving=[]))
        push_record(registries, STAGING, ReleaseRecord(release="1", targets=tuple(forged)))
        request = Actor.request
        with mock.patch.object(
            Actor, "request", lambda actor: replace(request(actor), replace=replace_)
        ):
            assert publish(world).succeeded
        again = pull_stored_record(registries, STAGING, "1")

    assert again is not None
    assert again.record.by_name.keys() == stored.record.by_name.keys()
    assert other.digest not in again.record.to_text()
    assert not _is_signed(world.model, STAGING, other.digest, OWN)
    assert not unsigned_tags(world.model)


def test_signing_a_release_later_does_not_undo_a_rollback() -> None:
    """A record that is not signed yet still says that the tags were returned."""
    world = World(0)
    with patched(world):
        one, two = (Task(version=version, content=version) for version in "12")
        for task in (one, two, replace(one, promotes=True)):
            world.run(task)
        before = {tag: world.model.digest(tag) for tag in FLOATING}
        with signing():
            (actor,) = world.run(two)

    assert isinstance(actor.result, PublishResult), actor.error
    assert {kept.reason for kept in actor.result.kept_tags.values()} == {KeptReason.RETURNED}
    assert {tag: world.model.digest(tag) for tag in FLOATING} == before


def test_a_filtered_run_does_not_drop_the_targets_of_an_unsigned_record() -> None:
    """All targets must be published once, so that the record is signed."""
    world = World(0)
    with patched(world):
        assert publish(world).succeeded
        with signing():
            (actor,) = world.run(Task(version="1", content="1", targets=("a-1",)))
            assert isinstance(actor.error, DiagnosticError)
            assert {one.code for one in actor.error.diagnostics} == {Code.UNSIGNED_IMAGE}
            assert "publish all targets of 1" in actor.error.diagnostics[0].help
            assert publish(world).succeeded
            (actor,) = world.run(Task(version="1", content="1", targets=("a-1",)))
            assert actor.succeeded


def test_a_damaged_record_that_is_not_signed_counts_for_nothing() -> None:
    """Whoever may push cannot block a version with it."""
    world = World(0)
    with patched(world), signing():
        registries = ModelRegistries(world.model)
        artifact = Artifact(b"[]", "release.json", MEDIA_TYPE, {})
        push_artifact(registries, STAGING, "release-1", artifact)

        assert publish(world).succeeded
        assert pull_stored_record(registries, STAGING, "1") is not None


def test_sizes_in_an_unsigned_record_count_for_nothing() -> None:
    """Images are measured, although the latest release names them with their sizes."""
    world = World(0)
    with patched(world):
        assert publish(world).succeeded
        registries = ModelRegistries(world.model)
        stored = pull_stored_record(registries, STAGING, "1")
        assert stored is not None
        small = [replace(one, bytes=1, sizes={}) for one in stored.record.targets]
        record = ReleaseRecord(release="0.1", targets=tuple(small))
        push_record(registries, STAGING, record)
        with signing():
            actor = publish(world)
            actor = publish(world, "1.1")

    assert isinstance(actor.result, PublishResult), actor.error
    assert actor.result.record is not None
    assert 1 not in [one.bytes for one in actor.result.record.targets]


@pytest.mark.parametrize("step", ["sign", "verify"])
def test_nothing_is_tagged_if_an_image_cannot_be_signed(step: str) -> None:
    """Images stay staged, and the next run signs them."""
    world = World(0)

    def fail(_self: ModelCosign, references: list[str]) -> dict[str, str]:
        if step == "sign":
            raise DiagnosticError([])
        return dict.fromkeys(references, "no signature")

    with patched(world), signing(), mock.patch.object(ModelCosign, step, fail):
        actor = publish(world)
    assert isinstance(actor.error, DiagnosticError)
    if step == "verify":
        assert {one.code for one in actor.error.diagnostics} == {Code.UNSIGNED_IMAGE}
    tags = [tag for name in (STAGING, COPY) for tag in world.model.repository(name).tags]
    assert not [tag for tag in tags if not tag.startswith("fp-")]
