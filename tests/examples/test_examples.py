"""The examples produce the same targets as the tools of the projects that they reproduce.

`cases/` contains the originals: the tags of the scripts of Truss, and the output of
`docker buildx bake --print` for the six bake files of Runpod.
"""

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
NAMES = ("dockerfiles", "nginx", "runpod", "teams", "truss", "truss-2023", "uv")
FAMILIES = ("base", "pytorch", "nvidia-pytorch", "rocm", "autoresearch", "pytorch-cluster")


def _copied(name: str, folder: Path) -> Path:
    """Copy an example without its generated files."""
    generated = shutil.ignore_patterns("docker-bake.hcl", "dockerfiles", ".compile-matrix")
    return Path(shutil.copytree(EXAMPLES / name, folder / name, ignore=generated))


def _compiled(name: str, folder: Path) -> Path:
    """Copy an example, and write its generated files."""
    copy = _copied(name, folder)
    for artifact in compile_matrix(copy / "matrix.yaml").artifacts:
        (copy / artifact.path).parent.mkdir(exist_ok=True)
        (copy / artifact.path).write_bytes(artifact.content)
    return copy


def _run(folder: Path, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "compiler", *arguments],
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
    """Return a recent buildx, then the oldest supported one."""
    return [str(request.getfixturevalue(request.param))]


@pytest.fixture(scope="module")
def runpod(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the compiled Runpod example."""
    return _compiled("runpod", tmp_path_factory.mktemp("runpod"))


def _original(family: str) -> dict[str, Any]:
    """Return the output of bake for an original file of Runpod."""
    definition: dict[str, Any] = json.loads((CASES / f"runpod-{family}.json").read_bytes())
    return definition


def _original_targets() -> dict[str, Fields]:
    """Return the comparable fields of all original targets of Runpod, by tag."""
    return {
        target["tags"][0]: _comparable(target)
        for family in FAMILIES
        for target in _original(family)["target"].values()
    }


def _comparable(target: Mapping[str, Any]) -> Fields:
    """Return the fields of a target without its Dockerfile and its links to parents."""
    contexts = {
        name: value
        for name, value in target.get("contexts", {}).items()
        if not value.startswith("target:")
    }
    fields = {name: value for name, value in target.items() if name != "dockerfile"}
    return normal({**fields, "contexts": contexts}, doubled=False)


def test_every_example_is_tested() -> None:
    """Check that each example is in NAMES and in the table of the README."""
    table = (EXAMPLES / "README.md").read_text(encoding="utf-8")

    assert sorted(path.parent.name for path in EXAMPLES.glob("*/matrix.yaml")) == list(NAMES)
    for name in NAMES:
        assert f"]({name}/README.md)" in table


def test_the_page_shows_the_example_of_dockerfiles() -> None:
    """The second step of "Coming from your own Dockerfiles" is the example, with its files."""
    page = (PROJECT / "docs/from-dockerfiles.md").read_text(encoding="utf-8")
    second = markdown.examples(page)[1]

    files = {path: text for path, text in second.files.items() if "templates" not in path}
    for path, text in {**files, "matrix.yaml": second.matrix.text}.items():
        assert (EXAMPLES / "dockerfiles" / path).read_text(encoding="utf-8") == text


@pytest.mark.parametrize("name", NAMES)
def test_only_the_known_mistake_causes_warnings(name: str, tmp_path: Path) -> None:
    """Check that the examples compile without warnings, except for the mistake in truss-2023."""
    warnings = compile_matrix(_copied(name, tmp_path) / "matrix.yaml").plan.warnings

    assert {warning.code for warning in warnings} == (
        {"axis-without-effect"} if name == "truss-2023" else set()
    )


@pytest.mark.parametrize("name", NAMES)
def test_output_is_reproducible(name: str, tmp_path: Path) -> None:
    """Check that compiling an example in two folders produces the same bytes."""
    first, second = (
        compile_matrix(_copied(name, tmp_path / folder) / "matrix.yaml").artifacts
        for folder in ("first", "second")
    )

    assert len(first) > 3
    assert first == second


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_sessions_of_the_page_are_true(name: str, tmp_path: Path, *, update_golden: bool) -> None:
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
    """Check for exactly the tags that the script creates with `--version-tag v0.2.2`."""
    read = bake(either, _compiled(name, tmp_path), VERSION_TAG="v0.2.2")

    assert _tags(read) == _case(case)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "lines"), [("nginx", 22), ("uv", 38)])
def test_tags_and_platforms_of_the_owners(
    name: str, lines: int, tmp_path: Path, buildx: Path
) -> None:
    """Check for exactly the tags and platforms of the owners, in fewer lines than a first draft."""
    folder = _compiled(name, tmp_path)
    read = bake([str(buildx)], folder, MOVING="true")  # 0.13 rejects children with fewer platforms

    found = {
        f"{tag} {','.join(sorted(target['platforms']))}"
        for target in read.targets.values()
        for tag in target["tags"]
    }
    assert sorted(found) == sorted((CASES / f"{name}.tags").read_text("utf-8").splitlines())
    assert len((folder / "matrix.yaml").read_text(encoding="utf-8").splitlines()) < lines


def test_the_example_of_the_truss_manual(tmp_path: Path, either: list[str]) -> None:
    """Check that the manual's flags, written as filters, select the tag that the manual names."""
    flags = {"IMAGE": "server", "LIVE_RELOAD": "true", "GPU": "true", "PYTHON": "3.9"}
    filters = {f"ONLY_{axis}": value for axis, value in flags.items()}
    read = bake(either, _compiled("truss-2023", tmp_path), **filters)

    assert _tags(read) == ["baseten/truss-server-base:3.9-gpu-reload-v0.2.2"]


def test_the_mistake_of_2023_is_reported(tmp_path: Path) -> None:
    """Check for one warning per image: `python` has no effect on the images with a GPU.

    The 24 targets have 8 distinct Dockerfiles, or 16 distinct images with their requirements.
    """
    compiled = compile_matrix(_copied("truss-2023", tmp_path) / "matrix.yaml")
    dockerfiles = [
        artifact.content for artifact in compiled.artifacts if artifact.path.endswith("Dockerfile")
    ]
    warnings = [
        (warning.code, warning.message.partition(":")[0]) for warning in compiled.plan.warnings
    ]

    assert (len(dockerfiles), len(set(dockerfiles))) == (24, 8)
    assert warnings == [("axis-without-effect", image) for image in ("server", "training")]


def test_the_mistake_of_2023_corrected(tmp_path: Path) -> None:
    """Check that the warning disappears if the template installs the Python of the tag."""
    folder = _copied("truss-2023", tmp_path)
    template = folder / "templates/Dockerfile.j2"
    wrong = template.read_text(encoding="utf-8")
    template.write_text(wrong.replace("python3.9", "python{{ python }}"), encoding="utf-8")

    assert "python3.9" in wrong
    assert compile_matrix(folder / "matrix.yaml").plan.warnings == ()


def test_the_output_of_truss(tmp_path: Path, either: list[str]) -> None:
    """Check platforms and compression, and that `--push` adds nothing but the push."""
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


def test_runpod_equals_the_original(runpod: Path, either: list[str]) -> None:
    """Check that all 42 targets have the original tags, platforms, arguments and contexts."""
    read = bake(either, runpod)
    targets = {target["tags"][0]: _comparable(target) for target in read.targets.values()}

    assert len(read.targets) == len(targets) == 42
    assert targets == _original_targets()


def test_compare_finds_no_difference(runpod: Path) -> None:
    """Check `compile-matrix compare` with the output of bake for the six original files."""
    targets = {
        name: target for family in FAMILIES for name, target in _original(family)["target"].items()
    }
    arguments = ("compare", "-", "--ignore", "contexts", "--format", "json")
    ran = _run(runpod, *arguments, text=json.dumps({"target": targets}))
    comparison = json.loads(ran.stdout)

    assert ran.returncode == 0
    assert (comparison["same"], comparison["here"], comparison["theirs"]) == (True, 42, 42)


def test_base_image_names_the_parent(runpod: Path, either: list[str]) -> None:
    """Check that BASE_IMAGE of a child is the tag of the target that its `FROM` names."""
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
def test_original_groups_exist(runpod: Path, old_buildx: Path, family: str, group: str) -> None:
    """Check that an original group has the same members."""
    original = _original(family)
    expected = [original["target"][name]["tags"] for name in original["group"][group]["targets"]]
    read = bake([str(old_buildx)], runpod, group)

    assert [read.targets[name]["tags"] for name in read.groups[group]] == expected


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_a_group(runpod: Path, old_buildx: Path, family: str) -> None:
    """Check that the group of a family has the members of `default` in its original file."""
    expected = {target["tags"][0] for target in _original(family)["target"].values()}
    read = bake([str(old_buildx)], runpod, family)

    assert {read.targets[name]["tags"][0] for name in read.groups[family]} == expected


def test_shards_are_groups(runpod: Path) -> None:
    """Check the groups in which Runpod builds PyTorch, and those that it selects by wildcards."""
    groups = plan_json(runpod)["groups"]
    pytorch = set(groups["pytorch"])

    assert [len(groups[name]) for name in ("cu1281", "cu1290", "cu1300")] == [10, 10, 5]
    assert len(pytorch.intersection(groups["ubuntu-24_04"])) == 15
    assert len(pytorch.intersection(groups["torch-2_8_0"])) == 5


def test_the_version_is_set_by_the_environment(runpod: Path, either: list[str]) -> None:
    """Check that a release candidate changes each tag, and the tags of parents in arguments."""
    read = bake(either, runpod, RELEASE_VERSION="1.0.8", RELEASE_SUFFIX="-rc.7")
    targets = {target["tags"][0]: _comparable(target) for target in read.targets.values()}
    original = json.dumps(_original_targets())

    assert targets == json.loads(original.replace(":1.0.7-", ":1.0.8-rc.7-"))
