"""Custom groups, tests, and the switches MOVING and CACHE, as bake reads them."""

from pathlib import Path
from typing import Any

import pytest
from bake.oracle import Command, bake, lay, members, refusal


pytestmark = pytest.mark.slow


MATRIX: dict[str, Any] = {
    "variables": {"R": "r.example"},
    "axes": {"py": ["3.9", "3.10"], "gpu": {False: {}, True: {"platforms": ["linux/amd64"]}}},
    "groups": {"smoke": {"py": "3.10"}, "old": {"py": "<3.10", "image": "base"}},
    "defaults": {
        "template": "Dockerfile.j2",
        "platforms": ["linux/amd64", "linux/arm64"],
        "tags": ["${R}/{{ image }}:{{ variant }}"],
    },
    "images": {
        "base": {
            "moving": ["${R}/{{ image }}-new:{{ variant }}"],
            "aliases": {"${R}/base:latest": {"py": "3.10", "gpu": False}},
            "cache": {"type": "registry", "ref": "${R}/cache:{{ target }}"},
            "tests": ["python --version"],
        },
        "child": {"axes": ["py"], "from": {"image": "base", "with": {"gpu": False}}},
    },
}
BASE = ["base-3_9", "base-3_9-gpu", "base-3_10", "base-3_10-gpu"]
FILES = {"templates/Dockerfile.j2": "FROM {{ parent or 'python' }}\n"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a project with one of each."""
    folder = tmp_path_factory.mktemp("switches")
    (folder / "templates").mkdir()
    return lay(folder, MATRIX, FILES)


def test_a_group_of_the_authors_is_filtered(project: Path, either: Command) -> None:
    """A group contains the targets that match its pattern and the filters; none is an error."""
    everything = ["base-3_10", "base-3_10-gpu", "child-3_10"]

    assert sorted(members(either, project, "smoke")) == everything
    assert sorted(members(either, project, "smoke", ONLY_GPU="true")) == ["base-3_10-gpu"]
    assert sorted(members(either, project, "old", ONLY_GPU="false")) == ["base-3_9"]
    assert "no-variant-matches" in refusal(either, project, "smoke", ONLY_PY="3.9")
    assert "no-such-py-4" in refusal(either, project, "smoke", ONLY_PY="4")


def test_tests_are_filtered_with_their_targets(project: Path, either: Command) -> None:
    """The group `test` runs the tests of the selected targets, without output."""
    read = bake(either, project, "test", ONLY_PY="3.10", ONLY_PLATFORM="linux/amd64")
    tests = {name: fields for name, fields in read.targets.items() if name.endswith("-test")}

    assert sorted(read.groups["test"]) == ["base-3_10-gpu-test", "base-3_10-test"]
    assert sorted(tests) == sorted(read.groups["test"])
    for name, fields in tests.items():
        target = name.removesuffix("-test")
        assert fields["contexts"] == {target: f"target:{target}"}
        assert fields["output"] == [{"type": "cacheonly"}]
        assert fields["platforms"] == ["linux/amd64"]


def test_shards_hold_all_tests_once(project: Path, either: Command) -> None:
    """Tests are in the shards of their targets."""
    found = []
    for shard in ("1/3", "2/3", "3/3"):
        found += bake(either, project, "test", ONLY_SHARD=shard).groups["test"]

    assert sorted(found) == sorted(f"{name}-test" for name in BASE)


def test_default_holds_no_tests(project: Path, either: Command) -> None:
    """Without arguments bake builds the targets and no tests."""
    assert [name for name in members(either, project) if name.endswith("-test")] == []


def test_what_moves_waits_for_the_switch(project: Path, either: Command) -> None:
    """Without MOVING a target has only its `tags`; with it, also `moving` and `aliases`."""
    plain = bake(either, project).targets["base-3_10"]["tags"]
    moved = bake(either, project, MOVING="true").targets["base-3_10"]["tags"]

    assert plain == ["r.example/base:3.10"]
    assert moved == ["r.example/base:3.10", "r.example/base-new:3.10", "r.example/base:latest"]


@pytest.mark.parametrize("mode", ["", "read", "write"])
def test_caches_wait_for_the_switch(project: Path, either: Command, mode: str) -> None:
    """CACHE=read reads the caches of a target and its siblings; CACHE=write also writes its own."""
    target = bake(either, project, CACHE=mode).targets["base-3_10"]
    read = [entry["ref"] for entry in target.get("cache-from", [])]

    assert read[:1] == (["r.example/cache:base-3_10"] if mode else [])
    assert len(read) == (4 if mode else 0)  # all four Dockerfiles are alike
    assert target.get("cache-to", []) == (
        [{"mode": "max", "ref": "r.example/cache:base-3_10", "type": "registry"}]
        if mode == "write"
        else []
    )


def test_another_mode_of_the_cache_fails(project: Path, either: Command) -> None:
    """An unknown mode is an error."""
    assert "no-such-cache-yes" in refusal(either, project, CACHE="yes")


def test_a_child_is_linked_to_the_parent_with_its_values(project: Path, either: Command) -> None:
    """`with` sets axes that the child lacks; building the child builds its parent."""
    read = bake(either, project, "child-3_9")

    assert read.targets["child-3_9"]["contexts"] == {"base-3_9": "target:base-3_9"}
    assert sorted(read.targets) == ["base-3_9", "child-3_9"]
