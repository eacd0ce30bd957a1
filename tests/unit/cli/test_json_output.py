"""With `--format json`, stdout is one JSON document, or empty after an error."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from compiler.cli.main import run


DIGEST = f"sha256:{'1' * 64}"
DOCKER = """\
#!{python}
import sys
if sys.argv[2:] == ["version"]:
    print("github.com/docker/buildx v0.29.1 0000")
elif "--raw" in sys.argv:
    print('{{"manifests": [' + ", ".join(
        '{{"platform": {{"os": "linux", "architecture": "' + name + '"}}}}'
        for name in ("amd64", "arm64")
    ) + "]}}")
else:
    sys.exit("ERROR: unexpected arguments")
"""


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provide a docker that knows the versions of buildx and of each image."""
    program = tmp_path / "bin/docker"
    program.parent.mkdir()
    program.write_text(DOCKER.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    return program


def result(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    """Run a command with `--format json` and return what it prints to stdout."""
    capsys.readouterr()
    assert run([*arguments, "--format", "json"]) == code
    return json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("small_project")
def test_compiling(capsys: pytest.CaptureFixture[str]) -> None:
    """The files that are written, and with `--check` or `--diff` those that would be."""
    stale = result(capsys, "--check", code=1)
    written = result(capsys)
    again = result(capsys)
    same = result(capsys, "compile", "--check")
    Path("dockerfiles/server-3_9.Dockerfile").unlink()
    different = result(capsys, "--diff", code=1)

    assert stale == written
    assert written["targets"] == 4
    assert {file["path"] for file in written["files"]} > {"docker-bake.hcl"}
    assert {file["change"] for file in written["files"]} == {"create"}
    assert again == same == {"version": 1, "targets": 4, "files": []}
    (file,) = different["files"]
    assert file["path"] == "dockerfiles/server-3_9.Dockerfile"
    assert "+FROM python:3.9" in file["diff"]


def test_init(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The files of the new project."""
    monkeypatch.chdir(tmp_path)

    written = result(capsys, "init", "--minimal", "new")

    assert [file["path"] for file in written["files"]] == [
        "new/matrix.yaml",
        "new/templates/Dockerfile.j2",
    ]


@pytest.mark.usefixtures("docker")
def test_lock(small_project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The base images that differ, with the targets that use them."""
    absent = result(capsys, "lock", "--check", code=1)
    added = result(capsys, "lock")
    same = result(capsys, "lock", "--check")
    lock = small_project / "matrix.lock"
    text = lock.read_text()
    digest = added["changes"][0]["new"]
    lock.write_text(text.replace(digest, DIGEST, 1))
    changed = result(capsys, "lock", "--check", code=1)
    refreshed = result(capsys, "lock", "--refresh", "python=3.9", "--date=2026-01-02")

    assert [(base["image"], base["change"]) for base in absent["changes"]] == [
        ("python:3.10", "missing"),
        ("python:3.9", "missing"),
    ]
    assert [base["change"] for base in added["changes"]] == ["added", "added"]
    assert same == {"version": 1, "bases": 2, "changes": [], "refreshed": {}}
    assert changed["changes"] == [
        {
            "image": "python:3.10",
            "change": "changed",
            "old": DIGEST,
            "new": digest,
            "targets": ["server-3_10", "server-12_8-3_10"],
            "dependents": [],
        }
    ]
    assert set(refreshed["refreshed"].values()) == {"2026-01-02"}


@pytest.mark.usefixtures("docker")
@pytest.mark.parametrize("command", ["build", "publish"])
def test_an_empty_selection(
    command: str, small_project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """There are no targets in the result."""
    matrix = small_project / "matrix.yaml"
    matrix.write_text(f'{matrix.read_text()}publish: {{version: "${{VERSION}}"}}\n')
    (small_project / "none.json").write_text('{"version": 1, "targets": []}')
    result(capsys)

    printed = result(capsys, command, "--selection", "none.json")

    assert not any(printed.get(name) for name in ("targets", "built"))


@pytest.mark.usefixtures("small_project", "docker")
def test_an_error_leaves_stdout_empty(capsys: pytest.CaptureFixture[str]) -> None:
    """Errors are JSON on stderr."""
    assert run(["list", "python=4", "--format=json"]) == 1

    printed = capsys.readouterr()
    assert printed.out == ""
    assert json.loads(printed.err)["diagnostics"]


@pytest.mark.usefixtures("small_project")
def test_lock_without_the_buildx_plugin(docker: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The reason is named, not the option that docker without buildx does not know."""
    docker.write_text("#!/bin/sh\necho 'unknown flag: --raw' >&2\nexit 125\n")

    assert run(["lock"]) == 1

    printed = capsys.readouterr()
    assert "cannot be looked up: docker has no buildx plugin" in printed.err
    assert "help: install Docker's buildx plugin" in printed.err
    assert "matrix.lock is unchanged" in printed.err


@pytest.mark.usefixtures("small_project")
def test_lock_states_what_is_lost(docker: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One failed lookup leaves the lock unchanged, and the output says so."""
    program = docker.read_text().replace(
        'elif "--raw"', 'elif "python:3.10" in sys.argv:\n    sys.exit("ERROR: nope")\nelif "--raw"'
    )
    docker.write_text(program)

    assert run(["lock"]) == 1

    printed = capsys.readouterr()
    assert "error[cannot-resolve]: python:3.10 cannot be looked up: nope" in printed.err
    assert "1 error; matrix.lock is unchanged; 1 of 2 lookups succeeded" in printed.err
    assert not Path("matrix.lock").exists()
