"""`compile-matrix`, --check and --diff: when they compile, and what they print."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from compiler.cli.compile_summary import _changed_files
from compiler.cli.main import run
from compiler.constants import STATE_PATH
from compiler.output.diff import Change, Kind
from compiler.output.files import digest


MATRIX = "axes:\n  python: [3.10, 3.11]\nimages:\n  server: {template: Dockerfile.j2}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder: a project that was just compiled."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "Dockerfile.j2").write_text("FROM python:{{ python }}\n")
    (tmp_path / "matrix.yaml").write_text(MATRIX)
    assert run([]) == 0
    return tmp_path


def forge(project: Path) -> Path:
    """Edit a generated Dockerfile and its digest in the saved state; return the Dockerfile."""
    dockerfile = project / "dockerfiles" / "server-3_10.Dockerfile"
    old = dockerfile.read_bytes()
    new = old.replace(b"python", b"evil")
    dockerfile.write_bytes(new)
    state = project / STATE_PATH
    body = state.read_bytes().partition(b"\n")[2]
    body = body.replace(digest(old).encode(), digest(new).encode())
    state.write_bytes(b'{"digest": "%s",\n%s' % (digest(body).encode(), body))
    return dockerfile


def test_check_does_not_trust_saved_state(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A Dockerfile forged together with the saved state deceives neither --check nor --diff."""
    forge(project)

    for option in ("--check", "--diff"):
        assert run([option]) == 1
        assert "server-3_10.Dockerfile" in capsys.readouterr().out


def test_state_that_git_tracks_is_not_used(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A forged Dockerfile is replaced if Git tracks the state; the state is not written either."""
    dockerfile = forge(project)
    forged = (project / STATE_PATH).read_bytes()
    for arguments in (["init", "--quiet"], ["add", "--force", STATE_PATH]):
        subprocess.run(["git", *arguments], cwd=project, check=True)

    assert run([]) == 0

    out, err = capsys.readouterr()
    assert "1 file updated: dockerfiles/server-3_10.Dockerfile\n" in out
    assert "warning[tracked-state]" in err
    assert b"evil" not in dockerfile.read_bytes()
    assert (project / STATE_PATH).read_bytes() == forged


@pytest.mark.parametrize("arguments", [["--check"], ["--diff"], ["list"]])
def test_only_compiling_writes_the_state(project: Path, arguments: list[str]) -> None:
    """No other command creates the saved state."""
    (project / STATE_PATH).unlink()

    assert run(arguments) == 0
    assert not (project / STATE_PATH).exists()


def test_a_comment_in_the_matrix_changes_nothing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After adding a comment --check passes; the next runs compile once, then end early."""
    (project / "matrix.yaml").write_text(f"# A comment.\n{MATRIX}")

    assert run(["--check"]) == 0
    assert run([]) == 0
    capsys.readouterr()
    assert run([]) == 0
    assert capsys.readouterr().out == "2 targets: up to date\n"


def unreadable(state: Path) -> None:
    """Put a folder where the state was."""
    state.unlink()
    state.mkdir()


def of_unknown_warnings(state: Path) -> None:
    """Give the state a warning that no version has."""
    body = json.loads(state.read_bytes())
    del body["digest"]
    text = json.dumps({**body, "warnings": [{"code": "no-such-code"}]}).encode()[1:]
    state.write_bytes(b'{"digest": "%s",\n%s' % (digest(text).encode(), text))


@pytest.mark.parametrize("damage", [unreadable, of_unknown_warnings])
def test_a_state_that_cannot_be_used_means_compiling(
    project: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], None]
) -> None:
    """An unreadable state, or one with an unknown warning, does not cause an error."""
    damage(project / STATE_PATH)
    capsys.readouterr()

    assert run([]) == 0
    assert capsys.readouterr().out.startswith("2 targets: server (2)\nup to date\n")


def changes(kind: Kind, *paths: str) -> tuple[Change, ...]:
    """Return changes of one kind."""
    return tuple(Change(kind, path, b"", b"") for path in paths)


def test_the_summary_names_what_changed() -> None:
    """Few files are named; many are named by their folders."""
    one = changes(Kind.UPDATE, "docker-bake.hcl")
    many = changes(Kind.CREATE, "docker-bake.hcl", "out/matrix.json", *(f"out/{n}" for n in "abc"))
    stale = changes(Kind.DELETE, "old/a.Dockerfile")

    assert _changed_files((), "") == "up to date"
    assert _changed_files(one, "") == "1 file updated: docker-bake.hcl"
    assert _changed_files((*many, *stale), "x/") == (
        "5 files written: x/docker-bake.hcl, x/out/; 1 file removed: x/old/a.Dockerfile"
    )
