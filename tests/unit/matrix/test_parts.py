"""Parts of a matrix in separate files."""

import os
from pathlib import Path
from typing import Any

import pytest
from bake.oracle import lay, plan_json

from compiler.cli.main import run
from compiler.errors import CompileError


MATRIX = """
include: [teams/*.yaml, ./teams/a.yaml]
variables: {R: acme}
axes: {py: [3.10, 3.11]}
set: {base: debian, who: main}
exclude: [{py: 3.10, gpu: true}]
overrides: [{when: {image: a}, args: {O: main}}]
defaults:
  template: Dockerfile.j2
  labels: {l: "{{ who }}", top: "{{ base }}"}
  tags: ["${R}/{{ image }}:{{ target }}"]
images: {x: {}}
"""
A = """
x-labels: &labels {part: "${S}"}
axes: {gpu: {true: {}, false: {}}}
variables: {S: ghcr.io}
data: {d: data/d.json}
set: {who: "a {{ d.n }}"}
exclude: [{py: 3.11, gpu: false}]
defaults: {labels: *labels}
overrides: [{when: {gpu: true}, args: {O: part}}]
groups: {some: {gpu: true}}
images:
  a: {labels: {own: v}}
"""
B = "images: {b: {}, c: {axes: [gpu]}}\n"
FILES = {"teams/a.yaml": A, "teams/b.yaml": B, "data/d.json": '{"n": 1}'}


def built(folder: Path, matrix: str = MATRIX, **files: str) -> dict[str, dict[str, Any]]:
    """Return the targets of a matrix with parts, by their names."""
    for name in ("teams", "data"):
        (folder / name).mkdir(exist_ok=True)
    lay(folder, matrix, {**FILES, **files})
    return {one["target"]: one for one in plan_json(folder)["targets"]}


def errors(folder: Path, matrix: str = MATRIX, **files: str) -> list[tuple[str, str]]:
    """Return code and location of each error."""
    with pytest.raises(CompileError) as caught:
        built(folder, matrix, **files)
    return [(one.code, place(one.location)) for one in caught.value.diagnostics]


def place(location: Any) -> str:
    """Return a location as users see it."""
    return f"{location.path}:{location.line}:{location.column}"


def test_all_files_are_one_matrix(tmp_path: Path) -> None:
    """Images see the axes of matrix.yaml and of their own part; the order is that of the files."""
    found = built(tmp_path)

    assert [*found] == [
        *("x-3_10", "x-3_11", "a-3_10", "a-3_11-gpu", "b-3_10", "b-3_11"),
        *("c-gpu", "c-default"),
    ]
    assert plan_json(tmp_path)["groups"]["some"] == ["a-3_11-gpu", "c-gpu"]


def test_the_levels_of_a_part_are_those_of_its_images(tmp_path: Path) -> None:
    """`set`, `defaults`, `exclude` and `overrides` of a part are above those of matrix.yaml."""
    found = built(tmp_path)

    assert found["x-3_10"]["labels"] == {"l": "main", "top": "debian"}
    assert found["a-3_11-gpu"]["labels"] == {
        "l": "a 1",
        "top": "debian",
        "part": "${S}",
        "own": "v",
    }
    assert found["a-3_10"]["args"] == {"O": "main"}
    assert found["a-3_11-gpu"]["args"] == {"O": "part"}
    assert "args" not in found["c-gpu"]


def test_a_part_may_hold_everything(tmp_path: Path) -> None:
    """Parts may contain all sections; an empty section adds nothing."""
    matrix = "include: [teams/all.yaml, teams/none.yaml]\nimages:\n"
    one = "axes: {py: [1]}\ndefaults: {template: Dockerfile.j2}\nimages: {z: {}}\n"
    found = built(tmp_path, matrix, **{"teams/all.yaml": one, "teams/none.yaml": "groups:\n"})

    assert [*found] == ["z-1"]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("images: {x: {}}", ("duplicate-key", "teams/b.yaml:1:10")),
        ("axes: {gpu: [a]}", ("duplicate-key", "teams/b.yaml:1:8")),
        ("publish: {version: x}", ("misplaced-key", "teams/b.yaml:1:1")),
        ("include: [a]", ("misplaced-key", "teams/b.yaml:1:1")),
        ("output: x", ("misplaced-key", "teams/b.yaml:1:1")),
        ("imags: {}", ("unknown-key", "teams/b.yaml:1:1")),
        ("images: {b: {tgs: []}}", ("unknown-key", "teams/b.yaml:1:14")),
        ("defaults: {tags: a}", ("wrong-type", "teams/b.yaml:1:18")),
        ("axes: []", ("wrong-type", "teams/b.yaml:1:7")),
        ("exclude: [{p: 1}]", ("unknown-axis", "teams/b.yaml:1:12")),
        ("images: {b: {labels: *labels}}", ("unknown-anchor", "teams/b.yaml:1:22")),
        ("set: {py: 1}\nimages: {b: {}}", ("name-hidden", "teams/b.yaml:1:7")),
        ("data: {e: e.json}", ("missing-file", "teams/b.yaml:1:11")),
        ("images: {b: {tags: ['${X}']}}", ("undeclared-variable", "teams/b.yaml:1:22")),
        ("images: {b: {args: {A: '{{ gpu }}'}}}", ("unprintable", "teams/b.yaml:1:28")),
        ("images: {b: {args: {A: '{{ gp }}'}}}", ("undefined-name", "teams/b.yaml:1:28")),
    ],
)
def test_errors_name_the_file(part: str, expected: tuple[str, str], tmp_path: Path) -> None:
    """Each error of a part is located in it, and is the only one."""
    assert errors(tmp_path, **{"teams/b.yaml": part}) == [expected]


def test_a_duplicate_shows_both_locations(tmp_path: Path) -> None:
    """The first declaration is in another part, or in matrix.yaml."""
    with pytest.raises(CompileError) as caught:
        built(tmp_path, **{"teams/b.yaml": "images: {a: {}}\nvariables: {R: x}"})

    assert [place(one.related[0][1]) for one in caught.value.diagnostics] == [
        "teams/a.yaml:12:3",
        "matrix.yaml:3:13",
    ]


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ("teams/z*.yaml", "missing-file"),
        ("teams/z.yaml", "missing-file"),
        ("teams", "not-a-file"),
        ("teams/.hidden.yaml", "not-a-file"),
        (".*/*.yaml", "missing-file"),
        ("teams/link.yaml", "not-a-file"),
        ("linked/*.yaml", "missing-file"),
        ("../*.yaml", "outside-project"),
        ("/a.yaml", "outside-project"),
        (".git/a.yaml", "git-folder"),
    ],
)
def test_an_entry_that_finds_nothing(entry: str, code: str, tmp_path: Path) -> None:
    """Hidden files, links, folders and what is outside do not count; that is an error."""
    for folder in ("teams", ".hidden", ".git"):
        (tmp_path / folder).mkdir()
    for path in ("teams/.hidden.yaml", ".hidden/a.yaml", ".git/a.yaml"):
        (tmp_path / path).write_text(B)
    (tmp_path / "teams/link.yaml").symlink_to("a.yaml")
    (tmp_path / "linked").symlink_to("teams")

    matrix = MATRIX.replace("[teams/*.yaml, ./teams/a.yaml]", f"['{entry}']")
    assert errors(tmp_path, matrix) == [(code, "matrix.yaml:2:11")]


def test_globs_are_in_the_order_of_bytes(tmp_path: Path) -> None:
    """Parts come in the order of the list; a glob sorts by bytes; matrix.yaml is not a part."""
    names = ["B.yaml", "a.yaml", "sub/x.yaml", "sub/deep/y.yaml", "\xe9.yaml"]
    for path in names:
        (tmp_path / "p" / path).parent.mkdir(parents=True, exist_ok=True)
        text = f"images: {{i{names.index(path)}: {{}}}}\n"
        (tmp_path / "p" / path).write_text(text)
    matrix = (
        "include: [p/sub/x.yaml, '**/*.yaml', 'p/[!a-z]*.yaml']\n"
        "defaults: {template: Dockerfile.j2}\nimages: {z: {}}\n"
    )
    lay(tmp_path, matrix)

    found = [one["target"] for one in plan_json(tmp_path)["targets"]]
    assert found == ["z", "i2", "i0", "i1", "i3", "i4"]


def test_saved_state_knows_the_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An up-to-date run notices a part that changes, a new one, and one that is a link now."""
    built(tmp_path)
    monkeypatch.chdir(tmp_path)

    def recompiled() -> str:
        assert run([]) == 0
        return capsys.readouterr().out

    recompiled()
    assert "up to date" in recompiled()
    Path("teams/b.yaml").write_text("images: {b: {}}\n")
    assert "removed" in recompiled()
    assert "up to date" in recompiled()
    Path("teams/c.yaml").write_text("images: {c: {}}\n")
    assert "c (2)" in recompiled()
    Path("teams/c.yaml").unlink()
    assert "c (2)" not in recompiled()
    os.rename("teams/b.yaml", "b.yaml")
    Path("teams/b.yaml").symlink_to("../b.yaml")
    assert "b (2)" not in recompiled()
