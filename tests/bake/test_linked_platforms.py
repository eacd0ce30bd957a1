"""Linked targets are built only for the platforms that the selected targets need."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest
from bake.oracle import bake, lay


pytestmark = pytest.mark.slow

ALL = ["linux/amd64", "linux/arm64", "linux/s390x"]
PLATFORMS = {"root": ALL, "base": ALL, "child": ALL[:2], "small": ALL[2:], "whole": ALL}
PARENTS = {"base": "root", "child": "base", "small": "base", "whole": "root"}
MATRIX: dict[str, Any] = {
    "axes": {"py": ["3.10", "3.11"]},
    "defaults": {"template": "Dockerfile.j2", "tags": ["r.io/{{ target }}"], "tests": ["true"]},
    "images": {
        image: {"platforms": platforms, "from": PARENTS.get(image)}
        for image, platforms in PLATFORMS.items()
    },
}
SELECTED = [
    "",
    "root",
    "base",
    "child",
    "small",
    "whole",
    "child,small",
    "root,child",
    "base,small",
]


def needed(image: str, selected: set[str]) -> set[str]:
    """Return the platforms for which an image is built: its own, or those of its dependents."""
    if image in selected:
        return set(PLATFORMS[image])
    users = {child for child, parent in PARENTS.items() if parent == image}
    return set().union(*(needed(user, selected) for user in users))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a compiled project of five images that depend on each other."""
    folder = tmp_path_factory.mktemp("project")
    lay(folder, MATRIX, {"templates/Dockerfile.j2": "FROM {{ parent or 'scratch' }}\n"})
    return folder


@pytest.mark.parametrize(("images", "platform"), [*product(SELECTED, ["", "linux/arm64"])])
def test_filters_narrow_what_they_leave_out(
    buildx: Path, project: Path, images: str, platform: str
) -> None:
    """A target that is not selected has the needed platforms, and no tag unless it is whole."""
    filters = {"ONLY_IMAGE": images, "ONLY_PY": "3.10", "ONLY_PLATFORM": platform}
    selected = {*images.split(",")} if images else {*PLATFORMS}
    if platform:
        selected = {image for image in selected if platform in PLATFORMS[image]}
    if not selected:
        return

    found = bake([str(buildx)], project, **filters).targets

    asked = {platform} if platform else set(ALL)
    for name, target in found.items():
        image = name.removesuffix("-3_10")
        expected = needed(image, selected) & asked
        assert expected
        assert set(target["platforms"]) == expected, name
        whole = expected == set(PLATFORMS[image]) & asked
        assert target.get("tags", []) == ([f"r.io/{name}"] if whole else []), name


def test_tests_run_on_the_platforms_that_are_built(buildx: Path, project: Path) -> None:
    """The tests of a target have its platforms."""
    found = bake([str(buildx)], project, "base-3_10-test", ONLY_IMAGE="small").targets

    assert found["base-3_10-test"]["platforms"] == found["base-3_10"]["platforms"] == ALL[2:]


def test_targets_without_filters_are_whole(either: list[str], tmp_path: Path) -> None:
    """Without filters, every target has all its platforms and tags, in every version of buildx."""
    matrix = {**MATRIX, "images": {k: v for k, v in MATRIX["images"].items() if k != "child"}}
    lay(tmp_path, matrix, {"templates/Dockerfile.j2": "FROM {{ parent or 'scratch' }}\n"})
    found = bake(either, tmp_path).targets

    for name, target in found.items():
        assert target["platforms"] == PLATFORMS[name.partition("-")[0]]
        assert target["tags"] == [f"r.io/{name}"]
