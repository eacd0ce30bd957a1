"""`compile-matrix publish` while things break: a release is whole, or it is not there."""

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
from support import command, daemon, ground, proxy, registry
from support.engine import Engine
from support.packages import Unavailable
from support.shelf import Shelf


pytestmark = pytest.mark.engine

PATIENCE = 300
"""Seconds that anything may take on a busy machine."""

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


class Seen(NamedTuple):
    """What a registry held at a moment."""

    tags: Mapping[str, str]
    """`repository:tag` -> digest."""

    def staged(self, row: Mapping[str, Any]) -> str | None:
        """Give the digest that waits for a target of a record, by its fingerprint."""
        return self.tags.get(f"{_place(row)}:fp-{_print(row)}")

    def tested(self, row: Mapping[str, Any]) -> bool:
        """Tell whether what waits passed its tests, if it has any."""
        start = f"{_place(row)}:fp-{_print(row)}-tested-"
        passed = [digest for tag, digest in self.tags.items() if tag.startswith(start)]
        return not row["target"].startswith("lower") or passed == [self.staged(row)]


def _short(tag: str) -> str:
    return tag.partition("/")[2]


def _place(row: Mapping[str, Any]) -> str:
    return _short(row["tags"][0]).partition(":")[0]


def _print(row: Mapping[str, Any]) -> str:
    return str(row["fingerprint"]).removeprefix("sha256:")


class Project:
    """A matrix in a folder of its own, to be published to a registry of its own."""

    def __init__(
        self,
        engine: Engine,
        folder: Path,
        shelf: Shelf,
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
        ground.push(engine, folder, [f"{shelf.address}/ground:{value}" for value in self.values])
        (folder / "matrix.yaml").write_text(matrix.format(values=values))
        lower = LOWER.format(registry=shelf.address, more=more)
        (folder / "templates/lower.j2").write_text(lower)
        (folder / "templates/upper.j2").write_text(UPPER)
        self.change()
        command.run(folder)

    def twin(self, folder: Path) -> Project:
        """Give the same project in another folder, as another checkout has it."""
        found = copy.copy(self)
        shutil.copytree(self.folder, folder)
        found.folder = folder
        found.change()
        return found

    def change(self, size: int = 1000) -> None:
        """Give each variant another content."""
        for value in self.values:
            (self.folder / "content" / value).write_bytes(
                f"{uuid.uuid4()} ".encode() + os.urandom(size)
            )

    def start(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Begin to publish."""
        running = subprocess.Popen(
            [*command.COMMAND, "publish", *words],
            cwd=self.folder,
            env={
                **self.env,
                **(env or {}),
                "REGISTRY": self.address,
                "TMPDIR": str(self.folder.parent),  # what a killed one leaves goes with the test
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(running)
        return running

    def publish(self, *words: str, code: int = 0) -> tuple[str, str]:
        """Publish, and give what it said, on stdout and stderr."""
        return ended(self.start(*words), code)

    def record(self, *words: str) -> dict[str, Any]:
        """Publish, and give its record."""
        said, _ = self.publish("--format=json", *words)
        found: dict[str, Any] = json.loads(said)
        assert found == json.loads((self.folder / ".compile-matrix/release.json").read_text())
        return found

    def first(self) -> None:
        """Release v1, which is good, and change what v2 is to be of."""
        self.released = self.record()
        assert {row["state"] for row in self.released["targets"]} == {"built"}
        self.look()
        self.change()

    def look(self) -> Seen:
        """See what is there now: all of it is whole, and v1 stands where it stood."""
        seen = Seen(self.shelf.tags())
        lacking = {tag: self.shelf.lacking(digest) for tag, digest in seen.tags.items()}
        assert not {tag: what for tag, what in lacking.items() if what}
        for row in self.released.get("targets", ()):
            for tag in row["tags"]:
                assert seen.tags[_short(tag)] == row["digest"]
        return seen

    def finish(self, *seen: Seen, exact: bool = True) -> dict[str, Any]:
        """Publish v2 again: it ends well, did only what was missing, and nothing was half before.

        Args:
            seen: what was there after each fault, the last one at the end.
            exact: whether nobody else stages anything after that.
        """
        record = self.record("--version=v2")
        for one in seen:
            self.judge(one, record)
        self.whole(record)
        for row in record["targets"] if seen and "lower:release-v2" not in seen[-1].tags else ():
            staged = seen[-1].staged(row)
            if staged:
                assert (row["state"], row["digest"]) == ("reused", staged)
            else:
                assert row["state"] == "built" or not exact
        return record

    def judge(self, seen: Seen, record: Mapping[str, Any]) -> None:
        """See to it that nothing of v2 had a name before all of it was there."""
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

    def whole(self, record: Mapping[str, Any]) -> None:
        """See to it that a release is there: its tags, what moves, its record."""
        seen = self.look()
        assert f"lower:release-{record['release']}" in seen.tags
        for row in record["targets"]:
            for tag in (*row["tags"], *row["moving"]):
                assert seen.tags[_short(tag)] == row["digest"] == seen.staged(row)
        found = [tag for row in record["targets"] for tag in row["moving"]]
        assert f"{self.address}/upper:latest" in found


def ended(
    running: subprocess.Popen[str], *codes: int, patience: float = PATIENCE
) -> tuple[str, str]:
    """Wait for the end of a process, which has one of these codes; give what it said."""
    said, told = running.communicate(timeout=patience)
    assert running.returncode in codes, f"{running.returncode}\n{said}{told}"
    assert "Traceback" not in told
    return said, told


def until(true: Callable[[], object], running: subprocess.Popen[str]) -> None:
    """Wait until something is so; a process that ends before is an error."""
    while not true():
        assert running.poll() is None, "".join(running.communicate())
        time.sleep(0.005)


@pytest.fixture(scope="module")
def released(
    engine: Engine, registry_program: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    """Give a project whose v1 is released; `storage` beside it is a copy of what that left."""
    folder = tmp_path_factory.mktemp("released")
    shelf = Shelf(registry_program, folder / "shelf")
    found = Project(engine, folder / "project", shelf)
    found.first()
    registry.copy(shelf.storage, folder / "storage")
    yield found
    shelf.close()


@pytest.fixture
def project(released: Project, tmp_path: Path) -> Iterator[Project]:
    """Give a project whose v1 is released; v2 is to be of other content."""
    released.shelf.restore(released.folder.parent / "storage")
    yield released.twin(tmp_path / "project")
    for running in released.started:
        running.kill()
        running.communicate()
    released.started.clear()


@pytest.fixture
def between(project: Project) -> Iterator[proxy.Proxy]:
    """Give a proxy between the project and its registry."""
    with proxy.before(project.shelf.address) as found:
        project.address = found.address
        yield found


def test_the_registry_is_killed_and_comes_back(project: Project, between: proxy.Proxy) -> None:
    """In mid-push, twice: the same run goes on when it is back, and nothing is lost."""
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
        time.sleep(1)  # it is away for as long
        shelf.start()
    said, told = ended(running, 0)

    record = json.loads(said)
    assert not seen[0].tags.keys() & {_short(t) for r in record["targets"] for t in r["tags"]}
    for one in seen:
        project.judge(one, record)
    project.whole(record)
    sys.stdout.write(told)
    assert {row["state"] for row in project.finish()["targets"]} == {"built"}


@contextlib.contextmanager
def held_halfway(between: proxy.Proxy) -> Iterator[threading.Event]:
    """Let blobs be sent no further than to their half until the end; tell when one is there."""
    some, free = threading.Event(), threading.Event()

    def halfway(request: proxy.Request) -> None:
        if request.size > 1_000_000:
            some.set()
            free.wait(PATIENCE)

    between.halfway = halfway
    try:
        yield some
    finally:
        between.halfway = lambda _: None
        free.set()


def test_the_registry_is_killed_and_stays_away(project: Project) -> None:
    """The run gives up and promotes nothing; when it is back the next one goes on from there."""
    shelf = project.shelf
    project.change(3_000_000)
    running = project.start("--version=v2", "--retries=0", "--jobs=1", "--part=2")
    until(lambda: sum(":fp-" in tag for tag in shelf.tags()) > 9, running)
    shelf.kill()
    assert running.stderr
    said = ""
    for line in running.stderr:
        said += line
        if "FAILED" in line:
            break
    shelf.start()
    told = said + running.stderr.read()  # what was read ahead, too
    ended(running, 1)
    sys.stdout.write(told)

    assert "Traceback" not in told
    assert "no tag was created" in told
    project.finish(project.look())


def test_the_engine_is_killed(project: Project) -> None:
    """In mid-build, for good: the run gives up, and one on another engine goes on from there."""
    others = project.env
    with lent(daemon.running) as own:
        project.env = dict(own.env)
        running = project.start("--version=v2", "--retries=1", "--jobs=1", "--part=2")
        until(lambda: sum(":fp-" in tag for tag in project.shelf.tags()) > 10, running)
        os.kill(engine_process(own.folder), signal.SIGKILL)
        _, told = ended(running, 1)
    sys.stdout.write(told)

    assert "no tag was created" in told
    project.env = others
    project.finish(project.look())


@contextlib.contextmanager
def lent(give: Callable[[], contextlib.AbstractContextManager[T]]) -> Iterator[T]:
    """Lend what a machine may be unable to give: then the test is skipped, in CI it fails."""
    with contextlib.ExitStack() as stack:
        try:
            found = stack.enter_context(give())
        except Unavailable as problem:
            if os.environ.get("CI") == "true":
                pytest.fail(str(problem))
            pytest.skip(str(problem))
        yield found


def engine_process(folder: Path) -> int:
    """Give the number of the engine's own process, of an engine in that folder."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = file.read_bytes().split(b"\0")
            if words[0].endswith(b"/dockerd") and os.fsencode(folder / "daemon.json") in words:
                return int(file.parent.name)
    raise AssertionError(f"no engine runs in {folder}")


def test_a_third_of_requests_fails(
    engine: Engine, registry_program: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """18 targets are published all the same, beside a run where nothing fails."""
    shelf = Shelf(registry_program, tmp_path / "shelf")
    with proxy.before(shelf.address) as between, contextlib.closing(shelf):
        project = Project(engine, tmp_path / "project", shelf, values="a, b, c, d, e, f, g, h, i")
        project.address = between.address
        start = time.monotonic()
        project.first()
        clean, requests = time.monotonic() - start, between.requests

        between.fault = thirds()
        start = time.monotonic()
        words = ("--version=v2", "--format=json", "--retries=20")
        said, told = ended(project.start(*words), 0, patience=3 * PATIENCE)
        record = json.loads(said)
        faulty = time.monotonic() - start
        between.fault = lambda _: 0
        sys.stdout.write(told)
        project.whole(record)

        assert between.failed > requests // 4
        assert project.finish()["targets"] == record["targets"]
    with capsys.disabled():
        sys.stdout.write(
            f"\n18 targets: {clean:.1f} s and {requests} requests; with a third failing "
            f"{faulty:.1f} s, {between.failed} failed: {faulty / clean:.2f} times as long\n"
        )


def thirds() -> Callable[[proxy.Request], int]:
    """Let each third request fail, in one way after the other, but none of them for ever.

    Of many at once one would, now and then, be the third again and again.
    """
    kinds = itertools.cycle([500, proxy.CUT, 429, proxy.CUT_AFTER])
    rows: dict[tuple[str, str], int] = {}

    def fault(request: proxy.Request) -> int:
        key = (request.method, request.path)
        rows[key] = rows.get(key, 0) + 1 if request.number % 3 == 2 else 0
        return next(kinds) if 0 < rows[key] < 6 else 0

    return fault


def test_a_base_disappears(project: Project) -> None:
    """What stands on it fails, the rest is staged; when it is back only that is built."""
    tag = project.shelf.storage / "docker/registry/v2/repositories/ground/_manifests/tags/c"
    tag.rename(tag.with_name("gone"))
    _, told = project.publish("--version=v2", code=1)
    sys.stdout.write(told)

    assert "lower-c: " in told
    assert "ground:c: not found" in told
    assert "upper-c: depends on lower-c, which failed" in told
    seen = project.look()
    tag.with_name("gone").rename(tag)
    record = project.finish(seen)
    states = {row["target"]: row["state"] for row in record["targets"]}
    assert [name for name, state in states.items() if state == "built"] == ["lower-c", "upper-c"]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_the_disk_of_the_registry_is_full(project: Project) -> None:
    """What still had room is staged, nothing promoted; with more room the next run goes on.

    What the registry itself damaged is mended first, which an operator has to do, too.
    """
    shelf = project.shelf
    project.change(2_000_000)
    used = sum(file.stat().st_size for file in shelf.storage.glob("**/data"))
    with disk(shelf.storage, used + 15_000_000):
        shelf.restore(shelf.storage.parent.parent / "storage")
        _, told = project.publish("--version=v2", "--retries=1", "--jobs=1", "--part=2", code=1)
        sys.stdout.write(told)

        assert "no tag was created" in told
        seen = project.look()
        room = shelf.storage
        subprocess.run(["mount", "-o", "remount,size=200m", str(room)], check=True)
        shelf.mend()
        project.finish(seen)


@contextlib.contextmanager
def disk(place: Path, size: int) -> Iterator[None]:
    """Put a small disk of its own at a folder."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    subprocess.run(command, check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


POINTS = {
    "early": (r"", 5),
    "pushing": (r"", 20),
    "pushing more": (r"", 40),
    "testing": (r"/manifests/fp-.*-tested-", 2),
    "the first tag": (r"/manifests/.-v2$", 1),
    "tags": (r"/manifests/(?:.-v2|.|latest)$", 2),
    "the first that moves": (r"/manifests/(?:.|latest|release-v2)$", 1),
    "moving": (r"/manifests/(?:.|latest|release-v2)$", 1),
    "the record": (r"/manifests/release-v2$", 1),
}
"""Which writes count, and after how many of them a run is ended."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_it_is_ended_at_any_point(
    project: Project, between: proxy.Proxy, number: signal.Signals
) -> None:
    """By Ctrl-C, or by force, later and later: each run goes on from there, the last to the end."""
    seen: list[Seen] = []
    for turn, (point, (writes, count)) in enumerate(POINTS.items()):
        running = ending(project, between, number, writes, count, lost=turn % 2 == 1)
        done = bool(seen) and "lower:release-v2" in seen[-1].tags
        ended(running, 0 if done else 130 if number == signal.SIGINT else -number)
        until_alone(project.folder)
        between.wait(PATIENCE)  # what a killed one had asked for is still done
        seen.append(project.look())
        sys.stdout.write(f"{point}: {stage(seen[-1])}\n")
    between.fault = lambda _: 0

    project.finish(*seen)
    for one, following in itertools.pairwise(seen):
        assert one.tags.keys() <= following.tags.keys()


def ending(
    project: Project,
    between: proxy.Proxy,
    number: signal.Signals,
    writes: str,
    count: int,
    *,
    lost: bool,
) -> subprocess.Popen[str]:
    """Begin to publish v2; a write, the so many-th of its kind, ends it, and may itself be lost."""
    left = iter(range(count - 1, -1, -1))
    ready = threading.Event()

    def fault(request: proxy.Request) -> int:
        ready.wait()
        if not request.writes or not re.search(writes, request.path) or next(left, 1):
            return 0
        running.send_signal(number)
        return proxy.CUT if lost else 0

    between.fault = fault
    running = project.start("--version=v2")
    ready.set()
    return running


def stage(seen: Seen) -> str:
    """Tell in words how far a release is."""
    waiting = sum(":fp-" in tag for tag in seen.tags)
    tags = sum(tag.endswith("-v2") for tag in seen.tags)
    return f"{waiting} of fp-, {tags} of v2, {len(set(seen.tags.values()))} digests"


def until_alone(folder: Path) -> None:
    """Wait until no process works in a folder: what a killed one had started ends a bit later."""
    end = time.monotonic() + PATIENCE
    while any(works(file, folder) for file in Path("/proc").glob("[0-9]*/cwd")):
        assert time.monotonic() < end
        time.sleep(0.05)


def works(link: Path, folder: Path) -> bool:
    """Tell whether a process works in a folder, by its link in /proc."""
    with contextlib.suppress(OSError):
        return link.readlink() == folder
    return False


@pytest.mark.parametrize("behind", [0, 7])
def test_two_at_once(project: Project, tmp_path: Path, behind: int) -> None:
    """Two runs of one version, the second begun with the first or behind it: one release."""
    other = project.twin(tmp_path / "other")
    shutil.copytree(project.folder / "content", other.folder / "content", dirs_exist_ok=True)
    before = sum(":fp-" in tag for tag in project.shelf.tags())
    one = project.start("--version=v2", "--format=json", "--part=1")
    until(lambda: sum(":fp-" in tag for tag in project.shelf.tags()) >= before + behind // 2, one)
    two = other.start("--version=v2", "--format=json", "--part=1")
    said = [ended(running, 0) for running in (one, two)]

    project.finish(project.look())
    for text, told in said:
        sys.stdout.write(told)
        rows = json.loads(text)["targets"]
        assert len(rows) == 6


@pytest.mark.parametrize("same", [True, False])
def test_a_tag_is_given_to_another_in_the_same_instant(
    project: Project,
    between: proxy.Proxy,
    same: bool,  # noqa: FBT001 - pytest gives it
) -> None:
    """What another run built of the same is taken; what is of another content is left there."""
    shelf = project.shelf
    other = shelf.blob(shelf.tags()["upper:a"])  # v1's

    def rival(request: proxy.Request) -> None:
        nonlocal other
        if request.method != "PUT" or not request.path.endswith("/upper/manifests/a-v2"):
            return
        between.after = lambda _: None
        names = ["a-v2"]
        if same:
            there = shelf.tags()
            ours = there["upper:a-v2"]
            names += [tag[6:] for tag in there if there[tag] == ours and ":fp-" in tag]
            other = shelf.blob(ours) + b"\n"
        for name in names:
            place = f"http://{shelf.address}/v2/upper/manifests/{name}"
            headers = {"Content-Type": json.loads(other)["mediaType"]}
            urlopen(Request(place, other, headers, method="PUT")).close()

    between.after = rival
    said, told = ended(project.start("--version=v2", "--format=json"), 0 if same else 1)

    theirs = f"sha256:{hashlib.sha256(other).hexdigest()}"
    assert project.shelf.tags()["upper:a-v2"] == theirs
    if same:
        rows = {row["target"]: row for row in json.loads(said)["targets"]}
        assert rows["upper-a"]["digest"] == theirs
        project.finish(project.look())
    else:
        assert "upper:a-v2 already exists for another image" in told
        assert "some tags may have been created" in told
        assert "lower:release-v2" not in project.look().tags


@pytest.mark.parametrize("same", [True, False])
def test_one_that_is_late(
    project: Project,
    between: proxy.Proxy,
    tmp_path: Path,
    same: bool,  # noqa: FBT001 - pytest gives it
) -> None:
    """Another run released the version while this one was building: what is released stays."""
    other = project.twin(tmp_path / "other")
    other.address = project.shelf.address
    if same:
        shutil.copytree(project.folder / "content", other.folder / "content", dirs_exist_ok=True)
    free, late = threading.Event(), threading.Event()

    def fault(request: proxy.Request) -> int:
        if request.method == "PUT" and "/manifests/" in request.path:
            late.set()
            free.wait(PATIENCE)
        return 0

    between.fault = fault
    running = project.start("--version=v2", "--format=json")
    until(late.is_set, running)
    first = other.record("--version=v2")
    free.set()
    said, told = ended(running, 0 if same else 1)

    other.whole(first)
    if same:
        digests = {row["target"]: row["digest"] for row in first["targets"]}
        assert {row["target"]: row["digest"] for row in json.loads(said)["targets"]} == digests
    else:
        assert "lower:a-v2 already exists for another image" in told
        assert "no tag was created" in told
