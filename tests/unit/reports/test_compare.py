"""A matrix against an existing definition: what differs, by bake's own word for the other side."""

from __future__ import annotations

import copy
import json
import os
import shlex
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from support import command

from compiler.errors import CompileError
from compiler.output.bake_fields import COMPARED, normal
from compiler.output.definition import Definition
from compiler.reports.compare.compare import Comparison, compare
from compiler.reports.compare.output import as_json, as_text
from compiler.reports.compare.read_print_json import parse, read_printed
from compiler.source.positions import SourceText


MATRIX = """\
variables:
  REGISTRY: docker.io/acme
  TAG: "v1"
  REPO: "${REGISTRY}/worker"
axes:
  python: [3.9, 3.10]
images:
  base:
    template: Dockerfile.j2
    platforms: [linux/amd64, linux/arm64]
    tags: ["${REGISTRY}/base:{{ python }}-${TAG}"]
  worker:
    template: child.j2
    from: base
    platforms: [linux/amd64]
    args: {PYTHON: "{{ python }}", SHELL: "$${HOME}%{x}"}
    labels: {version: "${TAG}"}
    annotations: {"index:org.note": "$${x}"}
    output: ["type=registry"]
    attest: [{type: provenance, mode: max}]
    cache: {type: registry, ref: "${REPO}:cache-{{ python }}"}
    tags: ["${REPO}:{{ python }}-${TAG}"]
    moving: ["${REPO}:{{ python }}"]
    aliases: {"${REPO}:latest": {python: 3.10}}
"""

HAND_WRITTEN = """\
variable "TAG" { default = "v1" }
group "default" { targets = ["pythons", "w"] }
target "common" { platforms = ["linux/arm64/v8", "linux/amd64"] }
target "pythons" {
  name = "py${replace(v, ".", "")}"
  matrix = { v = ["3.9", "3.10"] }
  inherits = ["common"]
  tags = ["acme/base:${v}-${TAG}"]
}
target "w" {
  name = "w${replace(v, ".", "")}"
  matrix = { v = ["3.9", "3.10"] }
  platforms = ["linux/amd64"]
  contexts = { "base-${replace(v, ".", "_")}" = "target:py${replace(v, ".", "")}" }
  args = { PYTHON = v, SHELL = "$${HOME}%%{x}" }
  labels = { version = TAG }
  annotations = ["index:org.note=$${x}"]
  output = ["type=image,push=true"]
  attest = ["mode=max,type=provenance"]
  tags = ["index.docker.io/acme/worker:${v}-${TAG}"]
}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Create a project of a base image and a child."""
    folder = tmp_path / "project"
    (folder / "templates").mkdir(parents=True)
    (folder / "templates/Dockerfile.j2").write_text("FROM python:{{ python }}\n")
    (folder / "templates/child.j2").write_text("FROM {{ parent }}\n")
    (folder / "matrix.yaml").write_text(MATRIX)
    (folder / "old.hcl").write_text(HAND_WRITTEN)
    return folder


@pytest.fixture(params=["buildx", "old_buildx"])
def docker(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Give a folder whose `docker` has a buildx: a present one, then the oldest."""
    plugin: Path = request.getfixturevalue(request.param)
    script = tmp_path / "bin/docker"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nshift\nexec {shlex.quote(str(plugin))} "$@"\n')
    script.chmod(0o755)
    return script.parent


def run(
    folder: Path, *words: str, code: int = 0, stdin: str = "", **env: str
) -> subprocess.CompletedProcess[str]:
    """Run compile-matrix in a folder and expect an exit code."""
    return command.call(folder, *words, env={**os.environ, **env}, code=code, stdin=stdin)


def path_with(docker: Path) -> str:
    """Return a PATH that begins with a folder."""
    return f"{docker}{os.pathsep}{os.environ['PATH']}"


def printed(folder: Path, docker: Path, *words: str, **env: str) -> str:
    """Return what bake --print gives."""
    return subprocess.run(
        [docker / "docker", "buildx", "bake", "--print", *words],
        cwd=folder,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def read(data: Any) -> Definition:
    """Read JSON as bake --print gives it."""
    page = SourceText("x.json", json.dumps(data))
    return read_printed(page, parse(page))


def target(**fields: Any) -> dict[str, Any]:
    """Return a target as bake prints it."""
    given = {name.replace("_", "-"): value for name, value in fields.items()}
    return {"context": ".", "dockerfile": "Dockerfile", **given}


def difference(ours: dict[str, Any], theirs: dict[str, Any], *ignored: str) -> Comparison:
    """Compare targets as bake prints them."""
    return compare(read({"target": ours}), read({"target": theirs}), ignored)


def found(comparison: Comparison) -> list[tuple[str, object, object]]:
    """Return every difference: field with key, theirs, ours."""
    return [
        (one.field if one.key is None else f"{one.field}.{one.key}", one.theirs, one.ours)
        for pair in comparison.pairs
        for one in pair.differences
    ]


# --- By bake's word -------------------------------------------------------------------------------


def test_access_of_linked_targets_is_repeated() -> None:
    """A dependent with the secrets and SSH agents of its base is the same as one without them."""
    access = {"secret": ["id=token,env=TOKEN"], "ssh": ["default"]}
    linked = {"contexts": {"base": "target:base"}}
    theirs = {"base": target(tags=["r/b:1"], **access), "app": target(tags=["r/a:1"], **linked)}
    ours = {**theirs, "app": target(tags=["r/a:1"], **linked, **access)}
    alone = {**theirs, "app": target(tags=["r/a:1"])}
    own = {**theirs, "app": target(tags=["r/a:1"], **access)}

    assert found(difference(ours, theirs)) == found(difference(theirs, ours)) == []
    assert [name for name, _, _ in found(difference(own, alone))] == ["secret", "ssh"]


def test_a_hand_written_file_is_the_same(project: Path, docker: Path) -> None:
    """Other names, a matrix, inheritance, short tags and other spellings make no difference."""
    told = run(project, "compare", "old.hcl", PATH=path_with(docker)).stdout
    text = (project / "old.hcl").read_text()
    by_stdin = run(project, "compare", "-", stdin=text, PATH=path_with(docker)).stdout

    assert by_stdin == told.replace("old.hcl", "stdin")
    assert told.splitlines() == [
        "4 targets here, 4 in old.hcl: all the same",
        "ignored, because they have neither tags nor an output: common",
    ]


def test_what_differs_is_told_by_field_and_key(project: Path, docker: Path) -> None:
    """Each difference shows both sides; fields of one side alone are listed."""
    text = HAND_WRITTEN.replace("PYTHON = v", 'PYTHON = "3.9", MORE = ""')
    text += 'target "lone" { tags = ["acme/lone", "acme/lonely"] }\n'
    (project / "old.hcl").write_text(text.replace("acme/base:${v}", "acme/base:${v}x"))
    words = ("compare", "old.hcl", "--ignore", "contexts")

    told = run(project, *words, PATH=path_with(docker), code=1).stdout

    assert told.splitlines()[:6] == [
        "4 targets here, 5 in old.hcl: 2 differ, 3 only theirs, 2 only here",
        "worker-3_9 (theirs: w39)",
        '  args.MORE  theirs: ""  ours: (none)',
        "worker-3_10 (theirs: w310)",
        '  args.MORE    theirs: ""   ours: (none)',
        "  args.PYTHON  theirs: 3.9  ours: 3.10",
    ]
    assert sorted(told.splitlines()[6:11]) == [
        "only here: base-3_10 (tag docker.io/acme/base:3.10-v1)",
        "only here: base-3_9 (tag docker.io/acme/base:3.9-v1)",
        "only theirs: lone (tag docker.io/acme/lone:latest and 1 more)",
        "only theirs: py310 (tag docker.io/acme/base:3.10x-v1)",
        "only theirs: py39 (tag docker.io/acme/base:3.9x-v1)",
    ]


@pytest.mark.slow
def test_what_we_generate_is_the_same(project: Path, docker: Path) -> None:
    """The generated file is what the matrix says, as a file, as JSON and from stdin."""
    run(project)
    cases: tuple[Any, ...] = ({}, {"MOVING": "true"}, {"REGISTRY": "ghcr.io/me", "TAG": ""})
    for env in cases:
        told = printed(project, docker, **env)
        (project / "theirs.json").write_text(told)

        by_bake = run(project, "compare", "docker-bake.hcl", PATH=path_with(docker), **env)
        by_file = run(project, "compare", "theirs.json", **env)
        by_stdin = run(project, "compare", "-", stdin=told, **env)

        same = "4 targets here, 4 in {}: all the same\n"
        assert by_bake.stdout == same.format("docker-bake.hcl")
        assert by_file.stdout == same.format("theirs.json")
        assert by_stdin.stdout == same.format("stdin")


def test_the_sample(tmp_path: Path, docker: Path) -> None:
    """The sample equals what bake prints for it; exactly the changes are listed."""
    run(tmp_path, "init", ".")
    run(tmp_path)
    told = printed(tmp_path, docker)
    changed = json.loads(told)
    changed["target"]["server-3_9"]["platforms"] = ["linux/amd64"]
    del changed["target"]["training-3_14-gpu"]
    changed["target"]["renamed"] = changed["target"].pop("server-3_10")

    same = run(tmp_path, "compare", "-", stdin=told)
    other = run(tmp_path, "compare", "-", stdin=json.dumps(changed), code=1)

    assert same.stdout == "36 targets here, 36 in stdin: all the same\n"
    assert other.stdout.splitlines() == [
        "36 targets here, 35 in stdin: 34 the same, 1 differs, 1 only here",
        "server-3_9",
        "  platforms  theirs: linux/amd64  ours: linux/amd64, linux/arm64",
        "only here: training-3_14-gpu (tag localhost:5000/truss-training-base:3.14-gpu-v0.1.0)",
    ]


def test_the_environment_counts(project: Path, docker: Path) -> None:
    """Variables, floating tags and caches have the same values as in bake."""
    run(project)
    told = printed(project, docker, MOVING="true", CACHE="write", TAG="v2")

    plain = run(project, "compare", "-", "--format", "json", stdin=told, code=1)
    tagged = run(project, "compare", "-", "--format", "json", stdin=told, TAG="v2", code=1)
    alike = run(project, "compare", "-", stdin=told, TAG="v2", MOVING="true", CACHE="write")

    assert len(json.loads(plain.stdout)["only_here"]) == 4
    first, second = json.loads(tagged.stdout)["different"]
    assert [one["field"] for one in first["fields"]] == ["tags", "cache-from", "cache-to"]
    assert second["fields"][0]["theirs"] == [
        f"docker.io/acme/worker:{tag}" for tag in ("3.10-v2", "3.10", "latest")
    ]
    assert "tags that this matrix moves" in json.loads(tagged.stdout)["notes"][0]
    assert alike.stdout == "4 targets here, 4 in stdin: all the same\n"


def test_tags_that_publish_creates_are_noted(tmp_path: Path) -> None:
    """A bake file can have a tag that only `publish` creates here."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/a.j2").write_text("FROM scratch\n")
    (tmp_path / "matrix.yaml").write_text(
        """
images:
  a: {template: a.j2, platforms: [linux/amd64], tags: [acme/a:1], shared: [acme/a:1-all]}
"""
    )
    target = {
        "context": ".",
        "dockerfile": "Dockerfile",
        "platforms": ["linux/amd64"],
        "tags": ["acme/a:1", "acme/a:1-all"],
    }
    told = json.dumps({"group": {"default": {"targets": ["a"]}}, "target": {"a": target}})

    compared = run(tmp_path, "compare", "-", "--format", "json", stdin=told, code=1)

    assert json.loads(compared.stdout)["notes"] == [
        "they have shared tags or platform tags of this matrix, which only `publish` creates"
    ]


def test_versions_of_buildx_print_the_same(buildx: Path, old_buildx: Path, tmp_path: Path) -> None:
    """What versions print in other forms is one form here, except the fields that the old drop."""
    (tmp_path / "secret").write_text("s")
    (tmp_path / "docker-bake.hcl").write_text(
        """
        target "default" {
          args = { A = "$${x}", B = "%%{y}", C = null }
          labels = { "k.$${x}" = "a$$b$${c}" }
          annotations = ["index:k=$${v}", "manifest:a=b"]
          attest = ["type=sbom,disabled=true", "mode=max,type=provenance"]
          cache-from = ["acme/cache", "type=gha,scope=a", "type=local,src=cache"]
          cache-to = ["type=inline"]
          context = "./context/"
          contexts = { a = "target:parent", b = "docker-image://alpine" }
          no-cache = true
          no-cache-filter = ["stage"]
          output = ["out", "-", "type=registry", "type=local,\\"dest=a,b\\""]
          platforms = ["linux/arm64/v8"]
          pull = false
          secret = ["type=file,id=a,source=secret", "type=env,id=b,src=HOME", "id=c,src=secret"]
          shm-size = "1g"
          ssh = ["default"]
          tags = ["acme/x"]
          target = "stage"
          ulimits = ["nofile=1024:1024"]
          network = "host"
        }
        target "parent" { tags = ["acme/parent"] }
        """
    )
    with TemporaryDirectory() as short, closing(socket.socket(socket.AF_UNIX)) as agent:
        agent.bind(f"{short}/agent")
        agent.listen()
        forms = []
        for program in (buildx, old_buildx):
            done = subprocess.run(
                [program, "bake", "--print"],
                cwd=tmp_path,
                env={**os.environ, "SSH_AUTH_SOCK": f"{short}/agent"},
                capture_output=True,
                text=True,
                check=True,
            )
            forms.append(read(json.loads(done.stdout)).targets["default"])

    new, old = forms
    assert dict(new).pop("network") == "host"
    assert {name: value for name, value in new.items() if name != "network"} == old
    assert new["args"] == {"A": "${x}", "B": "%{y}"}
    assert new["labels"] == {"k.${x}": "a$$b${c}"}
    assert new["secret"] == ("id=a,src=secret", "env=HOME,id=b", "id=c,src=secret")
    assert new["output"] == (
        *("type=local,dest=out", "type=tar,dest=-", "type=image,push=true"),
        'type=local,"dest=a,b"',
    )


@pytest.mark.slow
def test_compose_and_json_files(project: Path, docker: Path) -> None:
    """Compose and JSON files are read, too; missing targets are listed."""
    bake = {"target": {"b": {"tags": ["acme/base:3.9-v1"], "platforms": ["linux/amd64"]}}}
    (project / "old.json").write_text(json.dumps(bake))
    compose = (
        "services:\n  b:\n    build: .\n    image: acme/base:3.9-v1\n  db: {image: postgres}\n"
    )
    (project / "compose.yaml").write_text(compose)

    for name, platforms in (("old.json", "linux/amd64"), ("compose.yaml", "(none)")):
        told = run(project, "compare", name, PATH=path_with(docker), code=1).stdout.splitlines()

        assert told[0] == f"4 targets here, 1 in {name}: 1 differs, 3 only here"
        assert told[1:3] == [
            "base-3_9 (theirs: b)",
            f"  platforms  theirs: {platforms}  ours: linux/amd64, linux/arm64",
        ]


def test_a_refusal_is_told_in_bakes_words(project: Path, docker: Path) -> None:
    """What bake refuses is refused at the place that it names, with what it says."""
    (project / "old.hcl").write_text('target "a" {\n  tags = nonsense\n}\n')

    told = run(project, "compare", "old.hcl", PATH=path_with(docker), code=1)

    assert told.stdout == ""
    assert told.stderr.startswith("old.hcl:2:")
    assert "error[bake-file]: docker buildx bake rejects the file: Unknown variable" in told.stderr
    assert told.stderr.count("\n") <= 4


def test_without_buildx(project: Path, tmp_path: Path) -> None:
    """If docker or buildx is missing, the error suggests an alternative."""
    lone = tmp_path / "lone"
    lone.mkdir()
    missing = run(project, "compare", "old.hcl", PATH=str(lone), code=1).stderr
    (lone / "docker").write_text("#!/bin/sh\necho \"docker: 'buildx' is no command\" >&2\nexit 1\n")
    (lone / "docker").chmod(0o755)
    bare = run(project, "compare", "old.hcl", PATH=path_with(lone), code=1).stderr

    assert "error[bake-file]: `docker buildx bake` is needed" in missing
    assert "docker is not installed" in missing
    assert "docker has no buildx plugin" in bare
    assert "bake --print" in missing
    assert "bake --print" in bare


# --- Two definitions ------------------------------------------------------------------------------


def test_targets_are_matched_by_their_tags() -> None:
    """One shared tag makes one target, the most shared first; names decide where tags lack."""
    ours = {
        "a": target(tags=["x/a:1", "x/a:2"]),
        "b": target(tags=["x/b:1"]),
        "plain": target(output=["out"]),
        "none": target(),
    }
    theirs = {
        "one": target(tags=["x/a:1"]),
        "two": target(tags=["x/a:2", "docker.io/x/a:1"]),
        "a": target(tags=["x/b:1"]),
        "plain": target(output=["type=local,dest=out"]),
    }

    told = difference(ours, theirs)

    assert [(pair.ours, pair.theirs) for pair in told.pairs] == [
        *(("a", "two"), ("b", "a"), ("plain", "plain")),
    ]
    assert found(told) == []
    assert told.only_theirs == {"one": ("docker.io/x/a:1",)}
    assert told.only_ours == {"none": ()}
    assert not told.same


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"platforms": ["linux/arm/v7", "linux/386"]}, {"platforms": ["linux/386", "linux/arm"]}),
        ({"context": "./a/"}, {"context": "a"}),
        ({"pull": False, "no-cache": False}, {}),
        ({"args": {}, "labels": None, "tags": ["x/a"]}, {}),
        ({"args": {"A": None}}, {}),
        ({"network": "default", "call": "build"}, {}),
        ({"output": ["type=registry"]}, {"output": [{"type": "image", "push": "true"}]}),
        ({"cache-from": ["x/cache"]}, {"cache-from": [{"ref": "x/cache", "type": "registry"}]}),
        ({"attest": ["type=sbom", "type=sbom,a=b"]}, {"attest": [{"type": "sbom", "a": "b"}]}),
        ({"ssh": ["x", "a=b,c"]}, {"ssh": [{"id": "x"}, {"id": "a", "paths": ["b", "c"]}]}),
        ({"dockerfile": "a", "description": "x"}, {"dockerfile-inline": "FROM scratch"}),
    ],
)
def test_what_means_the_same_is_the_same(theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    """Equivalent spellings and empty fields do not count as differences."""
    tags = {"tags": ["x/a:latest"]}

    told = difference({"a": target(**{**tags, **ours})}, {"a": target(**{**tags, **theirs})})

    assert found(told) == []
    assert told.same


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("platforms", ["linux/arm"]),
        ("args", {"A": ""}),
        ("labels", {"a": "b"}),
        ("annotations", ["index:a=b"]),
        ("context", "other"),
        ("contexts", {"a": "target:b"}),
        ("target", "stage"),
        ("output", ["type=docker"]),
        ("attest", ["type=provenance,mode=max"]),
        ("cache-from", ["type=gha"]),
        ("cache-to", ["type=inline"]),
        ("secret", ["id=a"]),
        ("ssh", ["default"]),
        ("network", "host"),
        ("pull", True),
        ("no-cache", True),
        ("no-cache-filter", ["a"]),
        ("shm-size", "1g"),
        ("ulimits", ["nofile=1"]),
        ("entitlements", ["network.host"]),
        ("extra-hosts", {"a": "1.2.3.4"}),
        ("call", "check"),
        ("tags", ["x/a", "x/b"]),
    ],
)
def test_every_field_is_compared_and_may_be_ignored(field: str, value: object) -> None:
    """A field that one side alone gives differs on either side, unless it is ignored."""
    plain, given = target(tags=["x/a"]), target(**{"tags": ["x/a"], field: value})

    assert [
        name.partition(".")[0] for name, _, _ in found(difference({"a": plain}, {"a": given}))
    ] == [field]
    assert not difference({"a": given}, {"a": plain}).same
    assert difference({"a": given}, {"a": plain}, field).same
    assert field in COMPARED


def test_links_go_by_what_they_lead_to() -> None:
    """A link to a target of theirs is the same as one to the target of ours that it is."""
    ours = {"p": target(tags=["x/p"]), "c": target(tags=["x/c"], contexts={"base": "target:p"})}
    theirs = {
        "q": target(tags=["x/p"]),
        "d": target(tags=["x/c"], contexts={"base": "target:q"}),
    }

    assert difference(ours, theirs).same
    theirs["d"]["contexts"] = {"base": "target:d"}
    assert found(difference(ours, theirs)) == [("contexts.base", "target:c", "target:p")]


def test_outputs_of_dependencies_are_not_compared() -> None:
    """Bake changes the output of a parent that is only a dependency: it is not compared."""
    ours = {"p": target(tags=["x/p"], output=["type=image"]), "c": target(tags=["x/c"])}
    theirs = {
        "p": target(tags=["x/p"], output=[{"type": "cacheonly"}]),
        "c": target(tags=["x/c"], contexts={"p": "target:p"}),
    }
    asked = {"default": {"targets": ["c"]}}

    told = compare(read({"target": ours}), read({"group": asked, "target": theirs}), ["contexts"])

    assert told.same
    assert told.notes == ("output is not compared where bake does not print it: p",)
    asked["default"]["targets"].append("p")
    told = compare(read({"target": ours}), read({"group": asked, "target": theirs}), ["contexts"])
    assert found(told) == [("output", ("type=cacheonly",), ("type=image",))]


def test_what_many_targets_differ_in_is_told_once() -> None:
    """The same difference of many targets is shown once, with their number."""
    ours = {f"t{n}": target(tags=[f"x/{n}"]) for n in range(6)}
    theirs = {f"t{n}": target(tags=[f"x/{n}"], pull=True) for n in range(6)}
    theirs["t2"]["args"] = {"A": "b"}

    lines = as_text(difference(ours, theirs), "old.hcl").splitlines()
    del theirs["t5"]["pull"]
    fewer = as_text(difference(ours, theirs), "old.hcl").splitlines()

    assert lines == [
        "6 targets here, 6 in old.hcl: 6 differ",
        "in 6 targets: all compared targets",
        "  pull  theirs: true  ours: (none)",
        "t2",
        "  args.A  theirs: b  ours: (none)",
    ]
    assert fewer[1] == "in 5 targets: t0, t1, t2 and 2 more"


def test_what_is_not_known_is_said() -> None:
    """A field of a newer bake is not compared, and this is reported."""
    told = difference({"a": target(tags=["x/a"])}, {"a": target(tags=["x/a"], future=[{"a": "b"}])})

    assert told.same
    assert told.notes == ("unknown fields are not compared: future",)


def test_no_shared_tag_is_explained() -> None:
    """Where no target is on both sides, one tag of each shows why."""
    told = difference({"a": target(tags=["x/a:1"])}, {"a": target(tags=["x/a:2"])})

    assert told.notes == (
        "no tag is common to both sides: here docker.io/x/a:1, theirs docker.io/x/a:2",
    )
    assert list(told.only_ours) == list(told.only_theirs) == ["a"]


def test_control_characters_are_escaped() -> None:
    """Nothing in a name or value can steer a terminal or forge a line."""
    bad = "\x1b[31m\r\nx\u2028\ud800"
    told = difference(
        {"a": target(tags=["x/a"], args={bad: bad})}, {bad: target(tags=["x/a"], output=[bad])}
    )

    text = as_text(told, bad)

    assert all(line.isprintable() for line in text.split("\n"))
    assert r"\x1b[31m\r\nx\u2028\ud800" in text
    assert json.loads(as_json(told, bad))["different"][0]["theirs"] == bad


# --- Hostile input --------------------------------------------------------------------------------

SOUND = {
    "group": {"default": {"targets": ["a"]}},
    "target": {
        "a": target(
            tags=["x/a"],
            args={"A": "b"},
            output=[{"type": "image"}],
            ssh=[{"id": "a", "paths": ["b"]}],
            secret=[{"id": "a"}],
            annotations=["a=b"],
            pull=True,
        )
    },
}


def places(data: Any) -> Iterator[tuple[Any, ...]]:
    """Give the route to every value."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        yield (key,)
        if isinstance(value, dict | list):
            yield from ((key, *rest) for rest in places(value))


@pytest.mark.parametrize("wrong", [None, True, 1, 1.5, "", "x", [], [[]], {}, {"a": {}}, [None]])
def test_a_wrong_kind_anywhere_is_told_at_its_place(wrong: object) -> None:
    """Any value in the place of any other is read, or refused at a place; it never crashes."""
    refused = 0
    for route in places(SOUND):
        data = copy.deepcopy(SOUND)
        at: Any = data
        for step in route[:-1]:
            at = at[step]
        at[route[-1]] = wrong
        try:
            as_text(compare(read(data), read(SOUND)), "x")
        except CompileError as error:
            refused += 1
            for one in error.diagnostics:
                assert one.code == "wrong-type"
                assert one.help
                shown = one.file_location.text[one.file_location.column - 1 :]
                assert shown.startswith((json.dumps(wrong), "null", "[]", "{}"))
    assert refused >= 2


def test_the_place_of_a_wrong_kind(project: Path) -> None:
    """A wrong kind is shown in its line, all of them at once."""
    text = (
        '{"target": {\n"a": {"context": ".", "dockerfile": "D",\n  "tags": ["x/a", 3, {}]},\n'
        '"b": {"context": [], "dockerfile": "D"}, "c": {"context": "", "dockerfile": ""}\n}}'
    )
    (project / "x.json").write_text(text)

    told = run(project, "compare", "x.json", code=1).stderr

    assert told.splitlines()[:2] == [
        "x.json:3:22: error[wrong-type]: text is expected here, not a mapping",
        '    3 |   "tags": ["x/a", 3, {}]},',
    ]
    assert "x.json:4:18: error[wrong-type]: text is expected here, not a list" in told
    assert told.endswith("2 errors\n")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty-file"),
        (" \n", "empty-file"),
        ("{", "bake-file"),
        ("nonsense", "bake-file"),
        ("[]", "bake-file"),
        ("3", "bake-file"),
        ('{"targets": {}}', "bake-file"),
        ('{"target": {"a": {"inherits": ["b"]}}}', "bake-file"),
        ('{"target": {"a": {}, "a": {}}}', "duplicate-key"),
        ('{"target": {"a": NaN}}', "data-syntax"),
        ('{"target": [', "bake-file"),
        ('{"target": ' + "[" * 100_000 + "]" * 100_000 + "}", "too-deep"),
        ('{"target": ' + '{"a":' * 100_000 + "1" + "}" * 100_001, "too-deep"),
        ('{"target": {"a": ' + "9" * 10_000 + "}}", "wrong-type"),
        ('{"target": "\x00"}', "control-character"),
        ('{"target": {"a": []}, "group": 3}', "wrong-type"),
    ],
)
def test_what_is_nothing_of_bake_is_refused(project: Path, text: str, code: str) -> None:
    """Bad JSON is refused with a place or a remedy, from stdin and as a file, with no traceback."""
    (project / "x.json").write_text(text)

    by_stdin = run(project, "compare", "-", stdin=text, code=1)
    by_file = run(project, "compare", "x.json", PATH=str(project), code=1)

    for told, name in ((by_stdin, "stdin"), (by_file, "x.json")):
        assert told.stdout == ""
        assert told.stderr.startswith(name)
        assert f"error[{code}]" in told.stderr
        assert "help: " in told.stderr
        assert len(told.stderr) < 2_000


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("old.hlc", "missing-file"),
        ("templates", "not-a-file"),
        ("matrix.yaml/x", "unreadable-file"),
    ],
)
def test_what_cannot_be_read(project: Path, name: str, code: str) -> None:
    """A missing file and a folder are rejected."""
    told = run(project, "compare", name, code=1).stderr

    assert told.startswith(f"{name}: error[{code}]: ")
    assert ("did you mean 'old.hcl'?" in told) == (name == "old.hlc")


def test_what_is_not_utf_8_is_refused(project: Path) -> None:
    """JSON in another encoding is refused at its place."""
    (project / "x.json").write_bytes('{"target": "ä"}'.encode("latin-1"))

    assert run(project, "compare", "x.json", code=1).stderr.startswith(
        "x.json:1:13: error[not-utf-8]"
    )


def test_many_targets_take_little_time() -> None:
    """Thousands of targets with the same tag or the same wrong type are compared quickly."""
    many = {f"t{n}": target(tags=["x/a", f"x/{n}"], args={"A": str(n)}) for n in range(5_000)}
    ours = {"t7": target(tags=["x/a", "x/7"], args={"A": "7"})}

    told = difference(ours, many)

    assert [(pair.ours, pair.theirs, pair.differences) for pair in told.pairs] == [("t7", "t7", ())]
    assert len(told.only_theirs) == 4_999
    with pytest.raises(CompileError) as refused:
        read({"target": {name: target(tags=3) for name in many}})
    assert len(refused.value.diagnostics) == 50


def test_an_unknown_field_cannot_be_ignored(project: Path) -> None:
    """--ignore takes the fields that are compared; a help names them."""
    told = run(project, "compare", "-", "--ignore", "dockerfile", code=2)

    assert "'dockerfile' is not one of 'annotations', 'attest'" in told.stderr
    assert "1 if something does" in run(project, "compare", "--help").stdout
    assert normal({}) == {"context": "."}
