"""What consumers of images use: previews, releases on changes only, and the latest release."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import command, proxy
from support.engine import Engine


pytestmark = pytest.mark.engine

MATRIX = """\
variables: {REGISTRY: nowhere.invalid, VERSION: v1.0}
axes: {n: [a, b]}
defaults: {context: ctx, network: none, platforms: [linux/amd64]}
images:
  base:
    template: base.j2
    tags: ["${REGISTRY}/base:{{ n }}-${VERSION}"]
    moving: ["${REGISTRY}/base:{{ n }}"]
  child:
    from: base
    template: child.j2
    args: {VERSION: "${VERSION}"}
    tags: ["${REGISTRY}/child:{{ n }}-${VERSION}"]
    moving: ["${REGISTRY}/child:{{ n }}"]
publish: {version: "${VERSION}"}
"""
BASE = "FROM busybox:1.36\nCOPY {{ n }}.txt /content\n"
CHILD = "FROM {{ parent }}\nARG VERSION\nRUN echo {{ target }} $VERSION > /child\n"


class Project:
    """A project that publishes through a proxy, which counts the requests that write."""

    def __init__(self, engine: Engine, registries: proxy.Proxy, folder: Path) -> None:
        """Write the project and compile it."""
        self.engine, self.folder = engine, folder
        self.namespace = f"consumers{os.getpid()}/{folder.name}"
        self.writes: list[str] = []
        registries.fault = self._note
        self.registry = f"{registries.address}/{self.namespace}"
        self.env = {**engine.env, "REGISTRY": self.registry}
        self.write("matrix.yaml", MATRIX)
        self.write("templates/base.j2", BASE)
        self.write("templates/child.j2", CHILD)
        for n in "ab":
            self.write(f"ctx/{n}.txt", n)
        self.run()

    def _note(self, request: proxy.Request) -> int:
        if request.writes:
            self.writes.append(f"{request.method} {request.path}")
        return 0

    def write(self, path: str, text: str) -> None:
        """Write a file."""
        (self.folder / path).parent.mkdir(exist_ok=True)
        (self.folder / path).write_text(text)

    def run(self, *arguments: str, code: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command and check its exit code."""
        return command.call(self.folder, *arguments, env={**self.env, **env}, code=code)

    def publish(self, version: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Publish a version."""
        return self.run("publish", *arguments, VERSION=version)

    def record(self, version: str) -> dict[str, Any]:
        """Return the targets of a release by name."""
        shown = json.loads(self.run("release", "show", version, "--format=json").stdout)
        return {row["target"]: row for row in shown["targets"]}

    def tags(self) -> dict[str, str]:
        """Return each tag of the registry with its digest."""
        return {
            f"{image}:{tag}": self.engine.digest(f"{self.namespace}/{image}", tag)
            for image in ("base", "child")
            for tag in self.engine.tags(f"{self.namespace}/{image}")
        }

    def files(self) -> dict[str, tuple[bytes, int]]:
        """Return the content and time of each file."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


@pytest.fixture
def project(engine: Engine, tmp_path: Path) -> Iterator[Project]:
    """Provide a compiled project."""
    with proxy.before(engine.registry) as registries:
        yield Project(engine, registries, tmp_path)


def latest(project: Project, *arguments: str) -> str:
    """Return what `release latest` prints."""
    return project.run("release", "latest", *arguments).stdout.strip()


def test_floating_tags_in_another_repository_decide(project: Project) -> None:
    """A release that was rolled back there is not the latest."""
    floating, other = '"${REGISTRY}/base:{{ n }}"', '"${REGISTRY}/other:{{ n }}"'
    project.write("matrix.yaml", MATRIX.replace(floating, other))
    project.run()
    project.publish("v1.0")
    project.write("ctx/a.txt", "changed")
    project.publish("v1.1")
    assert latest(project, "base-a") == "v1.1"

    project.run("release", "promote", "v1.0")

    assert latest(project, "base-a") == "v1.0"
    project.write("ctx/a.txt", "a")
    assert project.publish("v1.2", "--if-changed", "image=base").stdout == "v1.0\n"


def test_a_preview_writes_nothing(project: Project) -> None:
    """It names what the run afterwards builds, reuses, tags and moves."""
    before = project.files()

    first = project.run("publish", "--dry-run").stdout

    assert first.count(" build ") == 4
    assert "dry run of v1.0: 4 to build, 8 tags to create, 0 to move; nothing was" in first
    assert project.tags() == {}
    project.publish("v1.0")
    project.write("ctx/a.txt", "changed")
    project.writes.clear()
    before, tags = project.files(), project.tags()
    summary = project.folder.parent / "summary.md"

    done = project.run(
        *("publish", "--dry-run", "--format=json", "--summary", str(summary)), VERSION="v1.1"
    )

    rows = {row["target"]: row for row in json.loads(done.stdout)["targets"]}
    assert {name: row["state"] for name, row in rows.items()} == {
        "base-a": "build",
        "base-b": "reuse",
        "child-a": "build",
        "child-b": "build",  # its argument contains the version
    }
    assert rows["base-b"]["digest"] == project.record("v1.0")["base-b"]["digest"]
    assert rows["base-b"]["create"] == [f"{project.registry}/base:b-v1.1"]
    assert rows["base-b"]["move"] == []
    assert rows["base-a"]["move"] == [f"{project.registry}/base:a"]
    assert project.writes == []
    assert project.tags() == tags
    assert project.files() == before
    previewed = summary.read_text()
    assert "### Dry run of v1.1&#58; 3 of 4 targets to build\n" in previewed
    assert re.search(r"\| base-a \| another image \| [\d.]+ [kM]?B \|\n", previewed)
    text = project.publish("v1.1", "--summary", str(summary)).stdout
    assert "3 built, 1 reused" in text
    assert "7 tags created or moved" in text
    published = summary.read_text().removeprefix(previewed)
    assert published.startswith("### Published v1.1&#58; 4 targets\n")
    row = r"\| base-a \| other inputs changed \| [\d.]+ [kM]?B \| .* \| [+-].*% \|"
    assert re.search(row, published)
    assert "base-b" not in published
    difference = project.run("release", "diff", "v1.0", "v1.1").stdout
    assert difference.startswith("changed  base-a\n  size     ")
    assert "\n  why      other inputs changed\n" in difference
    assert difference.endswith("\nv1.0 to v1.1: 0 added, 0 removed, 3 changed, 1 unchanged\n")

    older = project.run("publish", "--dry-run", VERSION="v0.9").stdout
    existing = project.run("publish", "--dry-run", "n=a", VERSION="v1.0", code=1).stderr

    assert f"not moved: {project.registry}/child:a belongs to the newer release v1.1" in older
    assert "error[existing-tag]: base-a: the tag " in existing
    assert "nothing was built" in existing


def test_a_release_only_if_something_differs(project: Project) -> None:
    """Only another version is not a difference; images, targets, tags and lost tags are."""
    assert "published v1.0: 4 built" in project.publish("v1.0", "--if-changed").stdout
    project.writes.clear()

    same = project.publish("v1.1", "--if-changed")
    record = json.loads(project.publish("v1.1", "--if-changed", "--format=json").stdout)

    assert same.stdout == "v1.0\n"
    assert "nothing differs from v1.0" in same.stderr
    assert record["release"] == "v1.0"
    assert project.writes == []
    assert not any("v1.1" in tag for tag in project.tags())
    project.write("ctx/a.txt", "changed")
    preview = project.publish("v1.1", "--if-changed", "--dry-run")
    assert "dry run of v1.1: 3 to build, 1 to reuse" in preview.stdout
    assert "differs from v1.0: base-a: another image; child-a: another image" in preview.stderr
    assert "published v1.1: 3 built, 1 reused" in project.publish("v1.1", "--if-changed").stdout
    assert project.publish("v1.2", "--if-changed", "image=base").stdout == "v1.1\n"

    alias = '    aliases: {"${REGISTRY}/child:latest": {n: b}}\npublish'
    project.write("matrix.yaml", MATRIX.replace("publish", alias))
    project.run()
    added = project.publish("v1.2", "--if-changed")
    assert f"differs from v1.1: child-b: new tag {project.registry}/child:latest" in added.stderr
    project.write("matrix.yaml", MATRIX.replace("[a, b]", "[b]"))
    project.run()
    removed = project.publish("v1.3", "--if-changed")
    assert "differs from v1.2: " in removed.stderr
    assert "base-a: removed" in removed.stderr
    project.engine.copy(f"{project.registry}/base:a", f"{project.registry}/base:b-v1.3")
    lost = project.publish("v1.4", "--if-changed")
    assert f"differs from v1.3: {project.registry}/base:b-v1.3: another image" in lost.stderr


def test_the_latest_release(project: Project) -> None:
    """It follows floating tags, back too; otherwise it is the highest complete release."""
    none = project.run("release", "latest", code=1)
    assert "error[unknown-release]: no release in " in none.stderr
    assert none.stdout == ""
    project.publish("v1.0")
    project.write("ctx/a.txt", "changed")
    project.publish("v1.1")
    project.publish("v2.0-rc1")

    assert latest(project) == "v1.1"
    promoted = json.loads(project.run("release", "promote", "v1.0", "--format=json").stdout)
    assert promoted["release"] == "v1.0"
    assert {"tag": f"{project.registry}/base:a", "state": "moved"} in promoted["tags"]
    assert latest(project) == "v1.0"
    assert json.loads(latest(project, "--format=json")) == {"version": 1, "release": "v1.0"}
    project.publish("v3.0", "--no-moving", "image=base")
    assert latest(project, "child-a") == latest(project, "base-a", "--format=github") == "v1.0"
    project.publish("v4.0", "image=base")
    partial = project.run("release", "latest")
    assert partial.stdout == "v4.0\n"
    assert "v4.0 was published without child-a, child-b; a TARGET selects " in partial.stderr
    assert latest(project, "child-a") == "v1.0"
    missing = project.run("release", "latest", "bse-a", "--format=github", code=1).stderr
    assert missing.startswith("::error")
    assert "no release of 'bse-a' in " in missing


def test_images_for_consumers(project: Project) -> None:
    """A shell reads the images of a release by digest, also those of a hotfix."""
    project.publish("v1.0")
    old = project.record("v1.0")
    project.write("ctx/a.txt", "changed")
    project.write("ctx/b.txt", "changed")
    project.publish("v2.0")

    lines = project.run("release", "show", "v1.0", "--format=env").stdout
    script = 'set -u; eval "$1"; printf %s "$IMAGE_BASE_A"'
    image = subprocess.run(
        ["sh", "-c", script, "sh", lines], check=True, capture_output=True, text=True
    ).stdout

    assert image == f"{project.registry}/base@{old['base-a']['digest']}"
    assert old["base-a"]["image"] == image
    assert len(lines.splitlines()) == 4
    narrowed = project.run("release", "show", "v1.0", "base-b", "--format=env").stdout
    assert narrowed == f"IMAGE_BASE_B={old['base-b']['image']}\n"

    project.write("ctx/a.txt", "hotfix")
    project.write("ctx/b.txt", "b")
    fixed = project.publish("v1.0.1").stdout
    assert "published v1.0.1: 3 built, 1 reused, 4 tags created or moved" in fixed
    assert fixed.count("belongs to the newer release v2.0") == 4
    hotfix = project.record("v1.0.1")
    assert hotfix["base-b"]["image"] == old["base-b"]["image"]
    assert hotfix["base-a"]["image"] != old["base-a"]["image"]
    assert latest(project) == "v2.0"


def test_a_rerun_counts_what_it_builds(project: Project) -> None:
    """The record keeps the state of the first run."""
    project.publish("v1.0")

    again = project.publish("v1.0").stdout

    assert "published v1.0: 0 built, 4 reused, 0 tags created or moved" in again
    assert {row["state"] for row in project.record("v1.0").values()} == {"built"}


def test_version_tags_that_were_pushed_by_hand(project: Project) -> None:
    """`release show` names those that no longer refer to the images of the release."""
    project.publish("v1.0")
    project.engine.copy(f"{project.registry}/base:b", f"{project.registry}/base:a-v1.0")

    shown = project.run("release", "show", "v1.0")
    rows = project.record("v1.0")

    lost = f"{project.registry}/base:a-v1.0"
    assert f"  tag       {lost}  (now another image)\n" in shown.stdout
    assert f"1 version tag no longer of release v1.0: {lost}; " in shown.stderr
    assert rows["base-a"]["lost"] == [lost]
    assert rows["base-b"]["lost"] == []
    assert rows["base-a"]["held"] == [f"{project.registry}/base:a"]
