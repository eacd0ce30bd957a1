"""Each row of docs/comparison.md that says `run` is checked here, with the other tool and ours.

A check is named by the section and the first cell of its row. posit-bakery is not a dependency of
the tests: only `make comparison`, which installs it, runs its checks.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from support import markdown
from support.markdown import PROJECT
from support.other_tools import OtherTools

from compiler import CompileError, compile_matrix


PAGE = PROJECT / "docs/comparison.md"
(EXAMPLE,) = markdown.examples(PAGE.read_text(encoding="utf-8"))
BAKE, COMPOSE, LOOP, BAKERY = "docker buildx bake", "Docker Compose", "A shell loop", "posit-bakery"
"""Sections of the page."""


def _ours(folder: Path, matrix: str = EXAMPLE.matrix.text, **templates: str) -> Mapping[str, Any]:
    """Compile a matrix with the template of the page; return its targets by name."""
    (folder / "templates").mkdir(exist_ok=True)
    for name, text in {"worker": EXAMPLE.files["templates/worker.j2"], **templates}.items():
        (folder / f"templates/{name}.j2").write_text(text)
    (folder / "matrix.yaml").write_text(matrix)
    compiled = compile_matrix(folder / "matrix.yaml")
    return {target.name: target for target in compiled.plan.targets}


ALL = EXAMPLE.matrix.text.replace("{only: {python: 3.11}}", "{}")
"""The matrix of the page without its rule."""


def _bake_file(folder: Path) -> str:
    """Return the bake file of the page's matrix."""
    _ours(folder)
    artifacts = compile_matrix(folder / "matrix.yaml").artifacts
    return next(a.content for a in artifacts if a.path == "docker-bake.hcl").decode()


def _rejected(folder: Path, old: str, new: str) -> str:
    """Return the code of the error for the matrix of the page, after a replacement."""
    assert old in EXAMPLE.matrix.text
    with pytest.raises(CompileError) as error:
        _ours(folder, EXAMPLE.matrix.text.replace(old, new))
    return str(error.value.diagnostics[0].code)


CHECKS: dict[tuple[str, str], Callable[[OtherTools], None]] = {}


def _check(
    section: str, point: str
) -> Callable[[Callable[[OtherTools], None]], Callable[[OtherTools], None]]:
    def register(function: Callable[[OtherTools], None]) -> Callable[[OtherTools], None]:
        CHECKS[section, point] = function
        return function

    return register


TARGET = 'target "w" {\n  name = "w-${replace(p, ".", "_")}-${g}"\n  matrix = {%s}\n%s}\n'
PRODUCT = 'p = ["3.10", "3.11"], g = ["a", "b"]'


@_check(BAKE, "all combinations")
def _(with_: OtherTools) -> None:
    assert len(with_.bake(TARGET % (PRODUCT, ""), "w")) == 4
    assert len(_ours(with_.folder, ALL)) == 4


@_check(BAKE, "some combinations")
def _(with_: OtherTools) -> None:
    body = 'target "w" {\n  name = "w-${i.n}"\n  matrix = {i = %s}\n}\n'
    assert len(with_.bake(body % '[{n = "a"}, {n = "b"}, {n = "c"}]', "w")) == 3
    assert len(with_.bake(body % '[for n in ["a", "b", "c"] : {n = n} if n != "b"]', "w")) == 2
    assert len(_ours(with_.folder)) == 3


@_check(BAKE, "`3.10` without quotes")
def _(with_: OtherTools) -> None:
    printed = with_.bake(TARGET % ('p = [3.10], g = ["a"]', '  tags = ["a/w:${p}"]\n'), "w")
    assert [target["tags"] for target in printed.values()] == [["a/w:3.1"]]
    assert _ours(with_.folder)["worker-3_10"].tags[0].endswith(":3.10")


@_check(BAKE, "a Dockerfile for each variant")
def _(with_: OtherTools) -> None:
    inline = '  dockerfile-inline = "FROM p:${p}%{ if g == "b" }\\nENV GPU=1%{ endif }"\n'
    texts = [t["dockerfile-inline"] for t in with_.bake(TARGET % (PRODUCT, inline), "w").values()]
    assert len(set(texts)) == 4
    assert sum("GPU" in text for text in texts) == 2
    assert _ours(with_.folder)


@_check(BAKE, "an image based on another")
def _(with_: OtherTools) -> None:
    text = 'target "a" {}\ntarget "b" {\n  contexts = {base = "target:a"}\n}\n'
    assert with_.bake(text, "b")["b"]["contexts"] == {"base": "target:a"}
    child = EXAMPLE.matrix.text + "  child: {from: worker, template: child.j2}\n"
    targets = _ours(with_.folder, child, child="FROM {{ parent }}\n")
    assert targets["child-3_10"].links == {"worker-3_10": "worker-3_10"}


@_check(BAKE, "one tag for two targets")
def _(with_: OtherTools) -> None:
    printed = with_.bake(TARGET % (PRODUCT, '  tags = ["a/w:1"]\n'), "w")
    assert {tuple(target["tags"]) for target in printed.values()} == {("a/w:1",)}
    assert _rejected(with_.folder, "{{ variant }}", "1") == "duplicate-tag"


@_check(BAKE, "an unknown attribute")
def _(with_: OtherTools) -> None:
    assert len(with_.bake(TARGET % (PRODUCT, '  platfroms = ["linux/amd64"]\n'), "w")) == 4
    assert _rejected(with_.folder, "platforms", "platfroms") == "unknown-key"


@_check(BAKE, "an unknown platform")
def _(with_: OtherTools) -> None:
    assert len(with_.bake(TARGET % (PRODUCT, '  platforms = ["linux/amd46"]\n'), "w")) == 4
    assert _rejected(with_.folder, "amd64", "amd46") == "unknown-platform"


@_check(BAKE, "a Dockerfile that does not exist")
def _(with_: OtherTools) -> None:
    assert len(with_.bake(TARGET % (PRODUCT, '  dockerfile = "gone"\n'), "w")) == 4
    assert _rejected(with_.folder, "worker.j2", "gone.j2") == "missing-template"


@_check(BAKE, "building some variants")
def _(with_: OtherTools) -> None:
    assert list(with_.bake(TARGET % (PRODUCT, ""), "w-3_11-*")) == ["w-3_11-a", "w-3_11-b"]
    ours = with_.bake(_bake_file(with_.folder), "worker-3_11*")
    assert list(ours) == ["worker-3_11", "worker-3_11-gpu"]
    assert 'variable "ONLY_PYTHON"' in _bake_file(with_.folder)


def _service(lines: str) -> str:
    return f"services:\n  a:\n    image: a/w:1\n    build: {{context: .}}\n{lines}"


@_check(COMPOSE, "all combinations")
def _(with_: OtherTools) -> None:
    done = with_.compose(_service("    matrix: {p: [1, 2]}\n"))
    assert done.returncode != 0
    assert "'matrix' not allowed" in done.stderr
    assert len(_ours(with_.folder)) == 3


@_check(COMPOSE, "a build argument `3.10` without quotes")
def _(with_: OtherTools) -> None:
    done = with_.compose("services: {a: {build: {context: ., args: {P: 3.10}}}}\n")
    assert 'P: "3.1"\n' in done.stdout
    args = EXAMPLE.matrix.text.replace("    tags", "    args: {P: 3.10}\n    tags")
    text = "ARG P\nFROM python:{{ python }}-$P\n{% if gpu %}ENV GPU=1{% endif %}\n"
    assert dict(_ours(with_.folder, args, worker=text)["worker-3_10"].fields["args"])["P"] == "3.10"


@_check(COMPOSE, "an image based on another")
def _(with_: OtherTools) -> None:
    child = '  b: {build: {context: ., additional_contexts: {base: "service:a"}}}\n'
    printed = with_.compose(_service(child), "build", "--print").stdout
    assert json.loads(printed)["target"]["b"]["contexts"] == {"base": "target:a"}
    CHECKS[BAKE, "an image based on another"](with_)


@_check(COMPOSE, "one image name for two services")
def _(with_: OtherTools) -> None:
    done = with_.compose(_service("  b: {image: a/w:1, build: {context: other}}\n"))
    assert (done.returncode, done.stdout.count("image: a/w:1\n")) == (0, 2)
    assert _rejected(with_.folder, "{{ variant }}", "1") == "duplicate-tag"


@_check(COMPOSE, "an unknown key")
def _(with_: OtherTools) -> None:
    assert with_.compose(_service("    imgae: x\n")).returncode != 0
    assert _rejected(with_.folder, "platforms", "platfroms") == "unknown-key"


@_check(COMPOSE, "an unknown platform")
def _(with_: OtherTools) -> None:
    done = with_.compose(_service("    platform: linux/amd46\n"))
    assert (done.returncode, "linux/amd46" in done.stdout) == (0, True)
    assert _rejected(with_.folder, "amd64", "amd46") == "unknown-platform"


@_check(COMPOSE, "the build as a bake file")
def _(with_: OtherTools) -> None:
    printed = with_.compose(_service(""), "build", "--print").stdout
    assert json.loads(printed)["target"]["a"]["tags"] == ["a/w:1"]
    assert len(with_.bake(_bake_file(with_.folder))) == 3


SCRIPT = "for p in 3.9 3.10 3.11; do docker build --tag a/w:$p .; done\n"


@_check(LOOP, "`3.10` without quotes")
def _(with_: OtherTools) -> None:
    assert "build --tag a/w:3.10 ." in with_.loop(SCRIPT)[0]
    assert _ours(with_.folder)["worker-3_10"].tags[0].endswith(":3.10")


@_check(LOOP, "order")
def _(with_: OtherTools) -> None:
    assert [call.split(":")[1] for call in with_.loop(SCRIPT)[0]] == ["3.9 .", "3.10 .", "3.11 ."]
    assert len(with_.bake(_bake_file(with_.folder))) == 3


@_check(LOOP, "a failure with `set -e`")
def _(with_: OtherTools) -> None:
    calls, code = with_.loop("set -e\n" + SCRIPT)
    assert (len(calls), code) == (2, 1)


@_check(LOOP, "a failure without `set -e`")
def _(with_: OtherTools) -> None:
    calls, code = with_.loop(SCRIPT)
    assert (len(calls), code) == (3, 0)


@_check(LOOP, "one tag for two variants")
def _(with_: OtherTools) -> None:
    calls, code = with_.loop("for p in 3.9 3.11; do docker build --tag a/w:1 .; done\n")
    assert (calls, code) == (["build --tag a/w:1 ."] * 2, 0)
    assert _rejected(with_.folder, "{{ variant }}", "1") == "duplicate-tag"


VALUES = '      values: {py: ["3.10", "3.11"], gpu: ["cpu", "cuda"]}\n'


def _planned(done: subprocess.CompletedProcess[str]) -> int:
    assert done.returncode == 0, done.stderr
    return len(json.loads(done.stdout)["target"])


@_check(BAKERY, "all combinations")
def _(with_: OtherTools) -> None:
    assert _planned(with_.bakery(VALUES)) == 4
    assert len(_ours(with_.folder, ALL)) == 4


@_check(BAKERY, "`exclude` in the matrix")
def _(with_: OtherTools) -> None:
    assert _planned(with_.bakery(VALUES + "      exclude: [{py: '3.10', gpu: cuda}]\n")) == 4
    rule = EXAMPLE.matrix.text + "    exclude: [{python: 3.10}]\n"
    assert len(_ours(with_.folder, rule)) == 2


@_check(BAKERY, "`3.10` without quotes")
def _(with_: OtherTools) -> None:
    done = with_.bakery('      values: {py: [3.10], gpu: ["cpu"]}\n')
    assert done.returncode != 0
    assert _ours(with_.folder)["worker-3_10"]


@_check(BAKERY, "an unknown key")
def _(with_: OtherTools) -> None:
    assert _planned(with_.bakery(VALUES, extra="imges: []\n")) == 4
    assert _rejected(with_.folder, "images:", "imges:") == "unknown-key"


@_check(BAKERY, "a Dockerfile that does not exist")
def _(with_: OtherTools) -> None:
    assert _planned(with_.bakery(VALUES)) == 4
    assert not list((with_.folder / "worker").rglob("Containerfile*"))
    assert _rejected(with_.folder, "worker.j2", "gone.j2") == "missing-template"


@_check(BAKERY, "linting and scanning images")
def _(with_: OtherTools) -> None:
    with_.bakery(VALUES)
    shown = with_.run("bakery", "--help").stdout
    assert re.search(r"\bhadolint\b", shown)
    assert re.search(r"\btrivy\b", shown)


def _rows() -> dict[tuple[str, str], str]:
    """Return how each row of the page is known: section and first cell -> last cell."""
    rows = {}
    for section in re.split(r"(?m)^## ", PAGE.read_text(encoding="utf-8"))[1:]:
        title = section.partition("\n")[0]
        for line in re.findall(r"(?m)^\| (.*) \|$", section):
            cells = line.split(" | ")
            if cells[-1] != "known by":
                rows[title, cells[0]] = cells[-1]
    return rows


def test_every_row_is_known() -> None:
    """A row is checked by a test, or it links to the documentation or tracker of the tool."""
    rows = _rows()

    known = r"run|run, \[build\]\(build\.md\)|\[.+\]\(https://.+\)|\[.+\]\[\w+\]"
    assert [row for row, text in rows.items() if not re.fullmatch(known, text)] == []
    assert {row for row, text in rows.items() if text.startswith("run")} == set(CHECKS)


@pytest.mark.parametrize(
    "row", [row for row in CHECKS if row[0] != BAKERY or shutil.which("bakery")], ids=" - ".join
)
def test_a_row_is_true(row: tuple[str, str], tmp_path: Path, buildx: Path, compose: Path) -> None:
    """The other tool does what its cell says, and so does compile-matrix."""
    CHECKS[row](OtherTools(tmp_path, buildx, compose))
