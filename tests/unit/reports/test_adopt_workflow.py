"""Workflows and folders of Dockerfiles: what is known before a build becomes a matrix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support import command

from compiler.reports.adopt.workflow_matrix import axis_keys, combinations


WORKFLOW = """\
on: {push: {branches: [main]}}
env:
  REGISTRY: ghcr.io/acme
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - run: docker build -t test .
  app:
    runs-on: ubuntu-latest
    strategy:
      matrix:
        python: ["3.11", 3.10]
        flavor: [slim, gpu]
        tool: [{name: uv, version: "1"}]
        exclude: [{python: "3.11", flavor: gpu}]
        include:
          - {flavor: gpu, base: cuda, platforms: linux/amd64}
          - {flavor: slim, base: debian, platforms: "linux/amd64,linux/arm64"}
          - {python: 3.14-rc, base: debian, extra: true}
    steps:
      - uses: actions/checkout@v4
      - uses: docker/build-push-action@v6
        with:
          context: .
          file: docker/${{ matrix.base }}.Dockerfile
          push: true
          platforms: ${{ matrix.platforms }}
          build-args: |
            PYTHON=${{ matrix.python }}
            TOOL=${{ matrix.tool.name }}-${{ matrix.tool.version }}
            RUN=${{ steps.meta.outputs.id }}
            OR=${{ matrix.tool.name || 'none' }}
            FROM_ENVIRONMENT
          secrets: TOKEN=${{ secrets.TOKEN }}
          cache-from: type=gha
          tags: |
            ${{ env.REGISTRY }}/app:${{ matrix.python }}-${{ matrix.flavor }}
            ${{ env.REGISTRY }}/app:${{ matrix.python }}-${{ matrix.flavor }}-${{ github.sha }}
  two:
    runs-on: ubuntu-latest
    steps:
      - uses: docker/build-push-action@v6
        with: {context: two, tags: acme/two:1}
      - uses: docker/build-push-action@v6
        with: {tags: "acme/three:1"}
      - uses: docker/build-push-action@v6
        with: {context: "${{ github.workspace }}", tags: "acme/four:1"}
      - uses: docker/bake-action@v6
  computed:
    strategy: {matrix: "${{ fromJson(needs.plan.outputs.matrix) }}"}
    steps: [{uses: docker/build-push-action@v6}]
"""


def adopted(folder: Path, origin: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Run `init --from`, and return the targets of the matrix and the parts that are left out."""
    told = command.call(folder, "init", "--from", origin, "--format", "json").stdout
    left = {one["what"]: f"{one['line']}: {one['why']}" for one in json.loads(told)["left_out"]}
    command.call(folder, "compile")
    listed = json.loads(command.call(folder, "list", "--format", "json").stdout)
    return {target["target"]: target for target in listed}, left


def test_a_workflow_with_everything(tmp_path: Path) -> None:
    """Combinations, arguments and tags are those that GitHub would use."""
    for path in ("docker/cuda.Dockerfile", "docker/debian.Dockerfile", "two/Dockerfile"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("FROM scratch\nARG PYTHON TOOL\nENV X=${PYTHON}${TOOL}\n")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "images.yml").write_text(WORKFLOW)

    targets, left = adopted(tmp_path, "images.yml")

    apps = {tuple(t["axes"].values()): t for t in targets.values() if t["image"] == "app"}
    assert list(apps) == [
        ("3.11", "slim", "uv"),
        ("3.1", "slim", "uv"),
        ("3.1", "gpu", "uv"),
        ("3.14-rc", None, None),
    ]
    gpu = apps["3.1", "gpu", "uv"]
    assert gpu["dockerfile"] == "docker/cuda.Dockerfile"
    assert gpu["args"] == {"PYTHON": "3.1", "TOOL": "uv-1"}
    assert gpu["platforms"] == ["linux/amd64"]
    assert gpu["tags"] == ["${REGISTRY}/app:3.1-gpu", "${REGISTRY}/app:3.1-gpu-${GITHUB_SHA}"]
    rc = apps["3.14-rc", None, None]
    assert rc["args"] == {"PYTHON": "3.14-rc", "TOOL": "-"}
    assert rc["platforms"] == []
    assert targets["two-1"]["context"] == "two"
    assert targets["two-2"]["tags"] == ["acme/three:1"]
    assert set(targets) == {t["target"] for t in apps.values()} | {"two-1", "two-2"}
    assert left == {
        "default of the variable 'GITHUB_SHA'": "0: GitHub sets it; elsewhere it is 'local'",
        "step 1 of job 'test'": "8: it builds with shell commands",
        "value 3.10": "13: GitHub reads 3.1; write it in quotes there",
        "input 'push'": "27: pass `--push` to bake, or use `publish`",
        "input 'build-args'": "29: only known at run time: steps.meta.outputs.id, "
        "matrix.tool.name || 'none'; without a value: FROM_ENVIRONMENT",
        "input 'secrets'": "35: only known at run time: secrets.TOKEN",
        "input 'context' of job 'two'": "45: without it, the action builds from Git; the matrix "
        "builds from the folder",
        "build step of job 'two'": "47: only known at run time: github.workspace",
        "step 4 of job 'two'": "49: it runs bake: take over its bake file instead",
        "matrix of job 'computed'": "51: it is computed when the workflow runs",
    }


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        # The example of GitHub's documentation.
        (
            {
                "fruit": ["apple", "pear"],
                "animal": ["cat", "dog"],
                "include": [
                    {"color": "green"},
                    {"color": "pink", "animal": "cat"},
                    {"fruit": "apple", "shape": "circle"},
                    {"fruit": "banana"},
                    {"fruit": "banana", "animal": "cat"},
                ],
            },
            [
                {"fruit": "apple", "animal": "cat", "color": "pink", "shape": "circle"},
                {"fruit": "apple", "animal": "dog", "color": "green", "shape": "circle"},
                {"fruit": "pear", "animal": "cat", "color": "pink"},
                {"fruit": "pear", "animal": "dog", "color": "green"},
                {"fruit": "banana"},
                {"fruit": "banana", "animal": "cat"},
            ],
        ),
        ({"include": [{"a": "1"}, {"b": "2"}]}, [{"a": "1"}, {"b": "2"}]),
        (
            {"a": ["1", "2"], "b": ["x", "y"], "exclude": [{"a": "1"}, {"b": "y", "a": "2"}]},
            [{"a": "2", "b": "x"}],
        ),
        ({"a": ["1"], "exclude": [{"c": "1"}]}, [{"a": "1"}]),
        ({"a": [str(n) for n in range(257)]}, None),
        ({key: [str(n) for n in range(100)] for key in "abcdefgh"}, None),
    ],
)
def test_combinations(matrix: dict[str, Any], expected: list[dict[str, str]] | None) -> None:
    """They are those of GitHub's documentation."""
    assert combinations(matrix) == expected


def test_as_few_axes_as_distinguish_the_combinations() -> None:
    """A key with the same value everywhere does not become an axis."""
    rows = [{"name": "a", "file": "x", "py": "3"}, {"name": "b", "file": "y", "py": "3"}]

    assert axis_keys(rows, []) == ["name"]
    assert axis_keys(rows, ["py"]) == ["py", "name"]


BUILD = "jobs: {{a: {{{more}, steps: [{{uses: docker/build-push-action@v6, with: {given}}}]}}}}\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("jobs: {}\n", "not-adopted"),
        ("jobs:\n  a: {steps: [{run: make}]}\n", "not-adopted"),
        ("jobs: []\n", "not-adopted"),
        ("jobs: x\n", "not-adopted"),
        (BUILD.format(more="strategy: [a]", given="{tags: a}"), "not-adopted"),
        (BUILD.format(more='strategy: "${{{{ fromJSON(x) }}}}"', given="{tags: a}"), "not-adopted"),
        (BUILD.format(more="name: x", given="[1]"), "not-adopted"),
        (BUILD.format(more="strategy: {matrix: null}", given="[1]"), "not-adopted"),
        ("jobs: [\n", "yaml-syntax"),
        ("jobs:\n  a: &a {b: *a}\n", "recursive-anchor"),
        ("jobs: " + "[" * 500 + "]" * 500 + "\n", "too-deep"),
        ("jobs:\n  a: {steps: [{uses: docker/build-push-action@v6}]}\n", "not-adopted"),
    ],
)
def test_an_invalid_workflow_is_refused(text: str, code: str, tmp_path: Path) -> None:
    """The error has a location, and nothing is written."""
    (tmp_path / "images.yml").write_text(text)

    told = command.call(tmp_path, "init", "--from", "images.yml", code=1).stderr

    assert f"error[{code}]" in told
    assert "nothing is written" in told
    assert [path.name for path in tmp_path.iterdir()] == ["images.yml"]


def test_a_folder_of_dockerfiles(tmp_path: Path) -> None:
    """Each Dockerfile is an image; its context is the folder that contains what it copies."""
    files = {
        "Dockerfile": "FROM scratch\n",
        "python/Dockerfile": "FROM scratch\nCOPY app.py /\n",
        "python/app.py": "",
        "python/Dockerfile.gpu": "FROM scratch\nCOPY python/app.py /\n",
        "tools/lint.Dockerfile": "FROM scratch\nCOPY absent /\n",
        "tools/lint/Dockerfile": "FROM scratch\n",
        "tools/Dockerfile.dockerignore": "x\n",
        ".hidden/Dockerfile": "FROM scratch\n",
        "red\x1b[31m/Dockerfile": "FROM scratch\n",
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "link").symlink_to("python")

    told = command.call(tmp_path, "init", "--from", ".").stdout
    command.call(tmp_path, "compile")
    listed = json.loads(command.call(tmp_path, "list", "--format", "json").stdout)

    contexts = {target["dockerfile"]: target["context"] for target in listed}
    assert contexts == {
        "Dockerfile": ".",
        "python/Dockerfile": "python",
        "python/Dockerfile.gpu": ".",
        "tools/lint.Dockerfile": "tools",
    }
    assert "\x1b" not in told
    assert "context of 'tools-lint': no folder contains all files that it copies" in told
    assert "tools/lint/Dockerfile: Dockerfile: its image would be named 'tools-lint'" in told
    assert ".: tags: Dockerfiles do not contain them" in told


def test_a_folder_of_odd_names(tmp_path: Path) -> None:
    """Only invalid Dockerfiles are left out; others get a valid name, and each loss is listed."""
    files = {
        "3.1/Dockerfile": "FROM scratch\n",
        "a b/Dockerfile.é": "FROM scratch\n",
        "${X}/{{ y }}.Dockerfile": "FROM scratch\n",
        "pod/Containerfile": "FROM scratch\n",
        "low/dockerfile": "FROM scratch\n",
        "low/Dockerfile": "FROM scratch\n",
        "low/Containerfile": "FROM scratch\n",
        "bad/Dockerfile": "not a Dockerfile\n",
        "empty/Dockerfile": "",
        "é/Dockerfile": "FROM scratch\n",
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    told = command.call(tmp_path, "init", "--from", ".").stdout
    command.call(tmp_path, "compile")
    listed = json.loads(command.call(tmp_path, "list", "--format", "json").stdout)

    assert {target["image"]: target["dockerfile"] for target in listed} == {
        "3.1": "3.1/Dockerfile",
        "a-b": "a b/Dockerfile.é",
        "X-y": "${X}/{{ y }}.Dockerfile",
        "pod": "pod/Containerfile",
        "low": "low/Containerfile",
        tmp_path.name: "é/Dockerfile",
    }
    for line in (
        "low/Dockerfile: Dockerfile: its image would be named 'low', as another one",
        "low/dockerfile: Dockerfile: its image would be named 'low', as another one",
        "target 'bad': invalid Dockerfile: unknown instruction: not",
        "target 'empty': the Dockerfile has no FROM",
    ):
        assert line in told


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    """There is nothing to take over."""
    (tmp_path / "empty").mkdir()

    told = command.call(tmp_path, "init", "--from", "empty", code=1).stderr

    assert "empty: error[not-adopted]: the folder contains no Dockerfile" in told
