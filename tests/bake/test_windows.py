"""Platforms with the version of Windows, in BuildKit's notation."""

from pathlib import Path

import pytest
from bake.oracle import bake, lay, refusal

from compiler.external.platforms import canonical_platform
from compiler.pipeline import compile_matrix
from compiler.targets.filters import select


pytestmark = pytest.mark.slow

NEW, OLD = "windows(10.0.26100)/amd64", "windows(10.0.20348)/amd64"
MATRIX = f"""
axes:
  os:
    nano25: {{platforms: ["{NEW}"]}}
    nano22: {{platforms: ["{OLD}"]}}
    deb: {{platforms: [linux/amd64, linux/arm64]}}
images:
  sdk: {{template: Dockerfile.j2, platforms: [linux/amd64, linux/arm64, windows/amd64]}}
  all: {{template: Dockerfile.j2, axes: [], platforms: [linux/amd64, "{NEW}", "{OLD}"]}}
"""
EXPECTED = {
    "": {
        "sdk-nano25": [NEW],
        "sdk-nano22": [OLD],
        "sdk-deb": ["linux/amd64", "linux/arm64"],
        "all": ["linux/amd64", NEW, OLD],
    },
    "windows/amd64": {"sdk-nano25": [NEW], "sdk-nano22": [OLD], "all": [NEW, OLD]},
    NEW: {"sdk-nano25": [NEW], "all": [NEW]},
    f"linux/arm64,{OLD}": {"sdk-nano22": [OLD], "sdk-deb": ["linux/arm64"], "all": [OLD]},
}


@pytest.mark.parametrize("wanted", EXPECTED)
def test_windows_without_a_version_selects_every_version(
    either: list[str], tmp_path: Path, wanted: str
) -> None:
    """Bake and the filters of commands select the same targets, and their platforms."""
    lay(tmp_path, MATRIX)

    found = bake(either, tmp_path, ONLY_PLATFORM=wanted).targets

    assert {name: one["platforms"] for name, one in found.items()} == EXPECTED[wanted]
    plan = compile_matrix(tmp_path / "matrix.yaml").plan
    filters = [f"platform={wanted}"] if wanted else []
    assert {target.name for target in select(plan, filters)} == {*found}


def test_a_version_that_no_target_has(buildx: Path, tmp_path: Path) -> None:
    """An unknown version fails."""
    lay(tmp_path, MATRIX)

    said = refusal([str(buildx)], tmp_path, ONLY_PLATFORM="windows(10.0.1)/amd64")

    assert "no-such-platform-windows_10_0_1__amd64" in said


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (NEW, NEW),
        ("windows(10.0.26100.1742)/amd64", "windows(10.0.26100.1742)/amd64"),
        ("windows(10)/arm64/v8", "windows(10)/arm64"),
        ("linux(6.1)/amd64", None),
        ("windows()/amd64", None),
        ("windows(10.0.)/amd64", None),
        ("windows(ltsc2025)/amd64", None),
        ("windows(10.0.26100)", None),
    ],
)
def test_which_notations_are_valid(text: str, canonical: str | None) -> None:
    """A version consists of numbers, and only Windows has one."""
    assert canonical_platform(text) == canonical
