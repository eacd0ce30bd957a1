"""`compile-matrix publish` is stopped or overlaps with another run: releases stay complete."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from support import proxy
from support.interrupted_project import (
    PATIENCE,
    Project,
    Snapshot,
    ended,
    staged,
    until,
)


pytestmark = pytest.mark.engine


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
