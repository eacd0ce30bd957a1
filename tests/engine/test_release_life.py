"""The life of two releases of the sample in two registries: from a scan to the clean-up."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support import command, packages
from support.engine import Engine
from support.killable_registry import KillableRegistry
from support.signing import KeyPair


pytestmark = [pytest.mark.engine, pytest.mark.slow]

SAMPLE = Path(__file__).parents[2]
TAG = "truss-{{ image }}-base:{{ variant }}"
EDITS = {
    "  python: [3.9, 3.10, 3.11, 3.12, 3.13, 3.14]": "  python: [3.11]",
    "  platforms: [linux/amd64, linux/arm64]": f"  platforms: [linux/{packages.native()}]",
    f'  tags: ["${{REGISTRY}}/{TAG}-${{VERSION_TAG}}"]': f"""\
  tags:
    - "${{REGISTRY}}/{TAG}-${{VERSION_TAG}}"
    - "${{MIRROR}}/{TAG}-${{VERSION_TAG}}"
  moving: ["${{REGISTRY}}/{TAG}", "${{MIRROR}}/{TAG}"]""",
    "  REGISTRY: localhost:5000": "  REGISTRY: localhost:5000\n  MIRROR: localhost:5001",
    '  version: "${VERSION_TAG}"': """\
  version: "${VERSION_TAG}"
  sign: {key: "env://COSIGN_KEY", public: cosign.pub}
  keep: {releases: 1, days: 0}""",
}
"""What turns the sample into a project that is released to two registries, for one Python."""
DELETES = {"storage": {"delete": {"enabled": True}}}
GRYPE = """\
#!/bin/sh
# Stands in for the scanner, which is not among Debian's packages: finds what `found` lists.
printf '%s %s\\n' "$TARGET" "$*" >> "$SCANS"
grep -q "^$TARGET$" "$FOUND" && { echo "1 vulnerability of critical severity"; exit 2; }
exit 0
"""
TOPS = ("base", "mirror")
SERVER = [f"server-3_11{gpu}{reload}" for gpu in ("", "-gpu") for reload in ("", "-reload")]
TRAINING = ["training-3_11", "training-3_11-gpu"]


@dataclass(frozen=True, kw_only=True)
class Project:
    """The sample with two registries, a key and a scanner."""

    engine: Engine
    folder: Path
    shelves: tuple[KillableRegistry, KillableRegistry]
    keys: KeyPair

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run compile-matrix in the project."""
        first, second = (shelf.address for shelf in self.shelves)
        path = f"{self.folder.parent}/tools{os.pathsep}{self.keys.environment['PATH']}"
        env = {
            **self.engine.env,
            **self.keys.environment,
            "PATH": f"{path}{os.pathsep}{self.engine.env['PATH']}",
            "REGISTRY": f"{first}/{TOPS[0]}",
            "MIRROR": f"{second}/{TOPS[1]}",
            "SCANS": f"{self.folder.parent}/scans",
            "FOUND": f"{self.folder.parent}/found",
        }
        return command.call(self.folder, *arguments, env=env, code=code)

    def images(self, version: str) -> dict[str, list[str]]:
        """Return the tags of a release by target, as its record names them."""
        shown = json.loads(self.run("release", "show", version, "--format=json").stdout)
        return {target["target"]: target["tags"] for target in shown["targets"]}

    def digest(self, tag: str) -> str:
        """Return the digest of a tag, in its registry."""
        repository, _, name = tag.rpartition(":")
        host, _, path = repository.partition("/")
        (shelf,) = [shelf for shelf in self.shelves if shelf.address == host]
        return shelf.registry.digest(path, name)

    def scans(self) -> list[str]:
        """Return the targets that were scanned since the last call."""
        file = self.folder.parent / "scans"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return sorted(line.split()[0] for line in lines)


@pytest.fixture
def project(
    engine: Engine, registry_program: Path, cosign: Path, tmp_path: Path
) -> Iterator[Project]:
    """Provide the project, compiled, with empty registries that can delete."""
    folder = tmp_path / "project"
    folder.mkdir()
    text = (SAMPLE / "matrix.yaml").read_text()
    for old, new in EDITS.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / "matrix.yaml").write_text(text)
    for name in ("pyproject.toml", "docker-bake.hcl.j2"):
        shutil.copy(SAMPLE / name, folder)
    shutil.copytree(SAMPLE / "templates", folder / "templates")
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/grype").write_text(GRYPE)
    (tmp_path / "tools/grype").chmod(0o755)
    (tmp_path / "found").write_text("")
    (tmp_path / "keys").mkdir()
    keys = KeyPair.create(cosign, tmp_path / "keys")
    (folder / "cosign.pub").write_bytes(keys.public)
    first, second = (
        KillableRegistry(registry_program, tmp_path / name, more=DELETES)
        for name in ("first", "second")
    )
    found = Project(engine=engine, folder=folder, shelves=(first, second), keys=keys)
    found.run()
    yield found
    for shelf in found.shelves:
        shelf.close()


def test_the_life_of_releases(project: Project) -> None:
    """Two releases: scanned, signed, compared, rolled back, and the first one cleaned up."""
    # A finding in one image prevents every tag; what passed is not scanned again.
    (project.folder.parent / "found").write_text("training-3_11\n")
    failed = project.run("publish", "--version=v1.0.0", code=1)
    assert "training-3_11: the check scan failed: exit code 2: 1 vulnerability" in failed.stderr
    assert "no tag was created" in failed.stderr
    assert project.scans() == sorted([*SERVER, *TRAINING])
    assert not any("v1.0.0" in tag for shelf in project.shelves for tag in tags(shelf))
    (project.folder.parent / "found").write_text("")
    first = project.run("publish", "--version=v1.0.0")
    assert project.scans() == ["training-3_11"]
    assert "published v1.0.0: 0 built, 6 reused, 24 tags created or moved" in first.stdout

    # The images are signed in both registries, and so is the record.
    v1 = project.images("v1.0.0")
    assert sorted(v1) == sorted([*SERVER, *TRAINING])
    assert all(len(named) == 2 for named in v1.values())
    v1_digests = {tag: project.digest(tag) for named in v1.values() for tag in named}
    assert project.keys.unsigned(by_digest(v1_digests)) == {}

    # The next release builds what its template changes.
    with (project.folder / "templates/Dockerfile.j2").open("a") as template:
        template.write('{% if image == "training" %}\nRUN mkdir /tmp/data\n{% endif %}\n')
    project.run()
    second = project.run("publish", "--version=v1.1.0")
    assert "since v1.0.0: 0 added, 2 changed, 4 unchanged" in second.stdout
    assert "published v1.1.0: 2 built, 4 reused" in second.stdout
    assert project.scans() == TRAINING
    diff = json.loads(project.run("release", "diff", "v1.0.0", "v1.1.0", "--format=json").stdout)
    assert sorted(change["target"] for change in diff["images"]) == TRAINING

    # A rollback moves floating tags in both registries; repeating the release does not undo it.
    floating = {tag.removesuffix("-v1.0.0"): tag for named in v1.values() for tag in named}
    project.run("release", "promote", "v1.0.0")
    assert {one: project.digest(one) for one in floating} == {
        one: v1_digests[tag] for one, tag in floating.items()
    }
    repeated = project.run("publish", "--version=v1.1.0")
    assert repeated.stdout.count("was moved from v1.1.0 to v1.0.0") == 4
    project.run("release", "promote", "v1.1.0")

    # The clean-up deletes what only the first release needs.
    v2_digests = {
        tag: project.digest(tag) for named in project.images("v1.1.0").values() for tag in named
    }
    listed = project.run("gc").stdout
    assert project.digest(v1["training-3_11"][0])[:19] in listed
    assert project.digest(v1["server-3_11"][0])[:19] not in listed
    project.run("gc", "--delete")
    assert [
        row["release"] for row in json.loads(project.run("release", "list", "--format=json").stdout)
    ] == ["v1.1.0"]
    assert {tag: project.digest(tag) for tag in v2_digests} == v2_digests
    assert project.keys.unsigned(by_digest(v2_digests)) == {}
    rest = [tag for shelf in project.shelves for tag in tags(shelf) if "training" in tag]
    assert [tag for tag in rest if tag.endswith("-v1.0.0")] == []
    for tag in v2_digests:
        project.engine.docker("pull", "--quiet", tag)
    assert project.run("gc").stdout == ""


def tags(shelf: KillableRegistry) -> list[str]:
    """Return all tags of the project in a registry, with their repositories."""
    names = [f"{top}/truss-{one}-base" for top in TOPS for one in ("server", "training")]
    return [f"{name}:{tag}" for name in names for tag in shelf.registry.tags(name)]


def by_digest(digests: dict[str, str]) -> list[str]:
    """Return tags as references by digest."""
    return [f"{tag.rpartition(':')[0]}@{digest}" for tag, digest in digests.items()]
