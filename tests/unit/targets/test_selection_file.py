"""Selections of targets as files: written by `list`, read by `--selection`."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.cli.main import run


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project of three targets, one with tests."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/t.j2").write_text("FROM scratch\n")
    (tmp_path / "matrix.yaml").write_text(
        "axes: {n: [x, y]}\n"
        "images: {a: {template: t.j2, tests: [one]}, b: {template: t.j2, axes: []}}\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_selection_comes_back(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What `list` writes, `--selection` reads; filters narrow it; a test selects its target."""
    run(["list", "n=y", "--format", "selection"])
    (project / "s.json").write_text(capsys.readouterr().out)

    assert run(["list", "--selection", "s.json", "--format", "names"]) == 0
    assert capsys.readouterr().out == "a-y\n"

    (project / "s.json").write_text('{"version": 1, "targets": ["b", "a-x-test"]}')
    run(["list", "image=a", "--selection", "s.json", "--format", "names"])

    assert capsys.readouterr().out == "a-x\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"version": 2, "targets": ["b"]}', "version 2 of a selection"),
        ('{"version": 1, "targets": "b"}', "not of the form `"),
        ('{"version": 1, "targets": ["b"], "more": 1}', "not of the form `"),
        ('{"version": 1, "targets": [1]}', "not of the form `"),
        ('{"version": true, "targets": ["b"]}', "not of the form `"),
        ("[" * 100_000, "not of the form `"),
        ("[]", "not of the form `"),
        ("", "invalid JSON: the file is empty"),
        ("\0", "error["),
        ('{"version": 1, "targets": ["c", "a-xx"]}', "did you mean 'a-x'?"),
        ('{"version": 1, "targets": ["b-test"]}', "unknown target 'b-test'"),
    ],
)
def test_a_selection_is_read_strictly(
    text: str, says: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An invalid selection, or one of unknown targets, is an error."""
    (project / "s.json").write_text(text)

    assert run(["list", "--selection", "s.json"]) == 1

    errors = capsys.readouterr().err
    assert says in errors
    assert "s.json" in errors


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("name", ["none.json", "templates"])
def test_a_selection_that_is_no_file(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing file and a folder are errors."""
    assert run(["list", "--selection", name]) == 1
    assert "error[" in capsys.readouterr().err
