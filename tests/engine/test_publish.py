"""`compile-matrix publish` and `release` on a real BuildKit and a real registry."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support import command
from support.engine import Engine


pytestmark = pytest.mark.engine


MATRIX = """\
data: {package: package.json}
variables: {REGISTRY: nowhere.invalid, VERSION_TAG: "v{{ package.version }}"}
axes: {n: [a, b, c]}
defaults: {context: ctx, platforms: [linux/amd64]}
images:
  base:
    template: base.j2
    tags: ["${REGISTRY}/base:{{ n }}-${VERSION_TAG}"]
    moving: ["${REGISTRY}/base:{{ n }}"]
    aliases: {"${REGISTRY}/base:latest": {n: c}}
    tests: ["test -s /said"]
  child:
    from: base
    template: child.j2
    tags: ["${REGISTRY}/child:{{ n }}-${VERSION_TAG}"]
    moving: ["${REGISTRY}/child:{{ n }}"]
    tests: ["test -s /child"]
publish: {version: "${VERSION_TAG}"}
"""
BASE = "FROM python:3.11-slim-bookworm\nCOPY r-{{ n }}.txt /r\nRUN date +%N > /said\n"
CHILD = "FROM {{ parent }}\nRUN echo {{ target }} > /child\n"
NAMES = [f"{image}-{n}" for image in ("base", "child") for n in "abc"]


class Project:
    """A project that publishes to a corner of the registry of its own."""

    def __init__(
        self,
        engine: Engine,
        folder: Path,
        matrix: str = MATRIX,
        *,
        base: str = BASE,
        child: str = CHILD,
    ) -> None:
        """Write it and compile it."""
        self.engine, self.folder = engine, folder
        self.corner = f"publish{os.getpid()}/{folder.name}"
        self.env = {**engine.env, "REGISTRY": f"{engine.registry}/{self.corner}"}
        self.write("matrix.yaml", matrix)
        self.write("templates/base.j2", base)
        self.write("templates/child.j2", child)
        for n in "abc":
            self.write(f"ctx/r-{n}.txt", n)
        self.package("1.0")

    def write(self, path: str, text: str) -> None:
        """Write a file."""
        (self.folder / path).parent.mkdir(exist_ok=True)
        (self.folder / path).write_text(text)

    def package(self, version: str) -> None:
        """Say which version the package has, and compile."""
        self.write("package.json", json.dumps({"version": version}))
        self.run()

    def run(self, *words: str, code: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command, and expect an exit code."""
        return command.run(self.folder, *words, env={**self.env, **env}, code=code)

    def publish(self, *words: str, **env: str) -> dict[str, Any]:
        """Publish, and return each target's row of the record."""
        said = json.loads(self.run("publish", "--format=json", *words, code=0, **env).stdout)
        return {row["target"]: row for row in said["targets"]}

    def tags(self, image: str) -> list[str]:
        """Return a repository's tags that are not of fingerprints."""
        found = self.engine.tags(f"{self.corner}/{image}")
        return [tag for tag in found if not tag.startswith("fp-")]

    def digest(self, image: str, tag: str) -> str:
        """Return what a tag stands for."""
        return self.engine.digest(f"{self.corner}/{image}", tag)

    def layers(self, image: str, tag: str) -> list[str]:
        """Return the layers of a tag."""
        repository = f"{self.corner}/{image}"
        entry = self.engine.index(repository, tag)["linux/amd64"]
        manifest = self.engine.manifest(repository, entry["digest"])
        return [layer["digest"] for layer in manifest["layers"]]


@pytest.fixture
def project(engine: Engine, tmp_path: Path) -> Project:
    """Give a project."""
    return Project(engine, tmp_path)


def states(rows: dict[str, Any]) -> dict[str, str]:
    """Return what was done with each target."""
    return {name: row["state"] for name, row in rows.items()}


def test_releases_one_after_another(project: Project) -> None:
    """A new version builds nothing; one line builds its targets; a hotfix moves nothing back."""
    first = project.publish()

    assert states(first) == dict.fromkeys(NAMES, "built")
    assert project.tags("base") == sorted(
        [*"abc", *(f"{n}-v1.0" for n in "abc"), "latest", "release-v1.0"]
    )
    assert project.digest("base", "latest") == first["base-c"]["digest"]
    assert project.digest("base", "c-v1.0") == first["base-c"]["digest"]
    staged = f"fp-{first['base-a']['fingerprint'].removeprefix('sha256:')}"
    assert project.digest("base", staged) == first["base-a"]["digest"]
    label = project.engine.config(f"{project.corner}/base", "a-v1.0")["config"]["Labels"]
    assert label["compile-matrix.fingerprint"] == first["base-a"]["fingerprint"]

    project.package("1.1")
    done = project.run("publish")

    assert "published v1.1: 0 built, 6 reused, 6 tags created or moved" in done.stdout
    assert "built" not in done.stderr
    assert project.digest("child", "b-v1.1") == first["child-b"]["digest"]

    project.write("ctx/r-a.txt", "another line")
    project.package("2.0")
    second = project.publish()

    assert [name for name, state in states(second).items() if state == "built"] == [
        "base-a",
        "child-a",
    ]
    parent = project.layers("base", "a-v2.0")
    assert project.layers("child", "a-v2.0")[: len(parent)] == parent
    assert project.digest("base", "a") == second["base-a"]["digest"]

    project.write("templates/child.j2", f"{CHILD}RUN echo more >> /child\n")
    project.write("ctx/r-a.txt", "a")
    project.package("1.1.1")
    done = project.run("publish")

    assert "published v1.1.1: 3 built, 3 reused" in done.stdout
    assert "base:a belongs to the newer release v2.0" in done.stdout
    assert project.digest("base", "a") == second["base-a"]["digest"]
    assert project.digest("base", "a-v1.1.1") == first["base-a"]["digest"]
    parent = project.layers("base", "b-v1.0")
    assert project.layers("child", "b-v1.1.1")[: len(parent)] == parent  # as it was published


def test_back_and_forward(project: Project) -> None:
    """`release promote` moves what moves and nothing else; `list` and `show` tell what there is."""
    first = project.publish()
    project.write("ctx/r-c.txt", "another line")
    project.package("2.0")
    second = project.publish()
    before = {tag: project.digest("base", tag) for tag in project.tags("base") if "-v" in tag}

    said = project.run("release", "promote", "v1.0").stdout

    assert "3 tags moved to v1.0" in said  # c and latest of base, c of child
    assert project.digest("base", "latest") == first["base-c"]["digest"]
    assert before == {tag: project.digest("base", tag) for tag in before}
    project.run("release", "promote", "v2.0")
    assert project.digest("base", "latest") == second["base-c"]["digest"]
    assert [line.split() for line in project.run("release", "list").stdout.splitlines()] == [
        ["RELEASE", "TARGETS", "BUILT"],
        ["v2.0", "6", "2"],
        ["v1.0", "6", "6"],
    ]
    shown = project.run("release", "show", "v1.0", "n=c", "image=base", "--format=json").stdout
    assert [row["digest"] for row in json.loads(shown)["targets"]] == [first["base-c"]["digest"]]
    assert [row["held"] for row in json.loads(shown)["targets"]] == [[]]  # v2.0 has them
    (row,) = json.loads(project.run("release", "show", "v2.0", "base-c", "--format=json").stdout)[
        "targets"
    ]
    assert row["held"] == row["moving"] != []
    older = project.run("release", "show", "v1.0", "base-c").stdout
    assert "/base:c-v1.0\n" in older
    assert "/base:latest  (now another image)\n" in older
    missing = project.run("release", "show", "v3.0", code=1).stderr
    assert "error[unknown-release]: no release 'v3.0' in " in missing


def test_all_or_nothing(project: Project) -> None:
    """One failing target keeps every tag back; the next run builds it alone."""
    project.publish()
    project.write("templates/base.j2", BASE + '{% if n == "b" %}\nRUN exit 3\n{% endif %}\n')
    project.write("ctx/r-c.txt", "another line")
    project.package("2.0")
    before = {image: project.tags(image) for image in ("base", "child")}

    failed = project.run("publish", code=1).stderr

    assert "error[unready-target]: base-b: process " in failed
    assert "error[unready-target]: child-b: depends on base-b, which failed\n" in failed
    assert before == {image: project.tags(image) for image in ("base", "child")}
    project.write("templates/base.j2", BASE)
    project.run()
    assert states(project.publish()) == dict.fromkeys(NAMES, "reused")


def test_what_fails_its_tests_is_no_release(project: Project) -> None:
    """Tests run against what waits; what passed is not tested again, what failed is."""
    matrix = MATRIX.replace('tests: ["test -s /child"]', 'tests: ["test {{ n }} != b"]')
    project.write("matrix.yaml", matrix)
    project.run()

    failed = project.run("publish", code=1).stderr
    again = project.run("publish", code=1).stderr

    assert "child-b: its tests failed: " in failed
    assert "built child-a-test" in failed
    assert "] built" not in again
    assert "child-b: its tests failed: " in again
    assert project.tags("base") == project.tags("child") == []


def test_versions_that_are_refused(project: Project) -> None:
    """A tag of another image is not given away, and a forgotten variable is no version."""
    project.publish()
    project.write("ctx/r-a.txt", "another line")
    project.package("1.0")

    taken = project.run("publish", code=1).stderr
    other = project.run("publish", code=1, VERSION_TAG="v7").stderr
    filtered = project.run("publish", code=1, ONLY_N="a").stderr

    assert "error[existing-tag]: base-a: the tag " in taken
    assert "base:a-v1.0 already exists for another image" in taken
    assert "built" not in taken.partition("nothing was built")[0]
    assert "error[other-version]" in other
    assert "error[filter-in-environment]" in filtered
    rows = project.publish("--replace", "n=a")
    assert project.digest("base", "a-v1.0") == rows["base-a"]["digest"]
    assert list(rows) == NAMES  # the record still has the others


def test_another_target_becomes_the_first(project: Project) -> None:
    """Records stay where they are, and are found: for the way back, and for what moves forward."""
    project.publish("n=a")
    older = project.digest("child", "a")
    image = """\
  anew:
    axes: [n]
    template: base.j2
    tags: ["${REGISTRY}/anew:{{ n }}-${VERSION_TAG}"]
"""
    project.write("matrix.yaml", MATRIX.replace("images:\n", f"images:\n{image}"))
    project.write("ctx/r-a.txt", "another line")
    project.package("1.1")

    project.publish("n=a")

    listed = json.loads(project.run("release", "list", "--format=json").stdout)
    assert [(one["release"], one["targets"]) for one in listed] == [("v1.1", 3), ("v1.0", 2)]
    assert project.tags("anew") == ["a-v1.1"]
    project.run("release", "promote", "v1.0")
    assert project.digest("child", "a") == older


def test_a_tag_without_a_version(engine: Engine, tmp_path: Path) -> None:
    """It is taken by the first release; that another version is no way out is not left unsaid."""
    matrix = MATRIX.replace("base:{{ n }}-${VERSION_TAG}", "base:{{ n }}-x")
    project = Project(engine, tmp_path, matrix)
    project.publish("image=base", "n=a")
    project.write("ctx/r-a.txt", "another line")
    project.package("1.1")

    taken = project.run("publish", "image=base", "n=a", code=1).stderr

    assert "base:a-x already exists for another image" in taken
    assert "nothing was built" in taken
    assert "version tags are immutable: add ${VERSION_TAG} to the tag " in taken
    assert "publish another version" not in taken


def test_what_is_no_final_version_moves_nothing(project: Project) -> None:
    """A prerelease, and a version that is none, get their own tags only."""
    project.publish("n=a", "--version=v1.4-rc1")
    project.publish("n=a", "--version=alice-test")

    assert project.tags("base") == [
        "a-alice-test",
        "a-v1.4-rc1",
        "release-alice-test",
        "release-v1.4-rc1",
    ]
    project.publish("n=a", "--no-moving")
    assert "a" not in project.tags("base")
    project.publish("n=a")
    assert "a" in project.tags("base")


def test_a_broken_off_newer_release_keeps_its_tags(project: Project) -> None:
    """What moved to a release that has no record yet is not taken back by an older one."""
    project.publish()
    project.write("ctx/r-a.txt", "newer")
    project.package("3.0")
    rows = project.publish("n=a")
    for tag in ("release-v3.0",):  # as if it had been killed before its last act
        at = f"{project.corner}/base"
        digest = project.engine.digest(at, tag)
        project.engine.stored._ask("DELETE", f"{at}/manifests/{digest}")  # noqa: SLF001
    project.write("ctx/r-a.txt", "older")
    project.package("2.0")

    said = project.run("publish", "n=a").stdout
    also = project.run("publish", "n=a", "--format=json").stderr

    assert "base:a belongs to the newer release v3.0" in said
    assert "base:a belongs to the newer release v3.0" in also
    assert project.digest("base", "a") == rows["base-a"]["digest"]


def test_tags_that_look_like_records(project: Project) -> None:
    """Someone else's are passed over, wherever releases are read; one's own are refused early."""
    project.publish("n=a")
    waiting = f"{project.corner}/base:a-v1.0"
    at = f"{project.engine.registry}/{waiting.partition(':')[0]}"
    for tag in ("release-2099.1", "release-v1.2"):
        project.engine.copy(f"{project.engine.registry}/{waiting}", f"{at}:{tag}")
    project.write("ctx/r-a.txt", "other")
    project.package("1.1")

    rows = project.publish("n=a")

    assert project.digest("base", "a") == rows["base-a"]["digest"]
    invalid = ":release-v1.2: error[bad-record]: not a valid release record: it is an image"
    assert invalid in project.run("release", "show", "v1.2", code=1).stderr
    listed = json.loads(project.run("release", "list", "--format=json").stdout)
    assert [one["release"] for one in listed] == ["v1.1", "v1.0"]
    assert invalid in project.run("publish", "n=a", "--version=v1.2", code=1).stderr
    project.write(
        "matrix.yaml", MATRIX.replace("[a, b, c]", "[c]").replace("{{ n }}-$", "release-$")
    )
    project.package("1.3")
    refused = project.run("publish", code=1).stderr
    assert "base-c: its tag " in refused
    assert "release-v1.3 is reserved for the release record" in refused
    assert "nothing was built" in refused
    assert "release-v1.3" not in project.tags("base")


def test_a_parent_without_a_tag_is_refreshed(engine: Engine, tmp_path: Path) -> None:
    """It waits nowhere, and is built without cache all the same, once for all that stand on it."""
    lines = ('    tags: ["${REGISTRY}/base', '    moving: ["${REGISTRY}/base', "    aliases: {")
    kept = [line for line in MATRIX.splitlines(keepends=True) if not line.startswith(lines)]
    project = Project(engine, tmp_path, "".join(kept))
    project.publish("n=a")
    before = project.layers("child", "a-v1.0")
    project.write("matrix.lock", "version: 1\nrefreshed: {base-a: 2026-11-25}\n")
    project.package("1.1")

    assert states(project.publish("n=a")) == {"child-a": "built"}

    said = 2  # the layer of `RUN date`, behind those of the base image and of COPY
    assert project.layers("child", "a-v1.1")[0] == before[0]
    assert project.layers("child", "a-v1.1")[said] != before[said]


def test_images_wait_in_a_repository_of_their_own(engine: Engine, tmp_path: Path) -> None:
    """With `staging` only it holds what waits; digests are the same in each repository."""
    matrix = MATRIX.replace('N_TAG}"}', 'N_TAG}", staging: "${REGISTRY}/waiting"}')
    project = Project(engine, tmp_path, matrix)

    rows = project.publish("n=a,c")

    assert engine.tags(f"{project.corner}/base") == ["a", "a-v1.0", "c", "c-v1.0", "latest"]
    assert project.digest("base", "a-v1.0") == rows["base-a"]["digest"]
    assert project.tags("waiting") == ["release-v1.0"]
    project.package("1.1")
    assert set(states(project.publish("n=a,c")).values()) == {"reused"}


PLATFORMS = """\
variables: {REGISTRY: nowhere.invalid, VERSION_TAG: v1.0}
defaults: {context: ctx, platforms: [linux/amd64, linux/arm64]}
images:
  base: {template: base.j2, tags: ["${REGISTRY}/base:${VERSION_TAG}"]}
  child: {from: base, template: child.j2, tags: ["${REGISTRY}/child:${VERSION_TAG}"]}
publish: {version: "${VERSION_TAG}"}
"""


def test_platforms_of_several_machines(engine: Engine, tmp_path: Path) -> None:
    """Each platform is staged by itself; joining keeps every digest, attestations included."""
    project = Project(
        engine,
        tmp_path,
        PLATFORMS,
        base="FROM scratch\nARG TARGETARCH\nCOPY r-a.txt /$TARGETARCH\n",
        child="FROM {{ parent }}\nCOPY r-b.txt /b\n",
    )

    half = project.run("publish", "--platform=linux/amd64", "--stage-only").stdout
    missing = project.run("publish", "--merge", code=1).stderr
    project.run("publish", "--platform=linux/arm64", "--stage-only")
    rows = {
        row["target"]: row
        for row in json.loads(project.run("publish", "--merge", "--format=json").stdout)["targets"]
    }

    assert "staged: 2 built, 0 reused" in half
    assert "base: no staged image for linux/arm64" in missing
    for image in ("base", "child"):
        repository = f"{project.corner}/{image}"
        print_ = rows[image]["fingerprint"].removeprefix("sha256:")
        joined = engine.index(repository, "v1.0")
        for platform in ("linux/amd64", "linux/arm64"):
            piece = engine.index(repository, f"fp-{print_}-{platform.replace('/', '-')}")
            assert piece[platform]["digest"] == joined[platform]["digest"]
            assert rows[image]["attestations"][platform]
    assert project.tags("base") == ["release-v1.0", "v1.0"]


GENERATOR = """\
FROM python:3.11-slim-bookworm
COPY scan.py /scan.py
ENTRYPOINT ["python", "/scan.py"]
"""
SCAN = """\
import json, os
found = {"_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://spdx.dev/Document"}
found["predicate"] = {"spdxVersion": "SPDX-2.3"}
with open(os.environ["BUILDKIT_SCAN_DESTINATION"] + "/a.spdx.json", "w") as file:
    json.dump(found, file)
"""


def test_where_the_sbom_is(engine: Engine, tmp_path: Path) -> None:
    """SBOM and provenance are promoted with the image, and an auditor is told where."""
    (tmp_path / "generator").mkdir()
    (tmp_path / "generator/Dockerfile").write_text(GENERATOR)
    (tmp_path / "generator/scan.py").write_text(SCAN)
    name = f"{engine.registry}/publish{os.getpid()}/generator:1"
    engine.docker("buildx", "build", "--push", f"--tag={name}", tmp_path / "generator")
    attested = f'attest: ["type=sbom,generator={name}", "type=provenance,mode=max"]'
    matrix = MATRIX.replace("platforms: [linux/amd64]", f"platforms: [linux/amd64], {attested}")
    project = Project(engine, tmp_path, matrix)

    rows = project.publish("n=a", "image=base")

    (row,) = json.loads(project.run("release", "show", "v1.0", "--format=json").stdout)["targets"]
    (sbom,) = row["sboms"]
    assert sbom.partition("@")[2] == rows["base-a"]["attestations"]["linux/amd64"]
    manifest = engine.manifest(f"{project.corner}/base", sbom.partition("@")[2])
    kinds = [layer["annotations"]["in-toto.io/predicate-type"] for layer in manifest["layers"]]
    assert "https://spdx.dev/Document" in kinds
    assert any("provenance" in kind for kind in kinds)
    assert f"  sbom      {sbom}\n" in project.run("release", "show", "v1.0").stdout


def test_where_nothing_can_be_written(project: Project) -> None:
    """A registry that does not answer is told before anything is built."""
    said = project.run("publish", code=1, REGISTRY="127.0.0.1:1/x").stderr

    assert "cannot reach 127.0.0.1:1: connection refused" in said
    assert "built " not in said
