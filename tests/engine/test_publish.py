"""`compile-matrix publish` and `release` on a real BuildKit and a real registry."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support import command, proxy
from support.engine import Engine

from compiler.external.registry import http


pytestmark = pytest.mark.engine


MATRIX = """\
data: {package: package.json}
variables: {REGISTRY: nowhere.invalid, VERSION_TAG: "v{{ package.version }}"}
axes: {n: [a, b, c]}
defaults: {context: ctx, network: none, platforms: [linux/amd64]}
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
BASE = "FROM busybox:1.36\nCOPY r-{{ n }}.txt /r\nRUN cat /proc/sys/kernel/random/uuid > /said\n"
CHILD = "FROM {{ parent }}\nRUN echo {{ target }} > /child\n"
NAMES = [f"{image}-{n}" for image in ("base", "child") for n in "abc"]


class Project:
    """A project that publishes to its own namespace of the registry."""

    def __init__(
        self,
        engine: Engine,
        folder: Path,
        matrix: str = MATRIX,
        *,
        base: str = BASE,
        child: str = CHILD,
    ) -> None:
        """Write the project and compile it."""
        self.engine, self.folder = engine, folder
        self.namespace = f"publish{os.getpid()}/{folder.name}"
        self.env = {**engine.env, "REGISTRY": f"{engine.registry}/{self.namespace}"}
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
        """Set the version of the package and compile."""
        self.write("package.json", json.dumps({"version": version}))
        self.run()

    def run(self, *arguments: str, code: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command and check its exit code."""
        return command.call(self.folder, *arguments, env={**self.env, **env}, code=code)

    def publish(self, *arguments: str, **env: str) -> dict[str, Any]:
        """Publish and return the targets of the record by name."""
        record = json.loads(self.run("publish", "--format=json", *arguments, code=0, **env).stdout)
        return {row["target"]: row for row in record["targets"]}

    def tags(self, image: str) -> list[str]:
        """Return the tags of a repository, without those of fingerprints."""
        tags = self.engine.tags(f"{self.namespace}/{image}")
        return [tag for tag in tags if not tag.startswith("fp-")]

    def digest(self, image: str, tag: str) -> str:
        """Return the digest of a tag."""
        return self.engine.digest(f"{self.namespace}/{image}", tag)

    def layers(self, image: str, tag: str) -> list[str]:
        """Return the digests of a tag's layers."""
        repository = f"{self.namespace}/{image}"
        entry = self.engine.index(repository, tag)["linux/amd64"]
        manifest = self.engine.manifest(repository, entry["digest"])
        return [layer["digest"] for layer in manifest["layers"]]


@pytest.fixture
def project(engine: Engine, tmp_path: Path) -> Project:
    """Provide a compiled project."""
    return Project(engine, tmp_path)


def states(rows: dict[str, Any]) -> dict[str, str]:
    """Return the state of each target."""
    return {name: row["state"] for name, row in rows.items()}


def test_consecutive_releases(project: Project) -> None:
    """A new version builds only what changed; a hotfix does not move floating tags back."""
    first = project.publish()

    assert states(first) == dict.fromkeys(NAMES, "built")
    assert project.tags("base") == sorted(
        [*"abc", *(f"{n}-v1.0" for n in "abc"), "latest", "release-v1.0"]
    )
    assert project.digest("base", "latest") == first["base-c"]["digest"]
    assert project.digest("base", "c-v1.0") == first["base-c"]["digest"]
    staged = f"fp-{first['base-a']['fingerprint'].removeprefix('sha256:')}"
    assert project.digest("base", staged) == first["base-a"]["digest"]
    label = project.engine.config(f"{project.namespace}/base", "a-v1.0")["config"]["Labels"]
    assert label["compile-matrix.fingerprint"] == first["base-a"]["fingerprint"]

    project.package("1.1")
    done = project.run("publish")

    assert "published v1.1: 0 built, 6 reused, 6 tags created or moved" in done.stdout
    assert "built" not in done.stderr
    assert project.digest("child", "b-v1.1") == first["child-b"]["digest"]

    project.write("ctx/r-a.txt", "changed")
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
    assert project.layers("child", "b-v1.1.1")[: len(parent)] == parent  # the published parent


def test_promote_back_and_forward(project: Project) -> None:
    """`release promote` moves only floating tags; `list` and `show` read the records."""
    first = project.publish()
    project.write("ctx/r-c.txt", "changed")
    project.package("2.0")
    second = project.publish()
    before = {tag: project.digest("base", tag) for tag in project.tags("base") if "-v" in tag}

    stdout = project.run("release", "promote", "v1.0").stdout

    assert "3 tags moved to v1.0" in stdout  # c and latest of base, c of child
    assert project.digest("base", "latest") == first["base-c"]["digest"]
    assert before == {tag: project.digest("base", tag) for tag in before}
    project.run("release", "promote", "v2.0")
    assert project.digest("base", "latest") == second["base-c"]["digest"]
    listed = [line.split() for line in project.run("release", "list").stdout.splitlines()]
    assert listed[0][3:] == ["SIZE", "GROWTH"]
    assert all(float(line[3]) > 0 for line in listed[1:])
    assert [line[:3] for line in listed] == [
        ["RELEASE", "TARGETS", "BUILT"],
        ["v2.0", "6", "2"],
        ["v1.0", "6", "6"],
    ]
    shown = project.run("release", "show", "v1.0", "n=c", "image=base", "--format=json").stdout
    assert [row["digest"] for row in json.loads(shown)["targets"]] == [first["base-c"]["digest"]]
    assert [row["held"] for row in json.loads(shown)["targets"]] == [[]]  # they belong to v2.0
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
    """If a target fails, no tag is created; the next run builds only what failed."""
    project.publish()
    project.write("templates/base.j2", BASE + '{% if n == "b" %}\nRUN exit 3\n{% endif %}\n')
    project.write("ctx/r-c.txt", "changed")
    project.package("2.0")
    before = {image: project.tags(image) for image in ("base", "child")}

    failed = project.run("publish", code=1).stderr

    assert "error[unready-target]: base-b: process " in failed
    assert "error[unready-target]: child-b: depends on base-b, which failed\n" in failed
    assert before == {image: project.tags(image) for image in ("base", "child")}
    project.write("templates/base.j2", BASE)
    project.run()
    assert states(project.publish()) == dict.fromkeys(NAMES, "reused")


def test_failed_tests_prevent_a_release(project: Project) -> None:
    """Tests run on staged images; images that passed are not tested again."""
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


def test_rejected_versions(project: Project) -> None:
    """Version tags of other images are kept, and a forgotten export is reported."""
    project.publish()
    project.write("ctx/r-a.txt", "changed")
    project.package("1.0")

    existing = project.run("publish", code=1).stderr
    other = project.run("publish", code=1, VERSION_TAG="v7").stderr
    filtered = project.run("publish", code=1, ONLY_N="a").stderr

    assert "error[existing-tag]: base-a: the tag " in existing
    assert "base:a-v1.0 already exists for another image" in existing
    assert "built" not in existing.partition("nothing was built")[0]
    assert "error[other-version]" in other
    assert "error[filter-in-environment]" in filtered
    rows = project.publish("--replace", "n=a")
    assert project.digest("base", "a-v1.0") == rows["base-a"]["digest"]
    assert list(rows) == NAMES  # the record keeps the other targets


def test_records_stay_in_one_repository(project: Project) -> None:
    """They are found when another target becomes the first of the matrix."""
    project.publish("n=a")
    older = project.digest("child", "a")
    image = """\
  first:
    axes: [n]
    template: base.j2
    tags: ["${REGISTRY}/first:{{ n }}-${VERSION_TAG}"]
"""
    project.write("matrix.yaml", MATRIX.replace("images:\n", f"images:\n{image}"))
    project.write("ctx/r-a.txt", "changed")
    project.package("1.1")

    project.publish("n=a")

    listed = json.loads(project.run("release", "list", "--format=json").stdout)
    assert [(row["release"], row["targets"]) for row in listed] == [("v1.1", 3), ("v1.0", 2)]
    assert project.tags("first") == ["a-v1.1"]
    project.run("release", "promote", "v1.0")
    assert project.digest("child", "a") == older


def test_a_version_tag_without_the_version(engine: Engine, tmp_path: Path) -> None:
    """It belongs to the first release; another version is not offered as a remedy."""
    matrix = MATRIX.replace("base:{{ n }}-${VERSION_TAG}", "base:{{ n }}-x")
    project = Project(engine, tmp_path, matrix)
    project.publish("image=base", "n=a")
    project.write("ctx/r-a.txt", "changed")
    project.package("1.1")

    existing = project.run("publish", "image=base", "n=a", code=1).stderr

    assert "base:a-x already exists for another image" in existing
    assert "nothing was built" in existing
    assert "version tags are immutable: add ${VERSION_TAG} to the tag " in existing
    assert "publish another version" not in existing


def test_only_final_versions_move_floating_tags(project: Project) -> None:
    """A prerelease, and a text that is not a version, only get version tags."""
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


def test_an_interrupted_newer_release_keeps_its_tags(project: Project) -> None:
    """Floating tags of a release without a record are not moved to an older one."""
    project.publish()
    project.write("ctx/r-a.txt", "newer")
    project.package("3.0")
    rows = project.publish("n=a")
    for tag in ("release-v3.0",):  # as if killed before it wrote the record
        repository = f"{project.namespace}/base"
        digest = project.engine.digest(repository, tag)
        project.engine.stored._ask("DELETE", f"{repository}/manifests/{digest}")  # noqa: SLF001
    project.write("ctx/r-a.txt", "older")
    project.package("2.0")

    stdout = project.run("publish", "n=a").stdout
    stderr = project.run("publish", "n=a", "--format=json").stderr

    assert "base:a belongs to the newer release v3.0" in stdout
    assert "base:a belongs to the newer release v3.0" in stderr
    assert project.digest("base", "a") == rows["base-a"]["digest"]


def test_tags_that_look_like_records(project: Project) -> None:
    """Images with such tags are ignored; a target with the tag of the record is rejected."""
    project.publish("n=a")
    repository = f"{project.engine.registry}/{project.namespace}/base"
    for tag in ("release-2099.1", "release-v1.2"):
        project.engine.copy(f"{repository}:a-v1.0", f"{repository}:{tag}")
    project.write("ctx/r-a.txt", "other")
    project.package("1.1")

    rows = project.publish("n=a")

    assert project.digest("base", "a") == rows["base-a"]["digest"]
    invalid = ":release-v1.2: error[bad-record]: not a valid release record: it is an image"
    assert invalid in project.run("release", "show", "v1.2", code=1).stderr
    listed = json.loads(project.run("release", "list", "--format=json").stdout)
    assert [row["release"] for row in listed] == ["v1.1", "v1.0"]
    assert invalid in project.run("publish", "n=a", "--version=v1.2", code=1).stderr
    project.write(
        "matrix.yaml", MATRIX.replace("[a, b, c]", "[c]").replace("{{ n }}-$", "release-$")
    )
    project.package("1.3")
    reserved = project.run("publish", code=1).stderr
    assert "base-c: its tag " in reserved
    assert "release-v1.3 is reserved for the release record" in reserved
    assert "nothing was built" in reserved
    assert "release-v1.3" not in project.tags("base")


def test_a_parent_without_a_tag_is_refreshed(engine: Engine, tmp_path: Path) -> None:
    """It is never staged, but is built without cache once, together with its dependents."""
    lines = ('    tags: ["${REGISTRY}/base', '    moving: ["${REGISTRY}/base', "    aliases: {")
    remaining = [line for line in MATRIX.splitlines(keepends=True) if not line.startswith(lines)]
    project = Project(engine, tmp_path, "".join(remaining))
    project.publish("n=a")
    before = project.layers("child", "a-v1.0")
    project.write("matrix.lock", "version: 1\nrefreshed: {base-a: 2026-11-25}\n")
    project.package("1.1")

    assert states(project.publish("n=a")) == {"child-a": "built"}

    run = 2  # the layer of `RUN date`, after those of the base image and of COPY
    assert project.layers("child", "a-v1.1")[0] == before[0]
    assert project.layers("child", "a-v1.1")[run] != before[run]


def test_a_separate_staging_repository(engine: Engine, tmp_path: Path) -> None:
    """With `staging`, all staged images are there; digests are the same in each repository."""
    matrix = MATRIX.replace('N_TAG}"}', 'N_TAG}", staging: "${REGISTRY}/staging"}')
    project = Project(engine, tmp_path, matrix)

    rows = project.publish("n=a,c")

    assert engine.tags(f"{project.namespace}/base") == ["a", "a-v1.0", "c", "c-v1.0", "latest"]
    assert project.digest("base", "a-v1.0") == rows["base-a"]["digest"]
    assert project.tags("staging") == ["release-v1.0"]
    project.package("1.1")
    assert set(states(project.publish("n=a,c")).values()) == {"reused"}


MIRRORED = """\
variables: {REGISTRY: nowhere.invalid, MIRROR: nowhere.invalid, VERSION_TAG: v1.0}
axes: {n: [a, b, c]}
defaults: {context: ctx, network: none, platforms: [linux/amd64]}
images:
  base:
    template: base.j2
    tags: ["${REGISTRY}/base:{{ n }}-${VERSION_TAG}", "${MIRROR}/copy:{{ n }}-${VERSION_TAG}"]
    moving: ["${REGISTRY}/base:{{ n }}", "${MIRROR}/copy:{{ n }}"]
publish: {version: "${VERSION_TAG}"}
"""


def test_a_mirror_that_rejects_a_blob(engine: Engine, tmp_path: Path) -> None:
    """No tag is created in any registry; when the mirror accepts the blob, the release completes.

    The mirror is the same registry at another address, so nothing can be mounted there.
    """
    with proxy.before(engine.registry) as mirror:
        namespace = f"mirror{os.getpid()}/{tmp_path.name}"
        project = Project(engine, tmp_path, MIRRORED)
        project.env["MIRROR"] = f"{mirror.address}/{namespace}"
        tags = sorted([*"abc", *(f"{n}-v1.0" for n in "abc")])
        rejected: list[str] = []

        def reject(request: proxy.Request) -> int:
            """Reject the first blob whose upload is completed, now and later."""
            digest = re.search(r"digest=(sha256[^&]+)", request.path)
            if request.method != "PUT" or digest is None:
                return 0
            rejected.append(digest[1])
            return 400 if digest[1] == rejected[0] else 0

        mirror.fault = reject
        failed = project.run("publish", code=1)

        assert f"cannot write to {mirror.address}/{namespace}/copy: 400" in failed.stderr
        assert "no tag was created" in failed.stderr
        assert project.tags("base") == []
        assert engine.tags(f"{namespace}/copy") == []

        mirror.fault = lambda _: 0
        rows = project.publish()

        assert set(states(rows).values()) == {"reused"}
        assert project.tags("base") == [*tags, "release-v1.0"]
        assert engine.tags(f"{namespace}/copy") == tags
        for row in rows.values():
            for tag in (*row["tags"], *row["moving"]):
                repository, _, name = tag.rpartition(":")
                path = repository.partition("/")[2]
                assert engine.digest(path, name) == row["digest"]
                entry = engine.index(path, name)["linux/amd64"]
                manifest = engine.manifest(path, entry["digest"])
                assert manifest["layers"]


PLATFORMS = """\
variables: {REGISTRY: nowhere.invalid, VERSION_TAG: v1.0}
defaults: {context: ctx, platforms: [linux/amd64, linux/arm64]}
images:
  base: {template: base.j2, tags: ["${REGISTRY}/base:${VERSION_TAG}"]}
  child: {from: base, template: child.j2, tags: ["${REGISTRY}/child:${VERSION_TAG}"]}
publish: {version: "${VERSION_TAG}"}
"""


def test_platforms_of_several_machines(engine: Engine, tmp_path: Path) -> None:
    """Each platform is staged separately; merging keeps all digests, attestations included."""
    project = Project(
        engine,
        tmp_path,
        PLATFORMS,
        base="FROM scratch\nARG TARGETARCH\nCOPY r-a.txt /$TARGETARCH\n",
        child="FROM {{ parent }}\nCOPY r-b.txt /b\n",
    )

    staged = project.run("publish", "--platform=linux/amd64", "--stage-only").stdout
    missing = project.run("publish", "--merge", code=1).stderr
    project.run("publish", "--platform=linux/arm64", "--stage-only")
    rows = {
        row["target"]: row
        for row in json.loads(project.run("publish", "--merge", "--format=json").stdout)["targets"]
    }

    assert "staged: 2 built, 0 reused" in staged
    assert "base: no staged image for linux/arm64" in missing
    for image in ("base", "child"):
        repository = f"{project.namespace}/{image}"
        fingerprint = rows[image]["fingerprint"].removeprefix("sha256:")
        merged = engine.index(repository, "v1.0")
        for platform in ("linux/amd64", "linux/arm64"):
            single = engine.index(repository, f"fp-{fingerprint}-{platform.replace('/', '-')}")
            assert single[platform]["digest"] == merged[platform]["digest"]
            assert rows[image]["attestations"][platform]
    assert project.tags("base") == ["release-v1.0", "v1.0"]


GENERATOR = """\
FROM python:3.11-slim-bookworm
COPY scan.py /scan.py
ENTRYPOINT ["python", "/scan.py"]
"""
SCAN = """\
import json, os
statement = {"_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://spdx.dev/Document"}
with open(os.environ["BUILDKIT_SCAN_SOURCE"] + "/r") as file:
    versions = {"busybox": "1.36", "r": file.read()}
packages = [{"name": name, "versionInfo": version} for name, version in versions.items()]
statement["predicate"] = {"spdxVersion": "SPDX-2.3", "packages": packages}
with open(os.environ["BUILDKIT_SCAN_DESTINATION"] + "/a.spdx.json", "w") as file:
    json.dump(statement, file)
"""


def test_sboms_of_two_releases(engine: Engine, tmp_path: Path) -> None:
    """SBOM and provenance are promoted with the image; `show` lists and `diff` compares them.

    BuildKit runs a scanner that lists the content of a file as a package, and attests the result.
    """
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
    manifest = engine.manifest(f"{project.namespace}/base", sbom.partition("@")[2])
    predicates = [layer["annotations"]["in-toto.io/predicate-type"] for layer in manifest["layers"]]
    assert "https://spdx.dev/Document" in predicates
    assert any("provenance" in predicate for predicate in predicates)
    assert f"  sbom      {sbom}\n" in project.run("release", "show", "v1.0").stdout

    project.write("ctx/r-a.txt", "a2")
    project.package("1.1")
    project.publish("n=a", "image=base")
    compared = ("release", "diff", "v1.0", "v1.1")
    (change,) = json.loads(project.run(*compared, "--format=json").stdout)["images"]
    assert change["packages"] == [{"name": "r", "from": "a", "to": "a2"}]
    assert "  package  r a -> a2\n" in project.run(*compared).stdout
    assert "| r | a | a2 | 1 |" in project.run(*compared, "--format=markdown").stdout


def test_an_unreachable_registry(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is reported before anything is built, after some retries."""
    waits: list[float] = []
    monkeypatch.setattr(http, "_wait", waits.append)
    env = {**project.env, "REGISTRY": "127.0.0.1:1/x"}

    stderr = command.call(project.folder, "publish", env=env, code=1).stderr

    assert "cannot reach 127.0.0.1:1: connection refused" in stderr
    assert "built " not in stderr
    assert len(waits) >= http.ATTEMPTS - 1
