"""`compile-matrix publish` during failures: a release is complete, or it does not exist."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.request import Request, urlopen

import pytest
from support import command, daemon, minimal_base, proxy, registry
from support.engine import Engine
from support.killable_registry import KillableRegistry
from support.packages import Unavailable


pytestmark = pytest.mark.engine

PATIENCE = 300
"""Timeout in seconds, for a busy machine."""

T = TypeVar("T")

MATRIX = """\
variables: {{REGISTRY: nowhere.invalid, VERSION: v1}}
publish: {{version: "${{VERSION}}"}}
axes: {{n: [{values}]}}
images:
  lower:
    template: lower.j2
    tags: ["${{REGISTRY}}/lower:{{{{ n }}}}-${{VERSION}}"]
    moving: ["${{REGISTRY}}/lower:{{{{ n }}}}"]
    tests: [test -s /content]
  upper:
    from: lower
    template: upper.j2
    tags: ["${{REGISTRY}}/upper:{{{{ n }}}}-${{VERSION}}"]
    moving: ["${{REGISTRY}}/upper:{{{{ n }}}}"]
    aliases: {{"${{REGISTRY}}/upper:latest": {{n: a}}}}
"""
LOWER = "FROM {registry}/ground:{{{{ n }}}}\nCOPY content/{{{{ n }}}} /content\n{more}"
UPPER = "FROM {{ parent }}\nCOPY content/{{ n }} /upper\nRUN echo {{ n }} >> /upper\n"


class Snapshot(NamedTuple):
    """The content of a registry at one moment."""

    tags: Mapping[str, str]
    """`repository:tag` -> digest."""

    def staged(self, row: Mapping[str, Any]) -> str | None:
        """Return the digest of the staged image of a recorded target."""
        return self.tags.get(f"{_repository(row)}:fp-{_fingerprint(row)}")

    def tested(self, row: Mapping[str, Any]) -> bool:
        """Return whether the staged image has passed its tests, if it has any."""
        start = f"{_repository(row)}:fp-{_fingerprint(row)}-tested-"
        passed = [digest for tag, digest in self.tags.items() if tag.startswith(start)]
        return not row["target"].startswith("lower") or passed == [self.staged(row)]


def _short(tag: str) -> str:
    return tag.partition("/")[2]


def _repository(row: Mapping[str, Any]) -> str:
    return _short(row["tags"][0]).partition(":")[0]


def _fingerprint(row: Mapping[str, Any]) -> str:
    return str(row["fingerprint"]).removeprefix("sha256:")


class Project:
    """A project with its own folder and its own registry."""

    def __init__(
        self,
        engine: Engine,
        folder: Path,
        shelf: KillableRegistry,
        *,
        values: str = "a, b, c",
        more: str = "RUN echo {{ n }} >> /content\n",
        matrix: str = MATRIX,
    ) -> None:
        self.engine, self.folder, self.shelf = engine, folder, shelf
        self.address = shelf.address
        self.env = dict(engine.env)
        self.values = values.split(", ")
        self.released: dict[str, Any] = {}
        """The record of v1."""
        self.started: list[subprocess.Popen[str]] = []
        (folder / "templates").mkdir(parents=True)
        (folder / "content").mkdir()
        minimal_base.push(
            engine, folder, [f"{shelf.address}/ground:{value}" for value in self.values]
        )
        (folder / "matrix.yaml").write_text(matrix.format(values=values))
        lower = LOWER.format(registry=shelf.address, more=more)
        (folder / "templates/lower.j2").write_text(lower)
        (folder / "templates/upper.j2").write_text(UPPER)
        self.change()
        command.run(folder)

    def twin(self, folder: Path) -> Project:
        """Return the same project in another folder, as in another checkout."""
        twin = copy.copy(self)
        shutil.copytree(self.folder, folder)
        twin.folder = folder
        twin.change()
        return twin

    def change(self, size: int = 1000) -> None:
        """Change the content of each variant."""
        for value in self.values:
            (self.folder / "content" / value).write_bytes(
                f"{uuid.uuid4()} ".encode() + os.urandom(size)
            )

    def start(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start `publish`."""
        process = subprocess.Popen(
            [*command.COMMAND, "publish", *arguments],
            cwd=self.folder,
            env={
                **self.env,
                **(env or {}),
                "REGISTRY": self.address,
                "TMPDIR": str(
                    self.folder.parent
                ),  # files of a killed process are deleted with the test
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def publish(self, *arguments: str, code: int = 0) -> tuple[str, str]:
        """Publish; return stdout and stderr."""
        return ended(self.start(*arguments), code)

    def record(self, *arguments: str) -> dict[str, Any]:
        """Publish and return the record."""
        stdout, _ = self.publish("--format=json", *arguments)
        record: dict[str, Any] = json.loads(stdout)
        assert record == json.loads((self.folder / ".compile-matrix/release.json").read_text())
        return record

    def release_first(self) -> None:
        """Release v1 completely, and change the content for v2."""
        self.released = self.record()
        assert {row["state"] for row in self.released["targets"]} == {"built"}
        self.look()
        self.change()

    def look(self) -> Snapshot:
        """Return the content of the registry; check that it is consistent and v1 unchanged."""
        seen = Snapshot(self.shelf.tags())
        missing = {tag: self.shelf.lacking(digest) for tag, digest in seen.tags.items()}
        assert not {tag: digests for tag, digests in missing.items() if digests}
        for row in self.released.get("targets", ()):
            for tag in row["tags"]:
                assert seen.tags[_short(tag)] == row["digest"]
        return seen

    def finish(self, *seen: Snapshot, exact: bool = True) -> dict[str, Any]:
        """Publish v2 again; check that it does only what is missing.

        Args:
            seen: the content of the registry after each failure, in order.
            exact: whether no other run stages images after the last one.
        """
        record = self.record("--version=v2")
        for snapshot in seen:
            self.check_order(snapshot, record)
        self.check_complete(record)
        for row in record["targets"] if seen and "lower:release-v2" not in seen[-1].tags else ():
            staged = seen[-1].staged(row)
            if staged:
                assert (row["state"], row["digest"]) == ("reused", staged)
            else:
                assert row["state"] == "built" or not exact
        return record

    def check_order(self, seen: Snapshot, record: Mapping[str, Any]) -> None:
        """Check that no tag of v2 existed before all its images were staged and tested."""
        rows = record["targets"]
        first = self.released["targets"]
        old = {_short(tag): row["digest"] for row in first for tag in row["moving"]}
        tags = {_short(tag): row for row in rows for tag in row["tags"]}
        assert len(rows) == 2 * len(self.values)
        if seen.tags.keys() & tags.keys():
            assert all(seen.staged(row) and seen.tested(row) for row in rows)
        for tag, row in tags.items():
            assert seen.tags.get(tag) in {None, seen.staged(row)}
        staged = {_short(tag): seen.staged(row) for row in rows for tag in row["moving"]}
        moved = [tag for tag in staged if seen.tags[tag] != old[tag]]
        assert all(seen.tags[tag] == staged[tag] for tag in moved)
        if moved:
            assert tags.keys() <= seen.tags.keys()
        if "lower:release-v2" in seen.tags:
            assert len(moved) == len(staged)
            assert tags.keys() <= seen.tags.keys()

    def check_complete(self, record: Mapping[str, Any]) -> None:
        """Check that a release exists: version tags, floating tags and record."""
        seen = self.look()
        assert f"lower:release-{record['release']}" in seen.tags
        for row in record["targets"]:
            for tag in (*row["tags"], *row["moving"]):
                assert seen.tags[_short(tag)] == row["digest"] == seen.staged(row)
        floating = [tag for row in record["targets"] for tag in row["moving"]]
        assert f"{self.address}/upper:latest" in floating


def ended(
    running: subprocess.Popen[str], *codes: int, patience: float = PATIENCE
) -> tuple[str, str]:
    """Wait for a process and check its exit code; return stdout and stderr."""
    stdout, stderr = running.communicate(timeout=patience)
    assert running.returncode in codes, f"{running.returncode}\n{stdout}{stderr}"
    assert "Traceback" not in stderr
    return stdout, stderr


def staged(shelf: KillableRegistry) -> int:
    """Count the tags of staged and tested images."""
    return sum(":fp-" in tag and not tag.endswith("-pushed") for tag in shelf.tags())


def until(true: Callable[[], object], running: subprocess.Popen[str]) -> None:
    """Wait until a condition is true; fail if the process ends before."""
    while not true():
        assert running.poll() is None, "".join(running.communicate())
        time.sleep(0.005)


@pytest.fixture(scope="module")
def released(
    engine: Engine, registry_program: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    """Provide a project with a released v1; `storage` next to it is a copy of the registry."""
    folder = tmp_path_factory.mktemp("released")
    shelf = KillableRegistry(registry_program, folder / "shelf")
    found = Project(engine, folder / "project", shelf)
    found.release_first()
    registry.copy(shelf.storage, folder / "storage")
    yield found
    shelf.close()


@pytest.fixture
def project(released: Project, tmp_path: Path) -> Iterator[Project]:
    """Provide a project with a released v1 and changed content."""
    released.shelf.restore(released.folder.parent / "storage")
    yield released.twin(tmp_path / "project")
    for running in released.started:
        running.kill()
        running.communicate()
    released.started.clear()


@pytest.fixture
def between(project: Project) -> Iterator[proxy.Proxy]:
    """Provide a proxy between the project and its registry."""
    with proxy.before(project.shelf.address) as found:
        project.address = found.address
        yield found


def test_the_registry_is_killed_and_restarted(project: Project, between: proxy.Proxy) -> None:
    """It is killed during a push, twice: the same run continues and nothing is lost."""
    shelf = project.shelf
    project.change(3_000_000)
    running = project.start("--version=v2", "--format=json")
    seen = []
    for _ in range(2):
        left = shelf.receiving
        with held_halfway(between) as halfway:
            until(lambda: halfway.is_set() and shelf.receiving > left, running)  # noqa: B023
            shelf.kill()
            seen.append(project.look())
        time.sleep(1)  # the downtime
        shelf.start()
    stdout, stderr = ended(running, 0)

    record = json.loads(stdout)
    assert not seen[0].tags.keys() & {_short(t) for r in record["targets"] for t in r["tags"]}
    for snapshot in seen:
        project.check_order(snapshot, record)
    project.check_complete(record)
    sys.stdout.write(stderr)
    assert {row["state"] for row in project.finish()["targets"]} == {"built"}


@contextlib.contextmanager
def held_halfway(between: proxy.Proxy) -> Iterator[threading.Event]:
    """Stop uploads of blobs halfway until the end; the event is set when one is halfway."""
    reached, released = threading.Event(), threading.Event()

    def halfway(request: proxy.Request) -> None:
        if request.size > 1_000_000:
            reached.set()
            released.wait(PATIENCE)

    between.halfway = halfway
    try:
        yield reached
    finally:
        between.halfway = lambda _: None
        released.set()


def test_the_registry_is_killed(project: Project) -> None:
    """The run fails without creating a tag; after a restart the next run continues."""
    shelf = project.shelf
    project.change(3_000_000)
    running = project.start("--version=v2", "--retries=0", "--jobs=1", "--part=2")
    until(lambda: staged(shelf) > 9, running)
    shelf.kill()
    assert running.stderr
    stdout = ""
    for line in running.stderr:
        stdout += line
        if "FAILED" in line:
            break
    shelf.start()
    stderr = stdout + running.stderr.read()  # including what was buffered
    ended(running, 1)
    sys.stdout.write(stderr)

    assert "Traceback" not in stderr
    assert "no tag was created" in stderr
    project.finish(project.look())


def test_the_engine_is_killed(project: Project) -> None:
    """It is killed during a build: the run fails, and a run with another engine continues."""
    others = project.env
    with provided(daemon.running) as own:
        project.env = dict(own.env)
        running = project.start("--version=v2", "--retries=1", "--jobs=1", "--part=2")
        until(lambda: staged(project.shelf) > 10, running)
        os.kill(engine_process(own.folder), signal.SIGKILL)
        _, stderr = ended(running, 1)
    sys.stdout.write(stderr)

    assert "no tag was created" in stderr
    project.env = others
    project.finish(project.look())


@contextlib.contextmanager
def provided(create: Callable[[], contextlib.AbstractContextManager[T]]) -> Iterator[T]:
    """Provide what not every machine can: otherwise the test is skipped, or fails in CI."""
    with contextlib.ExitStack() as stack:
        try:
            resource = stack.enter_context(create())
        except Unavailable as problem:
            if os.environ.get("CI") == "true":
                pytest.fail(str(problem))
            pytest.skip(str(problem))
        yield resource


def engine_process(folder: Path) -> int:
    """Return the process id of the engine that runs in a folder."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            arguments = file.read_bytes().split(b"\0")
            if (
                arguments[0].endswith(b"/dockerd")
                and os.fsencode(folder / "daemon.json") in arguments
            ):
                return int(file.parent.name)
    raise AssertionError(f"no engine runs in {folder}")


def test_a_third_of_requests_fails(
    engine: Engine, registry_program: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten targets are published nevertheless; the time is compared with a run without failures."""
    shelf = KillableRegistry(registry_program, tmp_path / "shelf")
    with proxy.before(shelf.address) as between, contextlib.closing(shelf):
        project = Project(engine, tmp_path / "project", shelf, values="a, b, c, d, e")
        project.address = between.address
        start = time.monotonic()
        project.release_first()
        clean, requests = time.monotonic() - start, between.requests

        between.fault = thirds()
        start = time.monotonic()
        arguments = ("--version=v2", "--format=json", "--retries=20")
        stdout, stderr = ended(project.start(*arguments), 0, patience=3 * PATIENCE)
        record = json.loads(stdout)
        faulty = time.monotonic() - start
        between.fault = lambda _: 0
        sys.stdout.write(stderr)
        project.check_complete(record)

        assert between.failed > requests // 4
        assert project.finish()["targets"] == record["targets"]
    with capsys.disabled():
        sys.stdout.write(
            f"\n10 targets: {clean:.1f} s and {requests} requests; with a third failing "
            f"{faulty:.1f} s, {between.failed} failed: {faulty / clean:.2f} times as long\n"
        )


def thirds() -> Callable[[proxy.Request], int]:
    """Fail each third request in alternating ways, but none of them permanently.

    With concurrent requests, the same one could otherwise be the third every time.
    """
    failures = itertools.cycle([500, proxy.CUT, 429, proxy.CUT_AFTER])
    rows: dict[tuple[str, str], int] = {}

    def fault(request: proxy.Request) -> int:
        key = (request.method, request.path)
        rows[key] = rows.get(key, 0) + 1 if request.number % 3 == 2 else 0
        return next(failures) if 0 < rows[key] < 6 else 0

    return fault


def test_a_base_image_disappears(project: Project) -> None:
    """Its dependents fail, everything else is staged; later only the dependents are built."""
    tag = project.shelf.storage / "docker/registry/v2/repositories/ground/_manifests/tags/c"
    tag.rename(tag.with_name("gone"))
    _, stderr = project.publish("--version=v2", code=1)
    sys.stdout.write(stderr)

    assert "lower-c: " in stderr
    assert "ground:c: not found" in stderr
    assert "upper-c: depends on lower-c, which failed" in stderr
    seen = project.look()
    tag.with_name("gone").rename(tag)
    record = project.finish(seen)
    states = {row["target"]: row["state"] for row in record["targets"]}
    assert [name for name, state in states.items() if state == "built"] == ["lower-c", "upper-c"]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_the_disk_of_the_registry_is_full(project: Project) -> None:
    """No tag is created; with more space the next run continues.

    Files that the registry damaged are repaired first, as an operator has to do.
    """
    shelf = project.shelf
    project.change(2_000_000)
    used = sum(file.stat().st_size for file in shelf.storage.glob("**/data"))
    with disk(shelf.storage, used + 15_000_000):
        shelf.restore(shelf.storage.parent.parent / "storage")
        _, stderr = project.publish("--version=v2", "--retries=1", "--jobs=1", "--part=2", code=1)
        sys.stdout.write(stderr)

        assert "no tag was created" in stderr
        seen = project.look()
        room = shelf.storage
        subprocess.run(["mount", "-o", "remount,size=200m", str(room)], check=True)
        shelf.repair()
        project.finish(seen)


@contextlib.contextmanager
def disk(folder: Path, size: int) -> Iterator[None]:
    """Mount a small disk at a folder."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    subprocess.run(command, check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


POINTS = {
    "early": (r"", 5),
    "pushing": (r"", 20),
    "pushing more": (r"", 40),
    "testing": (r"/manifests/fp-.*-tested-", 2),
    "the first tag": (r"/manifests/.-v2$", 1),
    "tags": (r"/manifests/(?:.-v2|.|latest)$", 2),
    "the first floating tag": (r"/manifests/(?:.|latest|release-v2)$", 1),
    "floating tags": (r"/manifests/(?:.|latest|release-v2)$", 1),
    "the record": (r"/manifests/release-v2$", 1),
}
"""Point of the run -> which requests count as writes, and the number that ends the run."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_is_stopped_at_any_point(
    project: Project, between: proxy.Proxy, number: signal.Signals
) -> None:
    """By Ctrl-C or SIGKILL, later each time: each run continues, and the last one completes."""
    seen: list[Snapshot] = []
    for turn, (point, (writes, count)) in enumerate(POINTS.items()):
        running = ending(project, between, number, writes, count, lost=turn % 2 == 1)
        done = bool(seen) and "lower:release-v2" in seen[-1].tags
        ended(running, 0 if done else 130 if number == signal.SIGINT else -number)
        until_alone(project.folder)
        between.wait(PATIENCE)  # requests of a killed process are still completed
        seen.append(project.look())
        sys.stdout.write(f"{point}: {stage(seen[-1])}\n")
    between.fault = lambda _: 0

    project.finish(*seen)
    for earlier, later in itertools.pairwise(seen):
        assert earlier.tags.keys() <= later.tags.keys()


def ending(
    project: Project,
    between: proxy.Proxy,
    number: signal.Signals,
    writes: str,
    count: int,
    *,
    lost: bool,
) -> subprocess.Popen[str]:
    """Start to publish v2; stop it at the given write, which itself may be lost."""
    remaining = iter(range(count - 1, -1, -1))
    ready = threading.Event()

    def fault(request: proxy.Request) -> int:
        ready.wait()
        if not request.writes or not re.search(writes, request.path) or next(remaining, 1):
            return 0
        running.send_signal(number)
        return proxy.CUT if lost else 0

    between.fault = fault
    running = project.start("--version=v2")
    ready.set()
    return running


def stage(seen: Snapshot) -> str:
    """Return a summary of the progress of a release."""
    images = sum(":fp-" in tag for tag in seen.tags)
    tags = sum(tag.endswith("-v2") for tag in seen.tags)
    return f"{images} of fp-, {tags} of v2, {len(set(seen.tags.values()))} digests"


def until_alone(folder: Path) -> None:
    """Wait until no process runs in a folder: children of a killed process end a bit later."""
    end = time.monotonic() + PATIENCE
    while any(runs_in(file, folder) for file in Path("/proc").glob("[0-9]*/cwd")):
        assert time.monotonic() < end
        time.sleep(0.05)


def runs_in(link: Path, folder: Path) -> bool:
    """Return whether a process runs in a folder, by its link in /proc."""
    with contextlib.suppress(OSError):
        return link.readlink() == folder
    return False


@pytest.mark.parametrize("behind", [0, 7])
def test_two_at_once(project: Project, tmp_path: Path, behind: int) -> None:
    """Two simultaneous runs of one version result in one release."""
    other = project.twin(tmp_path / "other")
    shutil.copytree(project.folder / "content", other.folder / "content", dirs_exist_ok=True)
    before = staged(project.shelf)
    one = project.start("--version=v2", "--format=json", "--part=1")
    until(lambda: staged(project.shelf) >= before + behind // 2, one)
    two = other.start("--version=v2", "--format=json", "--part=1")
    outputs = [ended(running, 0) for running in (one, two)]

    project.finish(project.look())
    for stdout, stderr in outputs:
        sys.stdout.write(stderr)
        rows = json.loads(stdout)["targets"]
        assert len(rows) == 6


@pytest.mark.parametrize("same", [True, False])
def test_another_run_creates_a_tag_at_the_same_time(
    project: Project,
    between: proxy.Proxy,
    same: bool,  # noqa: FBT001 - a parameter of pytest
) -> None:
    """An image of the same inputs is adopted; another image is kept and reported."""
    shelf = project.shelf
    other = shelf.blob(shelf.tags()["upper:a"])  # v1's

    def rival(request: proxy.Request) -> None:
        nonlocal other
        if request.method != "PUT" or not request.path.endswith("/upper/manifests/a-v2"):
            return
        between.after = lambda _: None
        names = ["a-v2"]
        if same:
            tags = shelf.tags()
            staged = tags["upper:a-v2"]
            names += [tag[6:] for tag in tags if tags[tag] == staged and ":fp-" in tag]
            other = shelf.blob(staged) + b"\n"
        for name in names:
            place = f"http://{shelf.address}/v2/upper/manifests/{name}"
            headers = {"Content-Type": json.loads(other)["mediaType"]}
            urlopen(Request(place, other, headers, method="PUT")).close()

    between.after = rival
    stdout, stderr = ended(
        project.start("--version=v2", *(["--format=json"] if same else [])), 0 if same else 1
    )

    rival_digest = f"sha256:{hashlib.sha256(other).hexdigest()}"
    assert project.shelf.tags()["upper:a-v2"] == rival_digest
    if same:
        rows = {row["target"]: row for row in json.loads(stdout)["targets"]}
        assert rows["upper-a"]["digest"] == rival_digest
        project.finish(project.look())
    else:
        assert "upper:a-v2 already exists for another image" in stderr
        assert "some tags may have been created" in stderr
        assert "lower:release-v2" not in project.look().tags


@pytest.mark.parametrize("same", [True, False])
def test_another_run_releases_the_version_meanwhile(
    project: Project,
    between: proxy.Proxy,
    tmp_path: Path,
    same: bool,  # noqa: FBT001 - a parameter of pytest
) -> None:
    """Released images are adopted if their inputs are the same, and kept in any case."""
    other = project.twin(tmp_path / "other")
    other.address = project.shelf.address
    if same:
        shutil.copytree(project.folder / "content", other.folder / "content", dirs_exist_ok=True)
    released, late = threading.Event(), threading.Event()

    def fault(request: proxy.Request) -> int:
        if request.method == "PUT" and "/manifests/" in request.path:
            late.set()
            released.wait(PATIENCE)
        return 0

    between.fault = fault
    running = project.start("--version=v2", *(["--format=json"] if same else []))
    until(late.is_set, running)
    first = other.record("--version=v2")
    released.set()
    stdout, stderr = ended(running, 0 if same else 1)

    other.check_complete(first)
    if same:
        digests = {row["target"]: row["digest"] for row in first["targets"]}
        assert {row["target"]: row["digest"] for row in json.loads(stdout)["targets"]} == digests
    else:
        assert "lower:a-v2 already exists for another image" in stderr
        assert "no tag was created" in stderr
