"""Tables and grids of targets."""

import json
from pathlib import Path

import pytest
from support.command import call, run

from compiler.pipeline import plan_matrix
from compiler.reports.grid import draw, grid_of
from compiler.reports.list_columns import default_columns, known_columns
from compiler.source.project_files import Files


MATRIX = """
variables: {R: r.example, V: "1"}
axes: {os: {a: {platforms: [linux/amd64]}, b: {platforms: [linux/arm64]}}}
images:
  x:
    template: Dockerfile.j2
    repositories: ["${R}/x", s.example/x]
    tags: ["${V}-{{ os }}"]
    shared: {tags: ["${V}"], moving: [latest]}
    platform-tags: ["${V}-{{ os }}-{{ platform.arch }}"]
"""


def test_tags_that_publish_creates(tmp_path: Path) -> None:
    """Shared tags and platform tags have columns, and `--resolved` replaces their variables."""
    (tmp_path / "matrix.yaml").write_text(MATRIX)
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/Dockerfile.j2").write_text("FROM scratch\n")

    plain = run(tmp_path, "list", "os=b").stdout.splitlines()
    resolved = run(tmp_path, "list", "os=b", "--resolved", env={"V": "2"}).stdout.splitlines()

    assert plain[0].split("  ")[-1].strip() == "PLATFORM TAGS"
    assert "  SHARED TAGS  " in plain[0]
    assert " ${R}/x:${V} s.example/x:${V} ${R}/x:latest s.example/x:latest " in plain[1]
    assert plain[1].endswith(" ${R}/x:${V}-b-arm64 s.example/x:${V}-b-arm64")
    assert " r.example/x:2 s.example/x:2 r.example/x:latest s.example/x:latest " in resolved[1]
    assert resolved[1].endswith(" r.example/x:2-b-arm64 s.example/x:2-b-arm64")


RESOLVED = r"""
variables: {REGISTRY: "", V: latest, MINOR: {from: V, match: '^(\d+)\.'}, SUFFIX: ""}
axes: {os: [a, b]}
images:
  x: {template: Dockerfile.j2, tags: ["${REGISTRY}/x:${V}-{{ os }}${SUFFIX}"]}
  y: {template: Dockerfile.j2, axes: [], tags: ["acme/y:one"], moving: ["acme/y:${MINOR}"]}
"""


@pytest.mark.parametrize(
    ("environment", "arguments", "expected"),
    [
        ({"REGISTRY": "r.example", "V": "1.2"}, [], []),
        ({"REGISTRY": "r.example"}, ["image=x"], []),
        ({"REGISTRY": "r.example"}, [], [("no-value", "set MINOR in the environment")]),
        ({}, [], [("no-value", "set MINOR in"), ("illegal-tag", "make it '/x:latest-a'")]),
        ({"V": "1.2"}, [], [("illegal-tag", "`; REGISTRY is empty: set it in the")]),
        ({"REGISTRY": "r.example", "V": "1. 2"}, [], [("illegal-tag", "'r.example/x:1. 2-a'")]),
        ({"REGISTRY": "acme", "V": "1.", "SUFFIX": "!"}, [], [("illegal-tag", "'acme/x:1.-a!'")]),
    ],
)
def test_values_of_the_environment_are_checked(
    tmp_path: Path,
    environment: dict[str, str],
    arguments: list[str],
    expected: list[tuple[str, str]],
) -> None:
    """`--resolved` warns of tags that the environment makes invalid, and of missing values."""
    (tmp_path / "matrix.yaml").write_text(RESOLVED)
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/Dockerfile.j2").write_text("FROM scratch\n")
    command = ["list", *arguments, "--resolved", "--format", "json"]

    done = run(tmp_path, *command, env=environment)

    warnings = json.loads(done.stderr)["diagnostics"] if done.stderr else []
    assert done.returncode == 0
    assert [(warning["severity"], warning["code"]) for warning in warnings] == [
        ("warning", code) for code, _ in expected
    ]
    assert all(part in one["help"] for one, (_, part) in zip(warnings, expected, strict=True))


AXES = """
variables: {R: r.example}
axes:
  python: [3.10, 3.9, 3.11]
  gpu: {false: {}, true: {platforms: [linux/amd64], only: {python: "!3.9"}}}
  os: [null, deb]
defaults:
  template: Dockerfile.j2
  platforms: [linux/amd64, linux/arm64, "windows(10.0.1)/amd64"]
  tags: ["${R}/{{ target }}"]
images:
  base: {axes: [python]}
  server: {axes: [python, gpu], from: base, moving: ["${R}/{{ image }}:{{ variant }}"]}
  tool: {axes: [os], platforms: null}
groups: {smoke: {gpu: true}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return the folder of a project with several images and axes."""
    (tmp_path / "matrix.yaml").write_text(AXES)
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/Dockerfile.j2").write_text("FROM scratch\n")
    return tmp_path


def table(folder: Path, *words: str) -> list[list[str]]:
    """Return the cells of the table that `list` prints; two spaces separate them."""
    lines = call(folder, "list", *words).stdout.splitlines()
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines]


def test_chosen_columns(project: Path) -> None:
    """Any columns in any order, also those that the default table lacks."""
    words = ("server", "gpu=true", "--columns", "target, gpu,parent,groups,target,dockerfile")

    assert table(project, *words) == [
        ["TARGET", "GPU", "PARENT", "GROUPS", "DOCKERFILE"],
        *(
            [
                f"server-{name}-gpu",
                "true",
                f"base-{name}",
                f"default server smoke python-{name} gpu-true os-null",
                f"dockerfiles/server-{name}-gpu.Dockerfile",
            ]
            for name in ("3_10", "3_11")
        ),
    ]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("python", ["3_10", "3_9", "3_11"]),  # the order of the axis
        ("-python", ["3_11", "3_9", "3_10"]),
        ("target", ["3_9", "3_10", "3_11"]),  # numbers by value
        ("image,-target", ["3_11", "3_10", "3_9"]),
    ],
)
def test_sorting(project: Path, sort: str, expected: list[str]) -> None:
    """Each format is sorted; equal targets stay in the order of the matrix."""
    for form in ("names", "json", "table"):
        found = call(project, "list", "image=base", "--sort", sort, "--format", form).stdout
        order = sorted(expected, key=lambda name: found.index(f"base-{name}"))

        assert order == expected


def test_every_column_has_cells(project: Path) -> None:
    """Each known column can be shown and sorted by; the default ones are among them."""
    plan = plan_matrix(Files(project), "matrix.yaml")
    known = known_columns(plan)
    for column in known.values():
        assert all(isinstance(column.cell(target), str) for target in plan.targets)
        sorted(plan.targets, key=column.key)

    assert {*default_columns(plan, plan.targets)} <= {*known}


def test_default_columns(project: Path) -> None:
    """Axes and kinds of tags that no listed target has are left out."""
    assert table(project, "image=tool")[0] == ["TARGET", "IMAGE", "OS", "PLATFORMS", "TAGS"]
    assert table(project, "server")[0] == [
        *("TARGET", "IMAGE", "PYTHON", "GPU", "PLATFORMS", "TAGS", "FLOATING TAGS"),
    ]


def test_columns_are_those_of_a_table(project: Path) -> None:
    """Another format has no columns: a usage error."""
    done = call(project, "list", "--columns", "target", "--format", "json", code=2)

    assert "--columns cannot be combined with --format json" in done.stderr


def test_a_grid(project: Path) -> None:
    """Values are in the order of the matrix; a combination without a target is a dash."""
    assert call(project, "list", "server", "--format", "grid").stdout == (
        "PYTHON  gpu=false                          gpu=true\n"
        "3.10    amd64,arm64,windows(10.0.1)/amd64  amd64\n"
        "3.9     amd64,arm64,windows(10.0.1)/amd64  -\n"
        "3.11    amd64,arm64,windows(10.0.1)/amd64  amd64\n"
        "\n"
        "5 targets, all with image=server\n"
    )


@pytest.mark.parametrize(
    ("words", "first"),
    [
        (["image=server", "gpu=true"], "TARGET"),  # one axis
        ([], "TARGET"),  # images, python, gpu and os
        (["image=base,server", "gpu=null,false"], "IMAGE"),  # one lacks gpu
        (["image=base,tool"], "TARGET"),  # images, python and os
        (["image=base,tool", "os=null"], "IMAGE"),
        (["image=tool"], "TARGET"),
    ],
)
def test_two_axes_are_a_grid(project: Path, words: list[str], first: str) -> None:
    """Targets that differ in more or fewer axes are a table."""
    assert call(project, "list", *words, "--format", "grid").stdout.startswith(first)


def test_a_grid_that_fits(project: Path) -> None:
    """A grid is turned if only that fits; one that does not fit is none."""
    plan = plan_matrix(Files(project), "matrix.yaml")
    servers = [target for target in plan.targets if target.image == "server"]
    grid = grid_of(plan, [*servers, *servers[:0]])
    assert grid is not None
    wide, narrow = draw(grid, None), draw(grid, 20)

    assert wide is not None
    assert wide.startswith("PYTHON  gpu=false")
    assert narrow is None
