"""A search over interleavings of releases: killed, rejected, delayed and overtaken at any request.

Each seed is a schedule, for one hash seed. `make search` runs many; SEARCH sets their number, and
SEED the first one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations, pairwise, product, repeat, zip_longest

import pytest
from support.model_registry import ModelRegistry
from support.release_actors import (
    COPY,
    FLOATING,
    STAGING,
    TARGETS,
    Actor,
    Task,
    World,
    composed_tags,
    fingerprint,
    patched,
    version_tags,
)

from compiler.codes import Code
from compiler.errors import DiagnosticError
from compiler.publish.result import PublishResult
from compiler.releases.parse_record import parse_record
from compiler.releases.record import ReleaseRecord


pytestmark = pytest.mark.slow

COUNT = int(os.environ.get("SEARCH", "1200"))
FIRST = int(os.environ.get("SEED", "0"))
CHUNKS = 6
FAULTS = ("kill", "kill after", "reject", "busy", "cut")


class ViolationError(AssertionError):
    """A schedule in which a promise is broken."""


@lru_cache
def released(*versions: str) -> ModelRegistry:
    """Return a registry in which versions are released; the last is staged in part of them."""
    world = World(0)
    with patched(world):
        for version in versions:
            (actor,) = world.run(Task(version=version, content=version))
            assert actor.succeeded, actor.error
    return world.model


@lru_cache
def staged(base: tuple[str, ...], contents: tuple[str, ...]) -> ModelRegistry:
    """Return a registry with releases, in which the images of further ones are staged."""
    world = World(1)
    world.model = released(*base).copy()
    with patched(world):
        for content in contents:
            world.fault = lambda actor, _, path: (
                "kill" if path.endswith(f"{actor.task.version}") else ""
            )
            world.run(Task(version=f"9{content}", content=content))
    for store in world.model.repositories.values():
        for name in [name for name in store.tags if name.split("-")[-1].startswith("9")]:
            if not name.startswith("fp-"):
                store.set_tag(name, None)
    return world.model


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What runs at the same time, and what was released before."""

    base: tuple[str, ...]
    tasks: tuple[Task, ...]
    builds: bool = False
    """Whether no image is staged before."""


def task(version: str, content: str = "") -> Task:
    """Return a publisher of all targets."""
    return Task(version=version, content=content or version)


BACK = Task(version="1", content="1", promotes=True)
FORWARD = Task(version="2", content="2", promotes=True)
SCENARIOS = (
    Scenario(base=("1",), tasks=(task("2"),)),
    Scenario(base=("1",), tasks=(task("2"), task("3"))),
    Scenario(base=("1",), tasks=(task("2"), task("2"))),
    Scenario(base=("1",), tasks=(task("2"), BACK)),
    Scenario(base=("1", "2"), tasks=(task("3"), BACK)),
    Scenario(base=("1", "2"), tasks=(BACK, FORWARD)),
    Scenario(base=("1", "2"), tasks=(task("1.5"), task("3"))),
    Scenario(base=("1", "2"), tasks=(task("3"), task("4"), BACK)),
    Scenario(base=("1", "2"), tasks=(task("2"), BACK)),
    Scenario(base=("1",), tasks=(task("2"), replace(task("2"), targets=("a-2",)))),
    Scenario(base=(), tasks=(task("1"), task("2"))),
    Scenario(
        base=("1",),
        tasks=(replace(task("2"), targets=("a-1",)), replace(task("2"), targets=("a-2",))),
    ),
    Scenario(base=("1",), tasks=(task("2"), task("3"), replace(task("2"), targets=("a-1",)))),
    Scenario(base=("1",), tasks=(task("2"), task("3"), replace(task("3"), targets=("a-1",)))),
    Scenario(base=("1",), tasks=(task("2"), task("2")), builds=True),
    Scenario(base=("1",), tasks=(task("2"), task("2"), task("2")), builds=True),
)


class Judge:
    """Checks the promises of releases in one world."""

    def __init__(self, world: World) -> None:
        """Take the world."""
        self.world, self.model = world, world.model
        self.writes: dict[str, list[Actor]] = {}
        """Tag -> the runs that have assigned it, in order."""
        self.broken: list[str] = []
        """What runs that have succeeded have overlooked."""
        world.after_write, world.ended = self.after_write, self.after_end
        self._late: dict[str, dict[str, int]] = {}
        """Run -> the version tags that named other images when it wrote its record, and the number
        of their assignments then."""

    def fail(self, reason: str) -> None:
        """Report a violation."""
        raise ViolationError(reason)

    def record(self, version: str) -> ReleaseRecord | None:
        """Return the record of a version."""
        store = self.model.repository(STAGING)
        digest = store.tags.get(f"release-{version}")
        if digest is None:
            return None
        blob = ModelManifest(store.manifests[digest][1]).layer
        return parse_record(store.blobs[blob])

    def recorded(self) -> dict[str, ReleaseRecord]:
        """Return all records by version."""
        names = [name for name in self.model.repository(STAGING).tags if name[:8] == "release-"]
        records = {name[8:]: self.record(name[8:]) for name in names}
        return {version: record for version, record in records.items() if record}

    def version_of(self, tag: str) -> str | None:
        """Return the version whose image a floating tag names; None for no version."""
        digest = self.model.digest(tag)
        return self.versions.get(digest) if digest else None

    @property
    def versions(self) -> dict[str, str]:
        """Digest -> the version of its inputs, of all images that were ever staged."""
        found: dict[str, str] = {}
        contents = dict.fromkeys(
            (actor.task.content, actor.task.version) for actor in self.world.actors
        )
        contents |= dict.fromkeys((version, version) for version in ("1", "2"))
        store = self.model.repository(STAGING)
        for content, version in contents:
            for target in TARGETS:
                code = fingerprint(target, content)
                for name in (f"fp-{code}", f"fp-{code}-pushed"):
                    for digest in [*store.history.get(name, ()), store.tags.get(name)]:
                        if digest:
                            found[digest] = version
        for digest, (_, text) in store.manifests.items():
            members = {
                found.get(entry["digest"]) for entry in json.loads(text).get("manifests", ())
            }
            if members and members <= {*found.values()}:
                found[digest] = str(members.pop()) if len(members) == 1 else "0"
        return found

    def after_write(self, actor: Actor, path: str) -> None:
        """Check the order of a release after each request that wrote a tag."""
        repository, _, name = path.partition("/manifests/")
        if ":" in name or self.world.deleted:
            return
        self.writes.setdefault(f"{repository}:{name}", []).append(actor)
        store = self.model.repository(repository)
        if store.missing(store.tags[name]):
            self.fail(f"{repository}:{name} names an incomplete image")
        if actor.task.promotes or name.startswith("fp-"):
            return
        version = actor.task.version
        tags = [tag for target in actor.task.targets for tag in version_tags(target, version)]
        composed = composed_tags(actor.task.targets, version)
        tag = f"{repository}:{name}"
        if name.startswith("release-"):
            self._late[actor.name] = {
                each: len(self.writes.get(each, ())) for each in self.differing_tags(version)
            }
        if tag in tags and tag in version_tags("a-1", version):
            self.check_checked(str(store.tags[name]), tag)
        if tag in (*tags, *composed):
            for target in actor.task.targets:
                self.check_everywhere(target, actor.task.content, tag)
        if tag in composed:
            self.check_exist(tags, tag)
        elif tag in FLOATING or name.startswith("release-"):
            tags += composed
            self.check_exist(tags, tag)

    def differing_tags(self, version: str) -> list[str]:
        """Return the version tags that name other images than the record of their version."""
        record = self.record(version)
        return [
            tag
            for target in (record.targets if record else ())
            for tag in target.tags
            if self.model.digest(tag) != target.digest
        ]

    def after_end(self, actor: Actor) -> None:
        """Note what a run has overlooked although it could know it, if it has succeeded.

        A run reads the tags of images that it has not built once. Another run of the version that
        has built them may assign these tags meanwhile, and returns them before it ends.
        """
        if not actor.succeeded or self.world.stale or self.world.deleted:
            return
        differing = self.differing_tags(actor.task.version)
        version, known = actor.task.version, self._late.get(actor.name, {})
        built = [tag for target in actor.built_targets for tag in version_tags(target, version)]
        for tag in filter(known.__contains__, built):
            count = known[tag]
            if tag in differing and len(self.writes.get(tag, ())) == count:
                self.broken.append(f"{tag} named another image when {actor.task} was recorded")
        for tag in FLOATING if not actor.task.promotes else ():
            writes = self.writes.get(tag, [])
            for n, (replaced, write) in enumerate(pairwise(writes)):
                # If a third run has moved the tag since the promotion, that run has replaced it.
                if write is actor and replaced.task.promotes and actor in writes[:n]:
                    self.broken.append(f"{actor.task} took {tag} back from {replaced.task}")

    def check_lasting(self, actors: Iterable[Actor]) -> None:
        """Check that version tags still name the images of each run that has succeeded.

        Registries cannot compare and set a tag. If three runs build one version at once, two of
        them can finish with the image that was staged last, and the third one can write the record
        of a later one. Then the tags must name the images of one of them.
        """
        runs: dict[str, list[list[str]]] = {}
        for actor in actors:
            record = actor.result.record if isinstance(actor.result, PublishResult) else None
            if record is not None:
                runs.setdefault(actor.task.version, []).append(self._replaced(record))
        for version, replaced in runs.items():
            if all(replaced) if len(replaced) > 2 else any(replaced):
                self.fail(f"{version} was released with other images: {replaced}")

    def _replaced(self, record: ReleaseRecord) -> list[str]:
        """Return the version tags that do not name the image that a record names."""
        return [
            tag
            for target in record.targets
            for tag in target.tags
            if self.model.digest(tag) != target.digest
        ]

    def check_checked(self, digest: str, tag: str) -> None:
        """Check that an image has passed check and tests when a version tag is created for it."""
        store = self.model.repository(STAGING)
        marks = [store.manifests[d][1] for name, d in store.tags.items() if name[:6] == "check-"]
        if not any(digest.encode() in mark for mark in marks):
            self.fail(f"{tag} was created for an image that has not passed its check")
        tests = [name for name in store.tags if "-tested-" in name]
        if not any(digest in (store.tags[name], *store.history[name]) for name in tests):
            self.fail(f"{tag} was created for an image that has not passed its tests")

    def check_exist(self, tags: Iterable[str], tag: str) -> None:
        """Check that tags exist when another one is created."""
        missing = [other for other in tags if self.model.digest(other) is None]
        if missing:
            self.fail(f"{tag} was created before {missing}")

    def check_everywhere(self, target: str, content: str, tag: str) -> None:
        """Check that an image of a target is in every repository."""
        name = f"fp-{fingerprint(target, content)}"
        store = self.model.repository(STAGING)
        digests = {*store.history.get(name, ()), store.tags.get(name)} - {None}
        copies = self.model.repository(COPY)
        if not any(not copies.missing(str(digest)) for digest in digests):
            self.fail(f"{tag} was created before the image of {target} is in {COPY}")

    def check_actors(self, actors: Iterable[Actor]) -> None:
        """Check how runs ended: no crash, and what they have promised by exit code 0."""
        for actor in actors:
            if actor.error is not None and not isinstance(actor.error, DiagnosticError):
                raise ViolationError(f"{actor.task} ended with {actor.error!r}") from actor.error

    def check_complete(self, actor: Actor) -> None:
        """Check the release of a run that has succeeded: the record names what its tags name."""
        record = self.record(actor.task.version)
        if record is None:
            self.fail(f"{actor.task} succeeded without a record")
            return
        for name in actor.task.targets:
            if name not in record.by_name:
                self.fail(f"{actor.task} succeeded without {name} in the record")
        if not record.indexes:
            self.fail(f"{actor.task} succeeded without an index in the record")
        for image in record.images.values():
            for tag in image.tags:
                if self.model.digest(tag) != image.digest:
                    self.fail(f"{tag} names another image than the record of {record.release}")

    def check_floating(self, actors: Iterable[Actor]) -> None:
        """Check that floating tags name the newest release, or that a run says why not."""
        told = {
            tag
            for actor in actors
            for tag in FLOATING
            if (isinstance(actor.result, PublishResult) and tag in actor.result.kept_tags)
            or f"has moved the floating tag {tag} to" in str(actor.error)
        }
        records = self.recorded()
        for tag in FLOATING:
            newest = max(
                (
                    float(v)
                    for v, r in records.items()
                    if any(tag in i.moving for i in r.images.values())
                ),
                default=0.0,
            )
            version = self.version_of(tag)
            if tag not in told and (version is None or float(version) < newest):
                self.fail(f"{tag} names {version} although {newest} is recorded")


class ModelManifest:
    """A manifest as the judge reads it."""

    def __init__(self, content: bytes) -> None:
        """Take the content."""
        self.layer: str = json.loads(content)["layers"][0]["digest"]


def search(seed: int) -> int:
    """Run one schedule and check it; return the number of requests."""
    world = World(seed, stale=seed % 5 == 4)
    rng = world.random
    scenario = SCENARIOS[seed % len(SCENARIOS)]
    contents = tuple(dict.fromkeys(t.content for t in scenario.tasks if not t.promotes))
    ready = rng.random() < 0.6 and not scenario.builds
    start = staged(scenario.base, contents) if ready else released(*scenario.base)
    world.model = start.copy()
    judge = Judge(world)
    limit = 60 if ready else 130
    faults = {
        (rng.randrange(len(scenario.tasks)), rng.randrange(limit)): rng.choice(FAULTS)
        for _ in range(rng.choice((0, 0, 1, 1, 2)))
    }
    deletion = rng.randrange(limit) if rng.random() < 0.15 else -1
    counts: dict[str, int] = {}

    def fault(actor: Actor, method: str, path: str) -> str:
        del method, path
        counts[actor.name] = counts.get(actor.name, -1) + 1
        if world.requests == deletion:
            world.delete_tag()
        return faults.get((int(actor.name), counts[actor.name]), "")

    world.fault = fault
    with patched(world):
        actors = world.run(*scenario.tasks)
        judge.check_actors(actors)
        if judge.broken:
            judge.fail("; ".join(judge.broken))
        calm = not world.stale and not world.deleted
        disturbed = bool(faults) or not calm
        if calm:
            # A run that ends between writing the record and looking at it again may have replaced
            # the record of another run with other targets; `finish` repairs that.
            broken = {actor.task.version for actor in actors if not actor.succeeded}
            for actor in actors:
                promotes = actor.task.promotes
                if actor.succeeded and not promotes and actor.task.version not in broken:
                    judge.check_complete(actor)
            check_promotions(judge, actors)
        if not disturbed and not any(actor.task.promotes for actor in actors):
            judge.check_floating(actors)
            check_equal_runs(judge, actors)
        world.stale = False
        finish(judge, scenario, actors)
        if calm:
            judge.check_lasting(actors)
    return world.requests


def check_equal_runs(judge: Judge, actors: list[Actor]) -> None:
    """Check that runs of one version with the same inputs all succeed.

    A filtered run may find that the other targets of its index are not staged yet. What it has
    recorded, another run of its version may assign again: a run of a newer version takes that for a
    promotion. Of three runs that build the same images, one may give up.
    """
    contents = {(actor.task.version, actor.task.content) for actor in actors}
    if len(contents) > len({version for version, _ in contents}):
        return
    versions = [actor.task.version for actor in actors]
    filtered = {actor.task.version for actor in actors if actor.task.targets != TARGETS}
    for actor in actors:
        excused = {Code.PARTIAL_INDEX}
        if filtered - {actor.task.version} or versions.count(actor.task.version) > 2:
            excused.add(Code.CONCURRENT_RELEASE)
        error = actor.error
        is_excused = isinstance(error, DiagnosticError) and all(
            diagnostic.code in excused for diagnostic in error.diagnostics
        )
        if not actor.succeeded and not is_excused:
            judge.fail(f"{actor.task} failed beside equal runs: {error}")


def check_promotions(judge: Judge, actors: list[Actor]) -> None:
    """Check that a promotion and a release do not both succeed with a mixture of their tags."""
    if not any(actor.task.promotes for actor in actors):
        return
    if not all(actor.succeeded for actor in actors):
        return
    told = {
        tag
        for actor in actors
        if isinstance(actor.result, PublishResult)
        for tag in actor.result.kept_tags
    }
    versions = {judge.version_of(tag) for tag in FLOATING if tag not in told}
    if len(versions) > 1:
        judge.fail(f"floating tags name {versions}, and every run succeeded")


def finish(judge: Judge, scenario: Scenario, actors: list[Actor]) -> None:
    """Publish all versions again, one after another, and check that everything is complete."""
    promoted = any(actor.task.promotes for actor in actors)
    tasks = {t.version: replace(t, targets=TARGETS) for t in scenario.tasks if not t.promotes}
    if judge.world.deleted:
        tasks = {t.version: t for v in scenario.base for t in [task(v)]} | tasks
    versions = sorted(tasks, key=float, reverse=judge.world.random.random() < 0.5)
    again: list[Actor] = []
    for version in versions:
        (actor,) = judge.world.run(tasks[version], faulty=False)
        if not actor.succeeded:
            raise ViolationError(
                f"publishing {version} again fails: {actor.error}"
            ) from actor.error
        again.append(actor)
        judge.check_complete(actor)
    if not promoted:
        judge.check_floating(again)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("promotes", [False, True])
def test_every_request(fault: str, *, promotes: bool) -> None:
    """Whichever request of a single run fails, and however: the next run completes it."""
    tried = BACK if promotes else task("3")
    for position in range(200):
        world = World(position)
        world.model = staged(("1", "2"), ("3",)).copy()
        judge = Judge(world)
        count = iter(range(position, -1, -1))
        world.fault = lambda *_, count=count: "" if next(count, 1) else fault
        with patched(world):
            actors = world.run(tried)
            judge.check_actors(actors)
            reached = next(count, None) is None
            finish(judge, Scenario(base=("1", "2"), tasks=(task("3"),)), actors)
        if not reached:
            break
    assert position > (10 if promotes else 40)


PAIRS = [
    Scenario(base=("1",), tasks=(task("2"), task("3"))),
    Scenario(base=("1",), tasks=(task("3"), task("2"))),
    Scenario(base=("1",), tasks=(task("2"), task("2"))),
    Scenario(base=("1", "2"), tasks=(task("3"), BACK)),
    Scenario(base=("1", "2"), tasks=(BACK, task("3"))),
    Scenario(base=("1", "2"), tasks=(BACK, FORWARD)),
]


@pytest.mark.parametrize("pair", PAIRS)
def test_every_preemption(pair: Scenario) -> None:
    """Another run does everything between any two requests of a run."""
    contents = tuple(dict.fromkeys(t.content for t in pair.tasks if not t.promotes))
    for position in range(200):
        world = World(position)
        world.model = staged(pair.base, contents).copy()
        world.first = position
        judge = Judge(world)
        with patched(world):
            actors = world.run(*pair.tasks)
            world.first = None
            judge.check_actors(actors)
            check_promotions(judge, actors)
            if not any(actor.task.promotes for actor in actors):
                judge.check_floating(actors)
            finish(judge, pair, actors)
        if actors[0].registries.requests < position:
            break


STEPS = (
    r"PUT .*/manifests/fp-[0-9a-f]{64}$",
    r"PUT .*/manifests/.-2$",
    r"PUT .*/manifests/(.|latest)$",
    r"PUT .*/manifests/release-",
    r"(?!)",
)
"""The requests with which a run starts to stage, to create version tags, to move floating tags and
to record; and none, to run to the end."""


EQUAL_RUNS = (task("2"), task("2"))
BESIDE_PROMOTION = (task("2"), BACK)


def scripts() -> list[list[tuple[int, str]]]:
    """Return all orders of two runs in which each is interrupted at one or two of its steps."""
    stops = [*combinations(range(len(STEPS) - 1), 1), *combinations(range(len(STEPS) - 1), 2)]
    found = []
    for ours, theirs in product(stops, stops):
        turns = [zip(repeat(0), (*ours, -1)), zip(repeat(1), (*theirs, -1))]
        pairs = zip_longest(*turns)
        found.append([(run, STEPS[step]) for pair in pairs for run, step in filter(None, pair)])
    return found


@pytest.mark.parametrize("promotes", [False, True])
def test_every_order_of_steps(*, promotes: bool) -> None:
    """Two runs that build the same images, or one and a promotion, stop at any of their steps."""
    tasks = BESIDE_PROMOTION if promotes else EQUAL_RUNS
    for number, script in enumerate(scripts()):
        try:
            run_script(number, tasks, script)
        except ViolationError as violation:
            raise AssertionError(f"order {number}: {violation}") from violation


def run_script(number: int, tasks: tuple[Task, ...], script: list[tuple[int, str]]) -> None:
    """Run one order of steps and check it."""
    world = World(number)
    world.model = released("1").copy()
    world.script = list(script)
    judge = Judge(world)
    with patched(world):
        actors = world.run(*tasks)
        world.script = []
        judge.check_actors(actors)
        if judge.broken:
            judge.fail("; ".join(judge.broken))
        check_promotions(judge, actors)
        if not any(actor.task.promotes for actor in actors):
            check_equal_runs(judge, actors)
            for actor in actors:
                judge.check_complete(actor)
            judge.check_floating(actors)
        finish(judge, Scenario(base=("1",), tasks=tasks), actors)
        judge.check_lasting(actors)


def test_other_inputs_at_every_preemption() -> None:
    """Of two runs of one version with other inputs, one succeeds, wherever they overlap.

    Its tags still name its images when both have ended, also where both have created tags.
    """
    tasks = (task("2"), task("2", "2b"))
    contested = 0
    for position in range(200):
        world = World(position)
        world.model = staged(("1",), ("2", "2b")).copy()
        world.first = position
        judge = Judge(world)
        with patched(world):
            actors = world.run(*tasks)
            world.first = None
            judge.check_actors(actors)
            assert [actor.succeeded for actor in actors].count(True) == 1, position
            judge.check_lasting(actors)
            judge.check_complete(next(actor for actor in actors if actor.succeeded))
            tags = [tag for target in TARGETS for tag in version_tags(target, "2")]
            contested += len({id(a) for tag in tags for a in judge.writes.get(tag, ())}) > 1
            again = world.run(*tasks, faulty=False)
        assert [run.succeeded for run in again] == [run.succeeded for run in actors], position
        if actors[0].registries.requests < position:
            break
    assert contested > 10


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_schedules(chunk: int) -> None:
    """No schedule breaks a promise; a failure names the seed."""
    for seed in range(FIRST + chunk, FIRST + COUNT, CHUNKS):
        try:
            search(seed)
        except ViolationError as violation:
            raise AssertionError(f"SEED={seed} SEARCH=1: {violation}") from violation


@pytest.mark.parametrize("seed", [2125, 3012791, 5011757, 7000463, 40110125, 60204143, 61047372])
def test_schedules_that_once_broke_a_promise(seed: int) -> None:
    """A partly recorded release is not a promotion, and records do not replace each other."""
    search(seed)


@pytest.mark.parametrize(
    ("checks", "number", "promotes"),
    [
        (["floating_tags.FloatingTags._reject_promotion"], 30, True),
        (["write_record.is_overtaken"], 3, False),
        (["write_record.is_rebuilt_elsewhere"], 42, False),
        (["version_tags.find_restaged_images", "publish.find_restaged_images"], 3, False),
    ],
)
def test_each_check_is_needed(
    checks: list[str], number: int, monkeypatch: pytest.MonkeyPatch, *, promotes: bool
) -> None:
    """Without any of these checks, an order of steps breaks a promise."""
    for check in checks:
        monkeypatch.setattr(f"compiler.publish.{check}", lambda *_: {})
    tasks = BESIDE_PROMOTION if promotes else EQUAL_RUNS

    with pytest.raises(ViolationError):
        run_script(number, tasks, scripts()[number])


@pytest.mark.parametrize("check", ["ensure_checked", "ensure_tested"])
def test_an_image_that_another_run_has_staged_is_examined(
    check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without that, a version tag names an image that has not passed its check."""
    monkeypatch.setattr(f"compiler.publish.version_tags.{check}", lambda *_: None)

    with pytest.raises(ViolationError):
        search(399)
