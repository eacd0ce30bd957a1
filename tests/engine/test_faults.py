"""`compile-matrix publish` while things break: a release is whole, or it is not there."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support import daemon, proxy
from support.engine import Engine
from support.shelf import Shelf


pytestmark = pytest.mark.engine

COMMAND = [sys.executable, "-m", "compiler"]
PATIENCE = 60

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
GROUND = """\
FROM python:3.11-slim-bookworm AS python
RUN mkdir -p /ground/bin && cp -L --parents $(ldd /bin/sh | grep -o '/[^ ]*') /ground
RUN cp -L /bin/sh /bin/sleep /ground/bin/
FROM scratch
COPY --from=python /ground /
"""


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
        (folder / "templates").mkdir(parents=True)
        (folder / "content").mkdir()
        (folder / "Dockerfile").write_text(GROUND)
        tags = [f"--tag={shelf.address}/ground:{value}" for value in self.values]
        engine.docker("buildx", "build", "--provenance=false", "--push", *tags, ".", cwd=folder)
        (folder / "matrix.yaml").write_text(matrix.format(values=values))
        lower = LOWER.format(registry=shelf.address, more=more)
        (folder / "templates/lower.j2").write_text(lower)
        (folder / "templates/upper.j2").write_text(UPPER)
        self.change()
        subprocess.run(COMMAND, cwd=folder, check=True, capture_output=True)

    def change(self, size: int = 1000) -> None:
        """Give each variant another content."""
        for value in self.values:
            (self.folder / "content" / value).write_bytes(
                f"{uuid.uuid4()} ".encode() + os.urandom(size)
            )

    def start(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Begin to publish."""
        return subprocess.Popen(
            [*COMMAND, "publish", *words],
            cwd=self.folder,
            env={**self.env, **(env or {}), "REGISTRY": self.address},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

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
        old = {tag: row["digest"] for row in self.released["targets"] for tag in row["moving"]}
        tags = {_short(tag): row for row in rows for tag in row["tags"]}
        assert len(rows) == 2 * len(self.values)
        if seen.tags.keys() & tags.keys():
            assert all(seen.staged(row) and seen.tested(row) for row in rows)
        for tag, row in tags.items():
            assert seen.tags.get(tag) in {None, seen.staged(row)}
        moved = [
            tag for row in rows for tag in row["moving"] if seen.tags[_short(tag)] != old.get(tag)
        ]
        staged = {tag: seen.staged(row) for row in rows for tag in row["moving"]}
        assert all(seen.tags[_short(tag)] == staged[tag] for tag in moved)
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


def ended(running: subprocess.Popen[str], *codes: int) -> tuple[str, str]:
    """Wait for the end of a process, which has one of these codes; give what it said."""
    said, told = running.communicate(timeout=PATIENCE)
    assert running.returncode in codes, f"{running.returncode}\n{said}{told}"
    assert "Traceback" not in told
    return said, told


def until(true: Callable[[], object], running: subprocess.Popen[str]) -> None:
    """Wait until something is so; a process that ends before is an error."""
    while not true():
        assert running.poll() is None, "".join(running.communicate())
        time.sleep(0.005)


@pytest.fixture
def shelf(registry_program: Path, tmp_path: Path) -> Iterator[Shelf]:
    """Give a registry of the test's own."""
    found = Shelf(registry_program, tmp_path / "shelf")
    yield found
    found.end()


@pytest.fixture
def project(engine: Engine, tmp_path: Path, shelf: Shelf) -> Project:
    """Give a project whose v1 is released; v2 is to be of other content."""
    found = Project(engine, tmp_path / "project", shelf)
    found.first()
    return found


def test_the_registry_is_killed_and_comes_back(project: Project, shelf: Shelf) -> None:
    """In mid-push, twice: the same run goes on when it is back, and nothing is lost."""
    project.change(3_000_000)
    running = project.start("--version=v2", "--format=json")
    seen = []
    for _ in range(2):
        until(lambda: shelf.receiving, running)
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


def test_the_registry_is_killed_and_stays_away(project: Project, shelf: Shelf) -> None:
    """The run gives up and promotes nothing; when it is back the next one goes on from there."""
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
    _, told = ended(running, 1)
    sys.stdout.write(said + told)

    assert "nothing is promoted" in told
    project.finish(project.look())
