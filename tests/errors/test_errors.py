"""Bad input: each case beside this file is refused in exactly the words beside it."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from compiler.cli import run


HERE = Path(__file__).parent
COMPILER = HERE.parents[1] / "compiler"
CASES = sorted(
    [path for path in HERE.glob("*.yaml")]
    + [path for path in HERE.iterdir() if (path / "matrix.yaml").is_file()]
)
TEMPLATE = "FROM python\n"


def prepare(case: Path, folder: Path) -> None:
    """Copy a case to a folder, with a template unless it brings its own."""
    if case.is_dir():
        shutil.copytree(case, folder, dirs_exist_ok=True)
        if (folder / "links").exists():  # in words: a link that leads out would mislead other tools
            for line in (folder / "links").read_text().splitlines():
                link, _, to = line.partition(" -> ")
                (folder / link).parent.mkdir(parents=True, exist_ok=True)
                (folder / link).symlink_to(to)
            (folder / "links").unlink()
    else:
        shutil.copy(case, folder / "matrix.yaml")
    if not (folder / "templates").exists():
        (folder / "templates").mkdir()
        (folder / "templates/Dockerfile.j2").write_text(TEMPLATE)


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Return every path below a folder with what changes when it is written."""
    found = {}
    for path in folder.rglob("*"):
        state = path.lstat()
        found[str(path.relative_to(folder))] = (state.st_ino, state.st_mtime_ns)
    return found


def code_of(case: Path) -> str:
    """Return the code that a case is named for."""
    return case.stem.partition("--")[0]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty folder that is the current one."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_refused_in_these_words(
    case: Path, project: Path, capsys: pytest.CaptureFixture[str], update_golden: bool
) -> None:
    """Bad input ends with exit code 1, this very text, and no file touched."""
    prepare(case, project)
    before = listing(project)

    code = run([])

    out, told = capsys.readouterr()
    golden = case.with_name(f"{case.stem}.txt")
    if update_golden:
        golden.write_text(told, encoding="utf-8")

    assert code == 1
    assert out == ""
    assert golden.read_text(encoding="utf-8") == told
    assert f"error[{code_of(case)}]" in told
    assert listing(project) == before
