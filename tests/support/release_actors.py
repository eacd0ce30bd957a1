"""Runs of `publish` and `release promote` that share a registry in memory, one request at a time.

Each run is a coroutine with the real code and the real client. Before each request it waits for
its turn, so that a schedule decides the order of all requests, and what happens to each of them.
All decisions come from one seed.
"""

from __future__ import annotations

import random
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import requests
from greenlet import getcurrent, greenlet

from compiler.bake.results import BakeOptions, Outcome
from compiler.constants import TEST_SUFFIX
from compiler.errors import DiagnosticError
from compiler.external.registry import artifacts, http
from compiler.external.registry.client import Registries
from compiler.external.registry.responses import Response
from compiler.fingerprint.fingerprint import Fingerprint
from compiler.matrix.matrix import Keep
from compiler.output.bake_resolved import ResolvedPlan
from compiler.publish import build_missing, checks
from compiler.publish.check_marks import Mark, write_mark
from compiler.publish.check_results import PASSED, CheckResult, Key
from compiler.publish.clean_up import CleanUpPlan, CleanUpResult, clean_up, plan_clean_up
from compiler.publish.promote import Promotion, promote_release
from compiler.publish.publish import publish
from compiler.publish.read_inventory import InventoryReader
from compiler.publish.request import PublishJob, PublishRequest
from compiler.publish.result import PublishResult
from compiler.publish.signatures import sign_before_tag
from compiler.publish.tag_owners import TagOwners
from compiler.releases.registry_record import pull_record
from compiler.releases.tag_templates import TagTemplates
from compiler.releases.version import Release
from compiler.targets.plan import Plan
from support.model_registry import HOST, MIRROR, ModelRegistries, ModelRegistry, Perform
from support.pushed_images import push_built
from support.releases import plan_of


STAGING = f"{HOST}/acme/a"
COPY = f"{MIRROR}/acme/a"
TARGETS = ("a-1", "a-2")
MATRIX = """\
variables: {V: "1"}
axes: {n: {1: {platforms: [linux/amd64]}, 2: {platforms: [linux/arm64]}}}
images:
  a:
    template: a.j2
    tests: ["true"]
    tags: ["STAGING:{{ n }}-${V}", "COPY:{{ n }}-${V}"]
    moving: ["STAGING:{{ n }}"]
    aliases: {"COPY:latest": {n: 2}}
    shared: {tags: ["STAGING:all-${V}", "COPY:all-${V}"], moving: ["STAGING:all"]}
    platform-tags: {tags: ["COPY:{{ n }}-{{ platform.arch }}-${V}"], moving: ["COPY:{{ n }}-now"]}
publish: {version: "${V}", checks: {scan: {run: "true", when: {n: 1}}}}
""".replace("STAGING", STAGING).replace("COPY", COPY)
ARCHITECTURES = {"a-1": "amd64", "a-2": "arm64"}
FLOATING = {
    f"{STAGING}:1": ("a-1",),
    f"{STAGING}:2": ("a-2",),
    f"{COPY}:latest": ("a-2",),
    f"{COPY}:1-now": ("a-1",),
    f"{COPY}:2-now": ("a-2",),
    f"{STAGING}:all": TARGETS,
}
"""Floating tag -> the targets whose images it names."""
_PARALLEL = (
    "checks",
    "clean_up",
    "clean_up_notes",
    "composed_images",
    "confirmation",
    "deletion_run",
    "distribute",
    "floating_tags",
    "image_properties",
    "image_sizes",
    "merge_platforms",
    "preflight",
    "promote",
    "read_inventory",
    "signatures",
    "stage",
    "tag_owners",
    "unfinished_tags",
    "verified_images",
    "version_tags",
    "write_record",
)
PARALLEL = (
    *(f"compiler.publish.{name}" for name in _PARALLEL),
    "compiler.releases.history",
    "compiler.releases.registry_record",
)
"""The modules that send requests in parallel."""


START = datetime(2026, 1, 1, tzinfo=UTC)
"""The time at which a world begins."""
PAUSES = ("clean_up_notes", "create_tag", "deletion_run", "read_inventory", "write_record")
"""The modules with pauses."""


Marks: TypeAlias = Mapping[Key, Mark]


class KilledError(BaseException):
    """The process of a run was killed: no request of it follows."""


def version_tags(target: str, version: str) -> list[str]:
    """Return the version tags of a target."""
    return [f"{repository}:{target[2:]}-{version}" for repository in (STAGING, COPY)]


def composed_tags(targets: Iterable[str], version: str) -> list[str]:
    """Return the version tags of the platforms of targets, and of the index of all targets."""
    tags = [f"{COPY}:{target[2:]}-{ARCHITECTURES[target]}-{version}" for target in targets]
    return [*tags, f"{STAGING}:all-{version}", f"{COPY}:all-{version}"]


@lru_cache
def _plan() -> Plan:
    return plan_of(MATRIX)


@lru_cache
def _resolved(version: str) -> ResolvedPlan:
    return ResolvedPlan(_plan(), {"V": version})


def fingerprint(target: str, content: str) -> str:
    """Return the fingerprint of a target with this content."""
    return sha256(f"{target} {content}".encode()).hexdigest()


class Silent:
    """A report that nobody reads."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        """Return a function that does nothing."""
        return lambda *_, **__: None


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a run does."""

    version: str
    content: str
    """The inputs: equal texts have equal fingerprints."""
    targets: tuple[str, ...] = TARGETS
    promotes: bool = False
    replace: bool = False
    """Whether existing version tags may be assigned to other images."""
    keep: Keep | None = None
    """What to keep: the run is a clean-up, not a release."""


@dataclass(kw_only=True)
class Actor:
    """A run and its result."""

    task: Task
    registries: Registries
    name: str
    now: Callable[[], datetime] = lambda: START
    result: PublishResult | Promotion | CleanUpResult | None = None
    error: BaseException | None = None
    killed: bool = False
    done: bool = False
    run: greenlet = field(default_factory=greenlet)
    """Where it continues when it is its turn."""
    built: int = 0
    built_targets: set[str] = field(default_factory=set)
    pending: str = ""
    """The request that it waits to send."""

    @property
    def succeeded(self) -> bool:
        """Return whether the run ended with exit code 0."""
        return self.result is not None

    def perform(self) -> None:
        """Do the task."""
        task = self.task
        if task.keep is not None:
            self.result = self._clean_up(task.keep)
        elif task.promotes:
            record = pull_record(self.registries, STAGING, task.version)
            if record is None:
                raise DiagnosticError([])
            release = Release("V", task.version)
            templates = TagTemplates(_resolved(task.version), release)
            self.result = promote_release(self.registries, record, templates)
        else:
            self.result = publish(self.request(), self.registries, Silent())

    def _clean_up(self, keep: Keep) -> CleanUpResult:
        """Delete what is not kept, as the command does."""
        templates = TagTemplates(_resolved("1"), Release("V", "1"))
        reader = InventoryReader(self.registries, [STAGING, COPY], templates)

        def plan() -> CleanUpPlan:
            return plan_clean_up(reader, keep, self.now())

        return clean_up(self.registries, plan(), plan, lambda _: None)

    def request(self) -> PublishRequest:
        """Return the request of a publisher."""
        task = self.task
        prints = {
            name: Fingerprint(name, fingerprint(name, task.content), {}, (), ()) for name in TARGETS
        }
        return PublishRequest(
            resolved=_resolved(task.version),
            fingerprints=prints,
            dockerfiles=dict.fromkeys(TARGETS, "FROM scratch\n"),
            targets=task.targets,
            release=Release("V", task.version),
            options=BakeOptions(folder=Path()),
            read_again=self.request,
            replace=task.replace,
        )


class PassingChecks:
    """Stands for the processes of checks, which all pass."""

    def __init__(self, job: PublishJob, _progress: object, marks: Marks, _known: object) -> None:
        self._job, self._marks = job, marks

    def run(self) -> dict[Key, CheckResult]:
        """Remember that all images have passed."""
        for mark in self._marks.values():
            sign = sign_before_tag(self._job.signatures, mark.repository)
            write_mark(self._job.registries, mark, sign)
        return dict.fromkeys(self._marks, PASSED)


class World:
    """A registry and the runs that share it."""

    def __init__(self, seed: int, *, stale: bool = False) -> None:
        """Create an empty registry.

        Args:
            seed: decides everything that is not decided by the caller.
            stale: whether reads of tags may lag behind writes.
        """
        self.random = random.Random(seed)  # noqa: S311 - for schedules
        self.stale = stale
        self.patience = self.random.choice((0.0, 0.5, 0.9, 0.98, 1.0))
        """The probability that a run continues after a request; otherwise any run continues."""
        self.switches = frozenset(self.random.randrange(250) for _ in range(seed % 4 + 1))
        """Numbers of requests after which another run continues, if runs always continue."""
        self.first: int | None = None
        """The number of requests of the first run before the last run; None for any order."""
        self.script: list[tuple[int, str]] = []
        """Which run continues, and the pattern of the request before which it stops."""
        self.time = START
        self.label = ""
        """Distinguishes the images that are built here from those of another world."""
        self.model = ModelRegistry(mounts=seed % 2 == 0)
        self.actors: list[Actor] = []
        self.control = getcurrent()
        """Where the schedule continues when a run waits for its turn."""
        self.current: Actor | None = None
        self.requests = 0
        self.deleted: list[str] = []
        self.tested = False
        """Whether any image was tested."""
        self.fault: Callable[[Actor, str, str], str] = lambda _actor, _method, _path: ""
        """Returns what happens to a request: `kill`, `kill after`, `reject`, `busy` or `cut`."""
        self.after_write: Callable[[Actor, str], None] = lambda _actor, _path: None
        """Called after each request that may have changed a tag."""
        self.after_delete: Callable[[Actor, str], None] = lambda _actor, _path: None
        """Called after each request that may have deleted a manifest."""
        self.ended: Callable[[Actor], None] = lambda _actor: None
        """Called when a run has ended."""

    def now(self) -> datetime:
        """Return the time, which passes only between two steps of a test."""
        return self.time

    def run(self, *tasks: Task, faulty: bool = True) -> list[Actor]:
        """Do tasks at the same time, until all have ended; return their runs."""
        started = []
        for task in tasks:
            name = f"{len(self.actors)}"
            actor = Actor(task=task, registries=Registries({}), name=name, now=self.now)
            gate = self._gate(actor, faulty=faulty)
            actor.registries = ModelRegistries(self.model, gate)
            self.actors.append(actor)
            started.append(actor)
            actor.run = greenlet(lambda actor=actor: self._live(actor))
        waiting = [actor for actor in started if not actor.done]
        while waiting:
            if self.script:
                index, stop = self.script[0]
                self.current = started[index]
                if self.current.done or re.search(stop, self.current.pending):
                    self.script.pop(0)
                    continue
            elif self.first is not None:
                self.current = waiting[0 if self.first > 0 or len(waiting) == 1 else -1]
                self.first -= 1
            elif self.patience == 1.0 and self.current in waiting:
                others = [actor for actor in waiting if actor is not self.current]
                if self.requests in self.switches and others:
                    self.current = self.random.choice(others)
            elif self.current not in waiting or self.random.random() >= self.patience:
                self.current = self.random.choice(waiting)
            assert self.current is not None
            self.current.run.switch()
            waiting = [actor for actor in started if not actor.done]
        return started

    def _live(self, actor: Actor) -> None:
        try:
            actor.perform()
        except KilledError:
            actor.killed = True
        except BaseException as error:  # noqa: BLE001 - judged by the test
            actor.error = error
        self.ended(actor)
        actor.done = True

    def _gate(self, actor: Actor, *, faulty: bool) -> Callable[[str, str, Perform], Response]:
        def gate(method: str, path: str, perform: Perform) -> Response:
            actor.pending = f"{method} {path}"
            self.control.switch()
            self.requests += 1
            fault = self.fault(actor, method, path) if faulty else ""
            if fault == "kill":
                raise KilledError
            if fault in {"reject", "busy"}:
                return _rejection(path, 400 if fault == "reject" else 503)
            response = self._perform(method, path, perform)
            if method == "PUT" and "/manifests/" in path:
                self.after_write(actor, path)
            if method == "DELETE" and "/manifests/" in path:
                self.after_delete(actor, path)
            if fault == "kill after":
                raise KilledError
            if fault == "cut":
                raise requests.exceptions.ConnectionError("cut")
            return response

        return gate

    def _perform(self, method: str, path: str, perform: Perform) -> Response:
        """Perform a request; a stale read of a tag returns what it was one write before."""
        repository, _, name = path.partition("/manifests/")
        reads = method in {"GET", "HEAD"} and name and ":" not in name
        if not (self.stale and reads and self.random.random() < 0.2):
            return perform()
        store = self.model.repository(repository)
        history = store.history.get(name, [])
        if not history:
            return perform()
        current = store.tags.get(name)
        older = history[-1]
        try:
            if older is None:
                store.tags.pop(name, None)
            else:
                store.tags[name] = older
            return perform()
        finally:
            if current is None:
                store.tags.pop(name, None)
            else:
                store.tags[name] = current

    def delete_tag(self) -> None:
        """Delete any tag, as a user or another program might."""
        tags = [
            (repository, name)
            for repository, store in self.model.repositories.items()
            for name in store.tags
        ]
        if tags:
            repository, name = self.random.choice(tags)
            self.model.repository(repository).set_tag(name, None)
            self.deleted.append(f"{repository}:{name}")

    def build(self, _plan: object, targets: Any, options: BakeOptions, _report: object) -> Outcome:
        """Push images as bake does: two builds of the same inputs have different digests."""
        actor = self.current
        assert actor is not None
        built: dict[str, Mapping[str, Any]] = {}
        for name in list(targets):
            if name.endswith(TEST_SUFFIX):
                built[name] = {}
                self.tested = True
                continue
            actor.built += 1
            actor.built_targets.add(name)
            layer = f"{name} {actor.name} {actor.built}{self.label}"
            digest = push_built(
                actor.registries, options.overrides[name], layer, ARCHITECTURES[name]
            )
            built[name] = {"containerimage.digest": digest}
            if options.pushed is not None:
                options.pushed({name: digest})
        return Outcome(built=built, failed={}, skipped={}, seconds=dict.fromkeys(built, 1.0))

    def run_parallel(
        self,
        function: Callable[[Any], Any],
        inputs: Mapping[Any, Any],
        workers: int = 0,
    ) -> dict[Any, Any]:
        """Call a function for each input, one after another, in any order."""
        del workers
        keys = list(inputs)
        self.random.shuffle(keys)
        results = {key: function(inputs[key]) for key in keys}
        return {key: results[key] for key in inputs}


@contextmanager
def patched(world: World) -> Iterator[World]:
    """Let releases use this world: its builds, its order of calls, and no pauses."""
    paused = [import_module(f"compiler.publish.{name}") for name in PAUSES]
    with pytest.MonkeyPatch.context() as patch:
        for name in PARALLEL:
            patch.setattr(import_module(name), "run_parallel", world.run_parallel)
        for module, name in [(http, "_wait"), *((module, "pause") for module in paused)]:
            patch.setattr(module, name, lambda *_, **__: False)
        patch.setattr(build_missing, "build", world.build)
        patch.setattr(checks, "CheckScheduler", PassingChecks)
        patch.setattr(artifacts, "utc_now", world.now)
        patch.setattr(secrets, "token_hex", lambda size: world.random.randbytes(size).hex())
        for value in vars(TagOwners).values():
            if hasattr(value, "lock"):  # Python 3.11: one lock for the property of all instances
                value.lock = nullcontext()
        yield world


def _rejection(path: str, status: int) -> Response:
    return Response(status=status, reason="no", url=path, redirected=False, headers={}, content=b"")


def only(task: Task, *targets: str) -> Task:
    """Return a filtered task."""
    return replace(task, targets=targets)
