"""A project whose runs of `publish` are disturbed, and what its registry contains meanwhile."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from support import command, minimal_base
from support.engine import Engine
from support.killable_registry import KillableRegistry


PATIENCE = 300
"""Timeout in seconds, for a busy machine."""

MATRIX = """\
variables: {{REGISTRY: nowhere.invalid, VERSION: v1}}
publish: {{version: "${{VERSION}}"}}
axes: {{n: [{values}]}}
defaults: {{network: none}}
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


def short_name(tag: str) -> str:
    """Return a tag without the host of its registry."""
    return tag.partition("/")[2]


def _repository(row: Mapping[str, Any]) -> str:
    return short_name(row["tags"][0]).partition(":")[0]


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
        missing = self.shelf.lacking(seen.tags.values())
        assert not {tag: missing[digest] for tag, digest in seen.tags.items() if missing[digest]}
        for row in self.released.get("targets", ()):
            for tag in row["tags"]:
                assert seen.tags[short_name(tag)] == row["digest"]
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
        old = {short_name(tag): row["digest"] for row in first for tag in row["moving"]}
        tags = {short_name(tag): row for row in rows for tag in row["tags"]}
        assert len(rows) == 2 * len(self.values)
        if seen.tags.keys() & tags.keys():
            assert all(seen.staged(row) and seen.tested(row) for row in rows)
        for tag, row in tags.items():
            assert seen.tags.get(tag) in {None, seen.staged(row)}
        staged = {short_name(tag): seen.staged(row) for row in rows for tag in row["moving"]}
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
                assert seen.tags[short_name(tag)] == row["digest"] == seen.staged(row)
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


_STAGED = re.compile(r":fp-[0-9a-f]{64}(?!.*-pushed$)")


def staged(shelf: KillableRegistry) -> int:
    """Count the tags of staged and tested images."""
    return sum(bool(_STAGED.search(tag)) for tag in shelf.tags())


def until(true: Callable[[], object], running: subprocess.Popen[str]) -> None:
    """Wait until a condition is true; fail if the process ends before."""
    while not true():
        assert running.poll() is None, "".join(running.communicate())
        time.sleep(0.02)  # the condition takes a few milliseconds itself
