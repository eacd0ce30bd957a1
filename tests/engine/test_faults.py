"""`compile-matrix publish` while the registry, the engine or the disk fails."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import command, daemon, minimal_base, proxy, tools
from support import engine as engines
from support.engine import Engine
from support.interrupted_project import (
    PATIENCE,
    Project,
    ended,
    short_name,
    staged,
    until,
)
from support.killable_registry import KillableRegistry
from support.provided import provided


pytestmark = pytest.mark.engine


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
    assert not seen[0].tags.keys() & {short_name(t) for r in record["targets"] for t in r["tags"]}
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


def test_the_engine_has_lost_layers(engine: Engine, tmp_path: Path) -> None:
    """Retries build without the cache what the cache has lost."""
    containerd = engine.folder / "exec/containerd/containerd.sock"
    if engines.is_shared():
        pytest.skip("this engine contains the layers of others")
    base = f"{engine.registry}/lost-layers/base:1"
    minimal_base.push(engine, tmp_path, [base])
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/a.j2").write_text(
        f"FROM {base}\nRUN echo {{{{ n }}}} > /{uuid.uuid4()}\n"
    )
    tag = f"{engine.registry}/lost-layers/a:{{{{ n }}}}"
    (tmp_path / "matrix.yaml").write_text(
        f'axes: {{n: [1, 2]}}\nimages: {{a: {{template: a.j2, network: none, tags: ["{tag}"]}}}}\n'
    )
    command.call(tmp_path)
    engine.docker("buildx", "prune", "--all", "--force")
    engine.docker("buildx", "bake", "--set=*.output=type=cacheonly", cwd=tmp_path)
    snapshots = [str(tools.docker() / "usr/bin/ctr"), "--namespace=moby", "snapshots"]
    env = {"CONTAINERD_ADDRESS": str(containerd)}
    listed = subprocess.run([*snapshots, "ls"], env=env, check=True, capture_output=True, text=True)
    # The steps are not committed yet; snapshots without a parent contain build contexts.
    steps = re.findall(r"^(\w+) +\S+ +Active", listed.stdout, re.MULTILINE)
    subprocess.run([*snapshots, "rm", *steps], env=env, check=True)

    done = command.call(tmp_path, "build", "--push", env=engine.env)

    assert len(steps) > 1
    assert "retrying a-1 and 1 more in 1 s: the engine lost a layer of its cache" in done.stderr
    assert "2 built" in done.stdout


def test_a_third_of_requests_fails(
    engine: Engine, registry_program: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Six targets are published nevertheless; the time is compared with a run without failures."""
    shelf = KillableRegistry(registry_program, tmp_path / "shelf")
    with proxy.before(shelf.address) as between, contextlib.closing(shelf):
        project = Project(engine, tmp_path / "project", shelf, values="a, b, c")
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
            f"\n6 targets: {clean:.1f} s and {requests} requests; with a third failing "
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
