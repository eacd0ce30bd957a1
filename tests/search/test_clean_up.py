"""A search over interleavings of a clean-up with releases: nothing that is kept is ever lost.

Each seed is a schedule, as in `test_releases`. SEARCH sets their number, and SEED the first one.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from itertools import product

import pytest
from support import release_actors
from support.model_registry import ModelRegistries, ModelRegistry
from support.release_actors import COPY, FLOATING, STAGING, Actor, Task, World, patched

from compiler.errors import DiagnosticError
from compiler.external.registry.client import MANIFEST
from compiler.matrix.matrix import Keep
from compiler.publish.clean_up import clean_up
from compiler.publish.clean_up_notes import EXPIRY
from compiler.publish.promote import Promotion
from compiler.publish.result import PublishResult
from compiler.releases.parse_record import parse_record
from compiler.releases.record import ReleaseRecord
from compiler.releases.registry_record import versions_in_tags


pytestmark = pytest.mark.slow

COUNT = int(os.environ.get("SEARCH", "40"))
FIRST = int(os.environ.get("SEED", "0"))
FAULTS = ("kill", "kill after", "reject", "busy", "cut")
CLEAN = Task(version="0", content="", keep=Keep(releases=1, days=30))
CLEAN_NOW = Task(version="0", content="", keep=Keep(releases=1, days=0))
"""A clean-up without grace for runs in progress: they fail, and lose nothing."""
BACK = Task(version="1", content="1", promotes=True)


class ViolationError(AssertionError):
    """A schedule in which a promise is broken."""


def task(version: str, content: str = "") -> Task:
    """Return a publisher of all targets."""
    return Task(version=version, content=content or version)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What runs at the same time, and what was released and staged before."""

    tasks: tuple[Task, ...]
    base: tuple[str, ...] = ("1", "2")
    staged: tuple[str, ...] = ()
    """The contents of images that were staged long ago and never released."""
    interrupted: str = ""
    """The version of a release that was killed before its record, long ago."""


SCENARIOS = (
    Scenario(tasks=(task("3"), CLEAN)),
    Scenario(tasks=(task("3"), CLEAN_NOW)),
    Scenario(tasks=(task("3", "1"), CLEAN)),
    Scenario(tasks=(BACK, CLEAN)),
    Scenario(tasks=(BACK, CLEAN_NOW)),
    Scenario(tasks=(task("3"), CLEAN), staged=("3",)),
    Scenario(tasks=(CLEAN, CLEAN)),
    Scenario(tasks=(task("3"), task("4"), CLEAN)),
    Scenario(tasks=(task("3"), BACK, CLEAN_NOW)),
    Scenario(tasks=(task("1.5", "1"), CLEAN)),
    Scenario(tasks=(task("3", "1"), CLEAN, CLEAN_NOW)),
    Scenario(tasks=(task("3"), CLEAN), interrupted="1.7"),
    Scenario(tasks=(task("1.7"), CLEAN), interrupted="1.7"),
    Scenario(tasks=(task("3", "1.7"), CLEAN), interrupted="1.7"),
)


@lru_cache
def prepared(
    base: tuple[str, ...], staged: tuple[str, ...], interrupted: str = ""
) -> ModelRegistry:
    """Return a registry with signed releases, and with images that are only staged."""
    world = World(0)
    with patched(world):
        for version in base:
            (actor,) = world.run(task(version))
            assert actor.succeeded, actor.error
        for content in staged:
            world.fault = lambda actor, _, path: (
                "kill" if path.endswith(f"-{actor.task.version}") else ""
            )
            world.run(task(f"9{content}", content))
        if interrupted:
            record = f"/release-{interrupted}"
            world.fault = lambda _, method, path: (
                "kill" if method == "PUT" and path.endswith(record) else ""
            )
            world.run(task(interrupted))
    for repository, store in world.model.repositories.items():
        for digest in {digest for tag, digest in store.tags.items() if tag[:2] in {"1-", "2-"}}:
            name = f"sha256-{digest[7:]}"
            world.model.add_image(repository, f"signature of {digest}", f"{name}.sig")
            subject = {"subject": {"digest": digest}, "layers": []}
            world.model.add_manifest(repository, subject, MANIFEST)
    return world.model


class Judge:
    """Checks the promises of a clean-up in one world."""

    def __init__(self, world: World) -> None:
        """Take the world."""
        self.world, self.model = world, world.model
        self.writers: dict[str, Actor] = {}
        """Tag -> the run that has assigned it last."""
        self.expects_signatures = True
        """Whether no release has failed: the next run signs again what it stores again."""
        world.after_write, world.after_delete = self.after_write, self.after_delete

    def after_write(self, actor: Actor, path: str) -> None:
        """Note who has assigned a tag."""
        repository, _, name = path.partition("/manifests/")
        if ":" not in name:
            self.writers[f"{repository}:{name}"] = actor

    def after_delete(self, _: Actor, path: str) -> None:
        """Check after each deletion that no tag of an earlier run names an incomplete image."""
        for tag in self.incomplete():
            if tag not in self.writers:
                raise ViolationError(f"{tag} names an incomplete image after DELETE {path}")

    def incomplete(self) -> list[str]:
        """Return the tags that name incomplete images."""
        return [
            f"{repository}:{name}"
            for repository, store in self.model.repositories.items()
            for name, digest in store.tags.items()
            if store.missing(digest)
        ]

    def records(self) -> dict[str, ReleaseRecord]:
        """Return all records by version, the newest first."""
        store = self.model.repository(STAGING)
        found = {}
        for version in versions_in_tags(store.tags):
            _, content = store.manifests[store.tags[f"release-{version}"]]
            found[version] = parse_record(store.blobs[json.loads(content)["layers"][0]["digest"]])
        return found

    def needed_releases(self) -> set[str]:
        """Return the newest release, and the newest one of each image that a floating tag names."""
        records = self.records()
        needed = set([*records][:1])
        for tag in FLOATING:
            named = [
                version
                for version, record in records.items()
                for image in record.images.values()
                if tag in image.moving and image.digest == self.model.digest(tag)
            ]
            needed.update(named[:1])
        return needed

    def check_record(self, record: ReleaseRecord) -> None:
        """Check that a release has everything that its record names, and its signatures."""
        for image in record.images.values():
            for tag in image.tags:
                repository = tag.rpartition(":")[0]
                self.check_image(repository, image.digest, f"{tag} of {record.release}")
                if self.model.digest(tag) != image.digest:
                    raise ViolationError(f"{tag} of {record.release} is lost")
        for target in record.targets:
            for digest in (*target.platforms.values(), *target.attestations.values()):
                self.check_image(STAGING, digest, f"{target.target} of {record.release}")

    def check_image(self, repository: str, digest: str, name: str) -> None:
        """Check that an image is complete, with the signatures of the image that it had once."""
        store = self.model.repository(repository)
        missing = store.missing(digest)
        if missing:
            raise ViolationError(f"{name} lacks {missing} in {repository}")
        tag = f"sha256-{digest[7:]}.sig"
        if self.expects_signatures and tag in store.history and tag not in store.tags:
            raise ViolationError(f"{name} has lost its signature in {repository}")

    def check_kept(self) -> None:
        """Check the newest release and floating tags."""
        records = self.records()
        if records:
            self.check_record(next(iter(records.values())))
        for tag in FLOATING:
            digest = self.model.digest(tag)
            if digest is not None:
                self.check_image(tag.rpartition(":")[0], digest, tag)

    def check_ends(self, actors: list[Actor]) -> None:
        """Check how runs ended: with success and a complete release, or with an explanation."""
        newest = next(iter(self.records().values()), None)
        for actor in actors:
            if actor.error is not None and not isinstance(actor.error, DiagnosticError):
                raise ViolationError(f"{actor.task} ended with {actor.error!r}") from actor.error
            record = actor.result.record if isinstance(actor.result, PublishResult) else None
            if record is not None and newest and record.release == newest.release:
                self.check_record(record)
            for tag in actor.result.moved if isinstance(actor.result, Promotion) else ():
                if self.model.digest(tag) is None:
                    raise ViolationError(f"{tag} was promoted and is lost")
        releases = [actor for actor in actors if actor.task.keep is None]
        if len(releases) == 1 and isinstance(releases[0].result, Promotion):
            self.check_promoted(releases[0].task.version)
        if not all(actor.succeeded for actor in releases):
            self.expects_signatures = False

    def check_promoted(self, version: str) -> None:
        """Check that a promoted release has its record, and all floating tags its images."""
        record = self.records().get(version)
        if record is None:
            raise ViolationError(f"{version} was promoted, and its record is lost")
        self.check_record(record)
        for image in record.images.values():
            for tag in image.moving:
                if self.model.digest(tag) != image.digest:
                    raise ViolationError(f"{tag} does not name the image of {version}")


def search(seed: int) -> int:
    """Run one schedule and check it; return the number of requests."""
    world = World(seed)
    rng = world.random
    scenario = SCENARIOS[seed % len(SCENARIOS)]
    world.model = prepared(scenario.base, scenario.staged, scenario.interrupted).copy()
    world.model.mounts, world.model.referrers = seed % 2 == 0, seed % 3 != 0
    world.time += timedelta(days=100)
    world.label = " later"
    judge = Judge(world)
    faults = {
        (rng.randrange(len(scenario.tasks)), rng.randrange(250)): rng.choice(FAULTS)
        for _ in range(rng.choice((0, 0, 1, 1, 2)))
    }
    counts: dict[str, int] = {}

    def fault(actor: Actor, _method: str, _path: str) -> str:
        counts[actor.name] = counts.get(actor.name, -1) + 1
        return faults.get((int(actor.name), counts[actor.name]), "")

    world.fault = fault
    with patched(world):
        actors = world.run(*scenario.tasks)
        judge.check_ends(actors)
        if not faults and scenario is SCENARIOS[0] and not all(one.succeeded for one in actors):
            raise ViolationError(f"failed during a clean-up: {[one.error for one in actors]}")
        if all(one.succeeded for one in actors if one.task.keep is None):
            judge.check_kept()
        finish(judge, scenario)
    return world.requests


def finish(judge: Judge, scenario: Scenario) -> None:
    """Publish again and clean up, one after another; only what is kept is left, and complete."""
    world = judge.world
    world.time += EXPIRY + timedelta(hours=1)
    tasks = [one for one in scenario.tasks if one.keep is None and not one.promotes]
    for again in sorted(tasks or [task("2")], key=lambda one: float(one.version)):
        (actor,) = world.run(replace(again, replace=True), faulty=False)
        if not isinstance(actor.result, PublishResult):
            raise ViolationError(f"publishing again fails: {actor.error}") from actor.error
        assert actor.result.record is not None
        judge.check_record(actor.result.record)
    world.time += timedelta(days=100)
    judge.writers.clear()
    (actor,) = world.run(CLEAN, faulty=False)
    if not actor.succeeded:
        raise ViolationError(f"a clean-up fails: {actor.error}") from actor.error
    judge.check_kept()
    kept, needed = judge.records(), judge.needed_releases()
    if kept.keys() != needed:
        raise ViolationError(f"releases are left: {[*kept]} instead of {needed}")
    for record in kept.values():
        judge.check_record(record)
    is_left = any(tag.endswith("-1.7") for tag in world.model.repository(COPY).tags)
    if is_left and not any(one.content == "1.7" for one in scenario.tasks):
        raise ViolationError("version tags of an interrupted release are left")
    if judge.incomplete():
        raise ViolationError(f"incomplete: {judge.incomplete()}")


@pytest.mark.parametrize("chunk", range(4))
def test_schedules(chunk: int) -> None:
    """No schedule breaks a promise; a failure names the seed."""
    for seed in range(FIRST + chunk, FIRST + COUNT, 4):
        try:
            search(seed)
        except ViolationError as violation:
            raise AssertionError(f"SEED={seed} SEARCH=1: {violation}") from violation


CLEAN_UP_STEPS = (
    r"DELETE .*/manifests/sha256:0+$",
    r"PUT .*/manifests/fp-gc-",
    r"HEAD .*/manifests/(1|all-1|1-1)$",
    r"DELETE .*/manifests/sha256:0*[1-9a-f]",
    r"(?!)",
)
"""The requests before which a clean-up stops: to ask whether it may, to announce, to look at tags
again, to delete; and none, to run to the end."""
RELEASE_STEPS = (
    r"PUT .*/manifests/.-3$",
    r"PUT .*/manifests/(1|latest)$",
    r"GET .*/manifests/fp-gc-",
    r"(?!)",
)
"""The same of a release or promotion: to create version tags, to move floating tags, to look for
notes."""
REUSED = task("3", "1")
"""A release of an old image."""


def run_script(other: Task, script: list[tuple[int, str]]) -> None:
    """Run a clean-up and another run in one order of their steps, and check the result."""
    world = World(0)
    world.model = prepared(("1", "2"), ()).copy()
    world.time += timedelta(days=100)
    world.label = " later"
    world.script = script
    judge = Judge(world)
    with patched(world):
        actors = world.run(CLEAN, other)
        world.script = []
        judge.check_ends(actors)
        if actors[1].succeeded:
            judge.check_kept()


@pytest.mark.parametrize("other", [REUSED, BACK])
def test_every_order_of_steps(other: Task) -> None:
    """A clean-up and another run stop at any of their steps, and then continue."""
    for ours, theirs, first in product(CLEAN_UP_STEPS, RELEASE_STEPS, (0, 1)):
        turns = [(0, ours), (1, theirs)]
        run_script(other, [turns[first], turns[1 - first], (first, "(?!)"), (1 - first, "(?!)")])


LATE = [
    (1, r"PUT .*/manifests/(.-3|1|2|all|latest|.-now)$"),
    (0, r"DELETE .*/manifests/sha256:0*[1-9a-f]"),
    (1, "(?!)"),
    (0, "(?!)"),
]
"""The other run creates its tags right before the clean-up deletes."""


@pytest.mark.parametrize(
    ("check", "other"),
    [
        ("publish.publish.reject_deleted_images", REUSED),
        ("publish.promote._reject_deleted", BACK),
    ],
)
def test_each_check_is_needed(check: str, other: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the check, a run succeeds and loses its images."""
    run_script(other, [*LATE])
    monkeypatch.setattr(f"compiler.{check}", lambda *_: None)

    with pytest.raises(ViolationError):
        run_script(other, [*LATE])


def test_looking_again_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clean-up that trusts its first look deletes what was tagged since."""
    script = [(0, r"PUT .*/manifests/fp-gc-"), (1, "(?!)"), (0, "(?!)")]
    run_script(REUSED, [*script])
    monkeypatch.setattr(
        release_actors, "clean_up", lambda one, plan, _, say: clean_up(one, plan, lambda: plan, say)
    )

    with pytest.raises(ViolationError):
        run_script(REUSED, [*script])


def test_the_content_after_a_clean_up() -> None:
    """Release 2 with its signatures, in both repositories; nothing of release 1."""
    world = World(0)
    world.model = prepared(("1", "2"), ()).copy()
    before = {name: dict(store.manifests) for name, store in world.model.repositories.items()}
    world.time += timedelta(days=100)
    with patched(world):
        (actor,) = world.run(CLEAN)
        (again,) = world.run(CLEAN)
    assert actor.succeeded, actor.error
    assert again.succeeded, again.error
    for repository in (STAGING, COPY):
        store = world.model.repository(repository)
        assert not [tag for tag in store.tags if tag.endswith("-1") or tag == "release-1"]
        assert any(tag.endswith("-2") for tag in store.tags)
        kept = ModelRegistries(world.model)
        for digest in before[repository].keys() - store.manifests.keys():
            assert kept.manifest(repository, digest) is None
        signed = [tag for tag in store.tags if tag.endswith(".sig")]
        assert {f"sha256:{tag[7:71]}" for tag in signed} <= store.manifests.keys()
        assert len(signed) == len({d for t, d in store.tags.items() if t[:2] in {"1-", "2-"}})
