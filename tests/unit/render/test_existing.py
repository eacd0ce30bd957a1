"""Existing Dockerfiles: used unchanged, and checked like generated ones."""

from pathlib import Path
from typing import Any

import pytest
from bake.oracle import lay, plan_json

from compiler.cli.main import run
from compiler.errors import CompileError
from compiler.pipeline import compile_matrix


MATRIX = """
axes: {py: [3.10, 3.11]}
defaults: {template: Dockerfile.j2, tags: ["r/{{ target }}"]}
images:
  a:
    dockerfile: "docker/{{ image }}.Dockerfile"
    args: {PY: "{{ py }}"}
    tests: ["true"]
    overrides: [{when: {py: 3.10}, template: Dockerfile.j2}]
  b: {axes: [], dockerfile: ./Dockerfile-b}
"""
A = "ARG PY\nFROM python:${PY} AS build\nFROM build\nRUN docker inspect -f '{{.Id}}' {{ x }}\n"
B = "\n\nFROM python:3.11"


def built(folder: Path, matrix: str = MATRIX, a: str = A, b: str = B) -> dict[str, dict[str, Any]]:
    """Return the targets of a project with two existing Dockerfiles."""
    (folder / "docker").mkdir(exist_ok=True)
    lay(folder, matrix, {"docker/a.Dockerfile": a, "Dockerfile-b": b})
    return {one["target"]: one for one in plan_json(folder)["targets"]}


def test_it_is_used_unchanged(tmp_path: Path) -> None:
    """Nothing is generated for it but its tests; Jinja in it is literal."""
    found = built(tmp_path)
    bake = (tmp_path / "docker-bake.hcl").read_text()

    assert [(one["dockerfile"], one.get("generated")) for one in found.values()] == [
        ("dockerfiles/a-3_10.Dockerfile", None),
        ("docker/a.Dockerfile", False),
        ("Dockerfile-b", False),
    ]
    assert 'dockerfile = "cwd://docker/a.Dockerfile"' in bake
    assert 'dockerfile = "cwd://dockerfiles/a-3_11-test.Dockerfile"' in bake
    assert sorted(path.name for path in (tmp_path / "dockerfiles").iterdir()) == [
        *("a-3_10-test.Dockerfile", "a-3_10.Dockerfile", "a-3_11-test.Dockerfile", "matrix.json"),
    ]
    assert (tmp_path / "Dockerfile-b").read_text() == B


@pytest.mark.parametrize(
    ("a", "code", "line"),
    [
        ("FROM a\nCOPI x y\n", "dockerfile-syntax", 2),
        ("FROM ${A}\nARG A=b\n", "late-arg", 1),
        ("FROM a AS one\nCOPY --from=7 / /\n", "unknown-stage", 2),
    ],
)
def test_errors_are_located_in_it(a: str, code: str, line: int, tmp_path: Path) -> None:
    """The checks are those of generated Dockerfiles."""
    with pytest.raises(CompileError) as caught:
        built(tmp_path, a=a)

    found = {
        (one.code, one.location.path, one.location.line)  # type: ignore[union-attr]
        for one in caught.value.diagnostics
    }
    assert found == {(code, "docker/a.Dockerfile", line)}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("../Dockerfile", "outside-project"),
        ("/Dockerfile", "outside-project"),
        (".git/Dockerfile", "git-folder"),
        ("Dockerfile", "missing-file"),
        ("docker", "not-a-file"),
        ("dockerfiles/a-3_10.Dockerfile", "not-a-file"),
    ],
)
def test_a_file_that_cannot_be_used(name: str, code: str, tmp_path: Path) -> None:
    """It must be a file of the project that compiling does not write."""
    with pytest.raises(CompileError) as caught:
        built(tmp_path, MATRIX.replace("./Dockerfile-b", name))

    (error,) = caught.value.diagnostics
    assert (error.code, error.location.line) == (code, 10)  # type: ignore[union-attr]


def test_its_file_decides_the_fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of the file is a change of the image, and of the up-to-date state."""
    built(tmp_path)
    monkeypatch.chdir(tmp_path)
    before = compile_matrix(tmp_path / "matrix.yaml")
    assert before.dockerfiles["b"] == B
    assert run([]) == 0
    (tmp_path / "Dockerfile-b").write_text("FROM python:3.12\n")

    assert compile_matrix(tmp_path / "matrix.yaml").dockerfiles["b"] == "FROM python:3.12\n"
    assert run(["--check"]) == 0


@pytest.mark.slow
def test_a_removed_image_leaves_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that matrix.json lists without having generated it is never removed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dockerfiles").mkdir()
    own = tmp_path / "dockerfiles/old.Dockerfile"
    own.write_text(B)
    matrix = MATRIX + "  old: {axes: [], dockerfile: dockerfiles/../dockerfiles/old.Dockerfile}\n"
    with pytest.raises(CompileError):  # compiling would write it for a template
        built(tmp_path, matrix)
    own.rename(tmp_path / "docker.old.Dockerfile")
    matrix = matrix.replace("dockerfiles/../dockerfiles/old", "docker/../docker.old")
    built(tmp_path, matrix)
    assert run([]) == 0
    (tmp_path / "matrix.yaml").write_text(MATRIX)

    assert run([]) == 0
    assert (tmp_path / "docker.old.Dockerfile").read_text() == B


def test_a_level_sets_one_of_both(tmp_path: Path) -> None:
    """`template` and `dockerfile` in one level are an error; without either, there is none."""
    with pytest.raises(CompileError) as caught:
        built(tmp_path, MATRIX.replace("axes: [], ", "axes: [], template: Dockerfile.j2, "))

    assert [one.code for one in caught.value.diagnostics] == ["two-sources"]


LOCK = f"""
version: 1
bases:
  python:3.11: {{digest: "sha256:{"a" * 64}", platforms: [linux/amd64]}}
  docker/dockerfile:1: {{digest: "sha256:{"b" * 64}", platforms: [linux/amd64]}}
"""


@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_its_images_are_pinned_by_named_contexts(start: str, tmp_path: Path) -> None:
    """The text keeps its tags; a `# syntax=` cannot be pinned, which is a warning."""
    (tmp_path / "matrix.lock").write_text(LOCK)
    found = built(tmp_path, a=f"{start}# syntax=docker/dockerfile:1\n{A}")
    warnings = compile_matrix(tmp_path / "matrix.yaml").plan.warnings

    names = ("docker.io/library/python:3.11", "python:3.11")
    pinned = dict.fromkeys(names, f"docker-image://python:3.11@sha256:{'a' * 64}")
    assert found["a-3_11"]["contexts"] == pinned
    assert found["b"]["contexts"] == pinned
    (syntax,) = [one.message for one in warnings if one.code == "undecided-base"]
    assert "a `# syntax=` in an existing Dockerfile cannot be pinned from outside" in syntax
