"""The examples give what their owners' own tools give."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from bake.oracle import Fields, Reading, bake, normal, plan_json
from support import markdown

from compiler import compile_matrix


PROJECT = Path(__file__).parents[2]
EXAMPLES = PROJECT / "examples"
CASES = Path(__file__).parent / "cases"
NAMES = ("runpod", "truss", "truss-2023")
FAMILIES = ("base", "pytorch", "nvidia-pytorch", "rocm", "autoresearch", "pytorch-cluster")


def _copied(name: str, folder: Path) -> Path:
    """Copy what an example's author wrote."""
    generated = shutil.ignore_patterns("docker-bake.hcl", "dockerfiles", ".compile-matrix")
    return Path(shutil.copytree(EXAMPLES / name, folder / name, ignore=generated))


def _compiled(name: str, folder: Path) -> Path:
    """Copy an example and write what it compiles to."""
    copy = _copied(name, folder)
    for artifact in compile_matrix(copy / "matrix.yaml").artifacts:
        (copy / artifact.path).parent.mkdir(exist_ok=True)
        (copy / artifact.path).write_bytes(artifact.content)
    return copy


def _run(folder: Path, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "compiler", *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "COLUMNS": "100"},
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )


def _tags(read: Reading) -> list[str]:
    return sorted(tag for target in read.targets.values() for tag in target["tags"])


def _case(name: str) -> list[str]:
    return (CASES / name).read_text(encoding="utf-8").split()


@pytest.fixture(params=["buildx", "old_buildx"])
def either(request: pytest.FixtureRequest) -> list[str]:
    """Give a present buildx, and the oldest that is promised."""
    return [str(request.getfixturevalue(request.param))]


@pytest.fixture(scope="module")
def runpod(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the example of six families, compiled."""
    return _compiled("runpod", tmp_path_factory.mktemp("runpod"))


def _printed(family: str) -> dict[str, Any]:
    """Return what their bake printed of a family."""
    found: dict[str, Any] = json.loads((CASES / f"runpod-{family}.json").read_bytes())
    return found


def _theirs() -> dict[str, Fields]:
    """Return all targets of theirs, by tag, without what is ours to choose."""
    return {
        target["tags"][0]: _told(target)
        for family in FAMILIES
        for target in _printed(family)["target"].values()
    }


def _told(target: Mapping[str, Any]) -> Fields:
    """Return a target as it is compared: Dockerfiles are ours, and so are links to parents."""
    found = {name: value for name, value in target.items() if name != "dockerfile"}
    contexts = {
        name: value
        for name, value in found.pop("contexts", {}).items()
        if not value.startswith("target:")
    }
    return normal({**found, "contexts": contexts}, doubled=False)


def test_every_example_is_tested() -> None:
    """Each folder is among those that these tests know, and the table links to it."""
    table = (EXAMPLES / "README.md").read_text(encoding="utf-8")

    assert sorted(path.parent.name for path in EXAMPLES.glob("*/matrix.yaml")) == list(NAMES)
    for name in NAMES:
        assert f"]({name}/README.md)" in table


@pytest.mark.parametrize("name", NAMES)
def test_only_the_mistake_is_warned_of(name: str, tmp_path: Path) -> None:
    """An example compiles without a diagnostic, but for the mistake that one of them makes."""
    found = compile_matrix(_copied(name, tmp_path) / "matrix.yaml").plan.warnings

    assert {warning.code for warning in found} == (
        {"axis-without-effect"} if name == "truss-2023" else set()
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_same_bytes_come_twice(name: str, tmp_path: Path) -> None:
    """Compiling an example in two places gives the same files."""
    first, second = (
        compile_matrix(_copied(name, tmp_path / place) / "matrix.yaml").artifacts
        for place in ("here", "there")
    )

    assert len(first) > 12
    assert first == second


@pytest.mark.parametrize("name", NAMES)
def test_the_sessions_of_its_page_are_true(
    name: str, tmp_path: Path, *, update_golden: bool
) -> None:
    """Check that the commands in the README of an example print what it shows."""
    page = EXAMPLES / name / "README.md"
    blocks = markdown.blocks(page.read_text(encoding="utf-8"))
    sessions = [block for block in blocks if block.language == "console"]

    assert sessions
    folder = _copied(name, tmp_path)
    for session in sessions:
        played = markdown.play(session.text, folder, tmp_path)
        markdown.check(page, session, played, update=update_golden)


@pytest.mark.parametrize(
    ("name", "case"), [("truss-2023", "truss-02dc014f6.tags"), ("truss", "truss-HEAD.tags")]
)
def test_the_tags_of_truss(name: str, case: str, tmp_path: Path, either: list[str]) -> None:
    """The tags are just those that their script names for `--version-tag v0.2.2`."""
    read = bake(either, _compiled(name, tmp_path), VERSION_TAG="v0.2.2")

    assert _tags(read) == _case(case)


def test_one_image_of_their_manual(tmp_path: Path, either: list[str]) -> None:
    """The flags of their manual's example, as filters, leave the one tag that it names."""
    given = {"IMAGE": "server", "LIVE_RELOAD": "true", "GPU": "true", "PYTHON": "3.9"}
    filters = {f"ONLY_{axis}": value for axis, value in given.items()}
    read = bake(either, _compiled("truss-2023", tmp_path), **filters)

    assert _tags(read) == ["baseten/truss-server-base:3.9-gpu-reload-v0.2.2"]


def test_the_mistake_of_2023_is_told(tmp_path: Path) -> None:
    """A GPU image that has one Python whatever its tag says is warned of, for each of the images.

    The 24 tags are 8 Dockerfiles, or 16 images with what each job installs.
    """
    compiled = compile_matrix(_copied("truss-2023", tmp_path) / "matrix.yaml")
    dockerfiles = [one.content for one in compiled.artifacts if one.path.endswith("Dockerfile")]
    said = [(one.code, one.message) for one in compiled.plan.warnings]

    assert (len(dockerfiles), len(set(dockerfiles))) == (24, 8)
    assert said == [
        (
            "axis-without-effect",
            f"{image}: python changes nothing when gpu is true: 6 tags, 2 images",
        )
        for image in ("server", "training")
    ]


def test_the_mistake_of_2023_corrected(tmp_path: Path) -> None:
    """With the Python of the tag in the GPU branch there is nothing to warn of."""
    folder = _copied("truss-2023", tmp_path)
    template = folder / "templates/Dockerfile.j2"
    wrong = template.read_text(encoding="utf-8")
    template.write_text(wrong.replace("python3.9", "python{{ python }}"), encoding="utf-8")

    assert "python3.9" in wrong
    assert compile_matrix(folder / "matrix.yaml").plan.warnings == ()


def test_the_output_of_truss(tmp_path: Path, either: list[str]) -> None:
    """Both platforms, eStargz and OCI media types; `--push` adds the push and changes nothing."""
    folder = _compiled("truss", tmp_path)
    output = {
        "type": "image",
        "compression": "estargz",
        "force-compression": "true",
        "oci-mediatypes": "true",
    }

    for flags, more in (((), {}), (("--push",), {"push": "true"})):
        read = bake(either, folder, *flags)
        assert len(read.targets) == 12
        for target in read.targets.values():
            assert target["output"] == [output | more]
            assert sorted(target["platforms"]) == ["linux/amd64", "linux/arm64"]
            assert target["tags"][0].endswith("-v0.13.0")


def test_all_of_runpod_is_as_theirs(runpod: Path, either: list[str]) -> None:
    """Each of 42 targets has the tags, platforms, arguments and contexts that theirs has."""
    read = bake(either, runpod)
    ours = {target["tags"][0]: _told(target) for target in read.targets.values()}

    assert len(read.targets) == len(ours) == 42
    assert ours == _theirs()


def test_comparing_finds_nothing(runpod: Path) -> None:
    """`compile-matrix compare`, given what bake printed of their six files, finds no difference."""
    together = {"target": {k: v for one in FAMILIES for k, v in _printed(one)["target"].items()}}
    words = ("compare", "-", "--ignore", "contexts", "--format", "json")
    ran = _run(runpod, *words, text=json.dumps(together))
    found = json.loads(ran.stdout)

    assert ran.returncode == 0
    assert (found["same"], found["here"], found["theirs"]) == (True, 42, 42)


def test_parents_are_what_base_image_names(runpod: Path, either: list[str]) -> None:
    """A child's BASE_IMAGE is the tag of the target that it is linked to and begins with."""
    targets = bake(either, runpod).targets
    entries = {entry["target"]: entry for entry in plan_json(runpod)["targets"]}
    children = {name: entry["parent"] for name, entry in entries.items() if entry["parent"]}

    assert len(children) == 25 + 4 + 2
    for name, parent in children.items():
        dockerfile = (runpod / entries[name]["dockerfile"]).read_text(encoding="utf-8")
        assert targets[name]["contexts"] == {parent: f"target:{parent}"}
        assert targets[name]["args"]["BASE_IMAGE"] == targets[parent]["tags"][0]
        assert dockerfile.splitlines()[1] == f"FROM {parent}"


@pytest.mark.parametrize(
    ("family", "group"),
    [
        ("base", "cpu"),
        ("base", "cuda-matrix"),
        ("nvidia-pytorch", "pytorch-matrix"),
        ("rocm", "rocm-matrix"),
    ],
)
def test_their_groups_are_here(runpod: Path, old_buildx: Path, family: str, group: str) -> None:
    """A group of theirs leads to the targets that it leads to there."""
    printed = _printed(family)
    expected = [printed["target"][name]["tags"] for name in printed["group"][group]["targets"]]
    read = bake([str(old_buildx)], runpod, group)

    assert [read.targets[name]["tags"] for name in read.groups[group]] == expected


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_a_group(runpod: Path, old_buildx: Path, family: str) -> None:
    """The group of a family leads to the tags that their `default` of its file leads to."""
    expected = {target["tags"][0] for target in _printed(family)["target"].values()}
    read = bake([str(old_buildx)], runpod, family)

    assert {read.targets[name]["tags"][0] for name in read.groups[family]} == expected


def test_shards_are_groups(runpod: Path) -> None:
    """The parts that they build PyTorch in, and what they select by wildcards, are groups."""
    groups = plan_json(runpod)["groups"]
    pytorch = set(groups["pytorch"])

    assert [len(groups[name]) for name in ("cu1281", "cu1290", "cu1300")] == [10, 10, 5]
    assert len(pytorch.intersection(groups["ubuntu-24_04"])) == 15
    assert len(pytorch.intersection(groups["torch-2_8_0"])) == 5


def test_the_version_is_set_by_the_environment(runpod: Path, either: list[str]) -> None:
    """A release candidate has its version in each tag, and in the names of parents."""
    read = bake(either, runpod, RELEASE_VERSION="1.0.8", RELEASE_SUFFIX="-rc.7")
    ours = {target["tags"][0]: _told(target) for target in read.targets.values()}
    theirs = json.loads(json.dumps(_theirs()).replace(":1.0.7-", ":1.0.8-rc.7-"))

    assert ours == theirs
