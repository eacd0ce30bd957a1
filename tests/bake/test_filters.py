"""The filters of the bake file, `ONLY_...`, as bake applies them."""

import platform
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from bake.oracle import bake, lay, members, plan_json, refusal


pytestmark = pytest.mark.slow

PLATFORMS = {
    "server": ["linux/amd64", "linux/arm64"],
    "tool": ["linux/arm64"],
    "old": ["linux/arm"],
}
MATRIX: dict[str, Any] = {
    "axes": {
        "py": ["3.10", "3.11", "3.12"],
        "gpu": {False: {}, True: {"platforms": ["linux/amd64"]}},
        "os": {None: {}, "deb": {}},
    },
    "exclude": [{"os": "deb", "gpu": True}],
    "defaults": {"template": "Dockerfile.j2"},
    "images": {
        "server": {"platforms": PLATFORMS["server"]},
        "tool": {"axes": ["py"], "platforms": PLATFORMS["tool"]},
        "old": {"axes": ["gpu"], "exclude": [{"gpu": True}], "platforms": PLATFORMS["old"]},
        "plain": {"axes": []},
    },
}
LOCAL = {"x86_64": "linux/amd64", "aarch64": "linux/arm64", "arm64": "linux/arm64"}.get(
    platform.machine(), ""
)

FILTERS = (
    {"py": "3.10"},
    {"py": "3.12,3.10"},
    {"py": " 3.11 ,  3.12 "},
    {"py": ",3.11,,"},
    {"py": "3.10,3.11,3.12"},
    {"py": "3.10,3.10"},
    {"py": " , "},
    {"py": "null"},
    {"py": "null,3.10"},
    {"gpu": "true"},
    {"gpu": "false"},
    {"gpu": "false,null"},
    {"os": "null"},
    {"os": "deb"},
    {"image": "server"},
    {"image": "tool,plain"},
    {"image": "server", "py": "3.11", "gpu": "true"},
    {"image": "server,tool", "py": "3.11", "gpu": "null,true"},
    {"image": "plain", "py": "null", "gpu": "null", "os": "null"},
)

ODD = (
    'a"b',
    "it's",
    "a b",
    "ü日",
    "${X}",
    "$${Y}",
    "%{ if z }",
    "back\\slash",
    "\\n",
    "*",
    "a/b:c@d",
    "[x]",
    "{{ y }}",
    "-",
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a project of four images: two lack axes, two have few platforms, one has none."""
    return lay(tmp_path_factory.mktemp("filters"), MATRIX)


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a project with an axis whose values contain unusual characters."""
    matrix = {
        "axes": {"odd": {value: {"tag": f"v{n}"} for n, value in enumerate(ODD)}},
        "images": {"one": {"template": "Dockerfile.j2"}},
    }
    return lay(tmp_path_factory.mktemp("odd"), matrix)


@pytest.fixture
def new(buildx: Path) -> list[str]:
    """Return a current buildx."""
    return [str(buildx)]


@pytest.fixture
def old(old_buildx: Path) -> list[str]:
    """Return the oldest buildx; it prints groups in the order of the file."""
    return [str(old_buildx)]


def spelling(value: Any) -> str:
    """Return a value as it is written in a filter."""
    return {None: "null", True: "true", False: "false"}.get(value) or str(value)


def kept(project: Path, group: str = "default", **filters: str) -> list[str]:
    """Return the targets of a group that filters select, derived from the plan independently."""
    plan = plan_json(project)
    asked = {
        name: {word.strip() for word in text.split(",") if word.strip()}
        for name, text in filters.items()
    }
    return [
        target["target"]
        for target in plan["targets"]
        if target["target"] in plan["groups"][group]
        and all(
            not words
            or (target["image"] if axis == "image" else spelling(target["axes"].get(axis))) in words
            for axis, words in asked.items()
        )
    ]


def only(**filters: str) -> dict[str, str]:
    """Return filters as environment variables."""
    return {f"ONLY_{name.upper()}": text for name, text in filters.items()}


@pytest.mark.parametrize("filters", FILTERS[::3], ids=str)
def test_filters_narrow_everything(
    project: Path, either: list[str], filters: dict[str, str]
) -> None:
    """Filters select their intersection; null selects images that lack the axis."""
    assert members(either, project, **only(**filters)) == sorted(kept(project, **filters))


@pytest.mark.parametrize("filters", FILTERS[::3], ids=str)
def test_filters_narrow_every_group(project: Path, new: list[str], filters: dict[str, str]) -> None:
    """Filters apply to every group; a group without a selected target fails.

    It contains only a target that does not exist. With such a target, bake prints all groups;
    it prints under `default` what is asked for.
    """
    plan = plan_json(project)
    names = {target["target"] for target in plan["targets"]}
    expected = {group: sorted(kept(project, group, **filters)) for group in plan["groups"]}
    del expected["default"]  # as in the test before
    empty = [group for group, targets in expected.items() if not targets and group not in names]
    groups = [group for group, targets in expected.items() if targets or group in empty]
    existing = 'target "no-variant-matches" {}\n'
    found = bake(new, project, *groups, more=existing, **only(**filters)).groups
    for group in groups:
        assert sorted(found.get(group, [group])) == (expected[group] or ["no-variant-matches"])
    for group in empty[:1]:
        assert "no-variant-matches" in refusal(new, project, group, **only(**filters)), group


def test_several_groups_at_once(project: Path, new: list[str]) -> None:
    """Several groups on the command line are filtered separately and united."""
    read = bake(new, project, "py-3_10", "tool", ONLY_PY="3.10,3.11", ONLY_GPU="true,null")
    assert sorted(read.targets) == [*("server-3_10-gpu", "tool-3_10", "tool-3_11")]


@pytest.mark.parametrize(
    ("filters", "name"),
    [
        ({"py": "3.99"}, "no-such-py-3_99"),
        ({"py": "3.1"}, "no-such-py-3_1"),
        ({"py": "3.10,3.99"}, "no-such-py-3_99"),
        ({"gpu": "True"}, "no-such-gpu-True"),
        ({"gpu": "gpu"}, "no-such-gpu-gpu"),
        ({"image": "srever"}, "no-such-image-srever"),
        ({"image": "null"}, "no-such-image-null"),
        ({"platform": "linux/riscv64"}, "no-such-platform-linux_riscv64"),
        ({"platform": "linux/amd64,amd64"}, "no-such-platform-amd64"),
        ({"py": "3.10 3.11"}, "no-such-py-3_10_3_11"),
        ({"py": '${x} "%{y}'}, "no-such-py-__x_____y_"),
        ({"image": "tool", "gpu": "true"}, "no-variant-matches"),
        ({"image": "plain", "py": "3.10"}, "no-variant-matches"),
        ({"os": "deb", "gpu": "true"}, "no-variant-matches"),
        ({"image": "tool", "platform": "linux/amd64"}, "no-variant-matches"),
        ({"gpu": "true", "platform": "linux/arm64"}, "no-variant-matches"),
    ],
    ids=str,
)
def test_what_is_not_there_fails(
    project: Path, either: list[str], filters: dict[str, str], name: str
) -> None:
    """A filter with an unknown value or without a match fails with a target name that says so."""
    assert name in refusal(either, project, **only(**filters))


def test_an_unknown_value_fails_every_group(project: Path, new: list[str]) -> None:
    """An invalid filter fails for every group, also one of another image."""
    for group in ("default", "tool", "py-3_11", "gpu-true"):
        assert "no-such-py-3_9" in refusal(new, project, group, ONLY_PY="3.9")


@pytest.mark.parametrize("platform_", ["", "linux/amd64"])
def test_named_targets_are_not_filtered(project: Path, either: list[str], platform_: str) -> None:
    """A target that is named on the command line is built, whatever the filters are."""
    read = bake(either, project, "tool-3_10", **only(image="server", py="3.11", platform=platform_))
    assert list(read.targets) == ["tool-3_10"]
    assert read.targets["tool-3_10"]["platforms"] == ["linux/arm64"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("linux/amd64", {"server": ["linux/amd64"], "gpu": ["linux/amd64"]}),
        ("linux/arm64", {"server": ["linux/arm64"], "tool": ["linux/arm64"]}),
        ("linux/arm64/v8", {"server": ["linux/arm64"], "tool": ["linux/arm64"]}),
        ("linux/arm/v7", {"old": ["linux/arm"]}),
        (
            " linux/arm64 , linux/amd64",
            {
                "server": ["linux/amd64", "linux/arm64"],
                "gpu": ["linux/amd64"],
                "tool": ["linux/arm64"],
            },
        ),
    ],
)
def test_platforms_are_narrowed(
    project: Path, either: list[str], asked: str, expected: dict[str, list[str]]
) -> None:
    """Targets keep the selected platforms; targets without one are not built."""
    found = bake(either, project, ONLY_PLATFORM=asked).targets
    names = {
        target["target"]: "gpu" if target["axes"].get("gpu") is True else target["image"]
        for target in plan_json(project)["targets"]
    }
    wanted = {name: expected[kind] for name, kind in names.items() if kind in expected}
    if LOCAL in [word.strip().removesuffix("/v8") for word in asked.split(",")]:
        wanted["plain"] = []  # the builder's own platform, whatever that is
    assert {name: target.get("platforms", []) for name, target in found.items()} == wanted


def check_local(buildx: list[str], native: list[str], project: Path, local: str) -> None:
    """Check that `local` is the expected platform, alone and in a list.

    Args:
        buildx: the program to check.
        native: the same program for this machine, which needs no emulation.
        project: the folder of the project.
        local: the expected platform.
    """
    found = bake(buildx, project, ONLY_PLATFORM="local").targets
    assert found.pop("plain").get("platforms") is None
    expected = bake(native, project, ONLY_PLATFORM=local).targets
    assert found == {name: one for name, one in expected.items() if name != "plain"}
    platforms = [target["platforms"] for target in found.values()]
    assert platforms
    assert all(listed == [local] for listed in platforms)
    both = bake(buildx, project, ONLY_PLATFORM="linux/arm64, local,linux/amd64").targets
    assert both["server-3_10"]["platforms"] == ["linux/amd64", "linux/arm64"]


@pytest.mark.skipif(not LOCAL, reason="a machine of another architecture")
def test_local_is_this_machine(project: Path, either: list[str]) -> None:
    """`ONLY_PLATFORM=local` is this machine's architecture, under linux."""
    check_local(either, either, project, LOCAL)


def test_local_is_arm64_on_arm64(project: Path, arm64_buildx: list[str], new: list[str]) -> None:
    """On ARM, where bake's own platform is linux/arm64/v8, `local` is linux/arm64."""
    check_local(arm64_buildx, new, project, "linux/arm64")


@pytest.mark.parametrize(
    ("machine", "local"),
    [
        ("darwin/arm64/v8", "linux/arm64"),
        ("darwin/amd64", "linux/amd64"),
        ("windows/amd64", "linux/amd64"),
        ("linux/amd64/v3", "linux/amd64"),
        ("linux/arm/v7", "linux/arm"),
        ("linux/arm/v6", ""),
    ],
)
def test_local_on_other_systems(
    project: Path, tmp_path: Path, new: list[str], machine: str, local: str
) -> None:
    """A Mac or Windows builds for linux; only 32-bit ARM keeps its variant."""
    text = (project / "docker-bake.hcl").read_text()
    assert "BAKE_LOCAL_PLATFORM" in text
    (tmp_path / "docker-bake.hcl").write_text(text.replace("BAKE_LOCAL_PLATFORM", f'"{machine}"'))

    found = bake(new, tmp_path, ONLY_PLATFORM="local").targets

    listed = [target["platforms"] for name, target in found.items() if name != "plain"]
    assert listed == [[local]] * len(listed)
    assert bool(listed) == bool(local)
    assert "plain" in found


def check_shards(old: list[str], project: Path, of: int, group: str, **filters: str) -> None:
    """Check that shards are even and disjoint, and contain everything in order."""
    env = only(**filters)
    expected = kept(project, **filters)
    left = [
        bake(old, project, ONLY_SHARD=f"{n}/{of}", **env).groups["default"]
        for n in range(1, of + 1)
    ]
    assert list(chain(*left)) == expected
    sizes = {len(part) for part in left}
    assert max(sizes) - min(sizes) <= 1
    if group != "default":
        wanted = set(kept(project, group, **filters))
        for n, part in enumerate(left, 1):
            found = bake(old, project, group, ONLY_SHARD=f"{n}/{of}", **env).groups[group]
            assert found == [name for name in part if name in wanted]


@pytest.mark.parametrize("of", [1, 2, 3, 5, 14])
def test_shards_make_up_everything(project: Path, old: list[str], of: int) -> None:
    """The shards are even, disjoint and contiguous, in the author's order."""
    check_shards(old, project, of, "default")


@pytest.mark.parametrize(
    ("group", "filters"),
    [
        ("server", {}),
        ("py-3_11", {}),
        ("default", {"py": "3.10,3.11"}),
        ("gpu-false", {"py": "3.10,3.11"}),
        ("tool", {"image": "tool,old"}),
    ],
    ids=str,
)
def test_shards_of_what_filters_leave(
    project: Path, old: list[str], group: str, filters: dict[str, str]
) -> None:
    """Shards divide what the other filters select, and are numbered once for all groups."""
    check_shards(old, project, 5, group, **filters)


def test_shards_on_a_present_buildx(project: Path, new: list[str]) -> None:
    """A current bake computes the same shards as an old one."""
    parts = [members(new, project, ONLY_SHARD=f" {n}/5 ") for n in range(1, 6)]
    assert sorted(chain(*parts)) == sorted(kept(project))


@pytest.mark.parametrize("group", ["default", "server", "py-3_10"])
def test_an_empty_shard_builds_nothing(project: Path, either: list[str], group: str) -> None:
    """A shard without targets succeeds and builds nothing."""
    filters = {"image": "server", "os": "deb"}
    parts = [
        members(either, project, group, ONLY_SHARD=f"{n}/5", **only(**filters)) for n in range(1, 6)
    ]
    assert [] in parts
    assert sorted(chain(*parts)) == sorted(kept(project, group, **filters))


def test_shards_do_not_hide_that_nothing_is_left(project: Path, either: list[str]) -> None:
    """If the other filters select nothing, each shard fails."""
    said = refusal(either, project, ONLY_SHARD="2/5", ONLY_IMAGE="tool", ONLY_GPU="true")
    assert "no-variant-matches" in said


@pytest.mark.parametrize(
    "shard",
    ["0/5", "6/5", "2", "2/", "/5", "a/b", "1/0", "-1/5", "1/5/2", "1.5/2", "2/5x", "2\n/5", "2 5"],
)
def test_malformed_shards_fail(project: Path, either: list[str], shard: str) -> None:
    """A malformed shard fails with a target name that says so."""
    assert "malformed-shard-" in refusal(either, project, ONLY_SHARD=shard)


def test_odd_values_are_filtered(odd: Path, either: list[str]) -> None:
    """Values with unusual characters can be selected."""
    for n, value in enumerate(ODD):
        assert members(either, odd, ONLY_ODD=value) == [f"one-v{n}"]
    some = f" {ODD[4]},{ODD[0]} "
    assert members(either, odd, ONLY_ODD=some) == sorted(["one-v0", "one-v4"])


@pytest.mark.parametrize("value", ["${Z}", "$${X}", "a'b", 'A"B', "\\", "null2", "{{ z }}"])
def test_odd_values_that_are_not_there(odd: Path, either: list[str], value: str) -> None:
    """An unknown value with unusual characters fails like any other."""
    assert "no-such-odd-" in refusal(either, odd, ONLY_ODD=value)


def test_null_is_always_allowed(odd: Path, either: list[str]) -> None:
    """`null` is a known value, even if every image has the axis."""
    assert "no-variant-matches" in refusal(either, odd, ONLY_ODD="null")


def test_platforms_of_variables_are_filtered(tmp_path: Path, either: list[str]) -> None:
    """A platform from a variable is filtered by its value in the environment."""
    image = {"template": "Dockerfile.j2", "platforms": ["${P}", "linux/arm/v7"]}
    lay(tmp_path, {"variables": {"P": "linux/amd64"}, "images": {"one": image}})
    for given in ("linux/amd64", "linux/s390x"):
        found = bake(either, tmp_path, P=given, ONLY_PLATFORM=given).targets
        assert found["one"]["platforms"] == [given]
    assert "no-such-platform-linux_amd64" in refusal(
        either, tmp_path, P="linux/s390x", ONLY_PLATFORM="linux/amd64"
    )
