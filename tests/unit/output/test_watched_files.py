"""The files that `--watch` watches: a run by itself changes none of them."""

import shutil
from pathlib import Path

import pytest

from compiler.errors import DiagnosticError
from compiler.output.artifact import Compilation
from compiler.output.watched_files import WatchedFiles
from compiler.output.write import update
from compiler.pipeline import compile_plan, plan_matrix
from compiler.source.project_files import Files


TESTS = Path(__file__).parents[2]
PROJECTS = sorted(
    matrix.parent for name in ("errors", "golden") for matrix in TESTS.glob(f"{name}/*/matrix.yaml")
)


def run(folder: Path) -> WatchedFiles:
    """Compile a project, write it if it is valid, and return its watched files."""
    files = Files(folder)
    compiled: Compilation | None = None
    try:
        planned = plan_matrix(files, "matrix.yaml")
        compiled = compile_plan(planned, files, "matrix.yaml")
        output = planned.matrix.output
        changes = update(compiled.artifacts, folder, output)
    except DiagnosticError:
        return WatchedFiles.of_run(folder, files, compiled.artifacts if compiled else (), None)
    return WatchedFiles.of_run(
        folder, files, compiled.artifacts, changes, is_written=True, output=output
    )


@pytest.mark.slow
def test_a_run_does_not_cause_another(tmp_path: Path) -> None:
    """No file differs after a run, whether its input is valid or not; all folders exist."""
    for number, project in enumerate(PROJECTS):
        folder = tmp_path / str(number)
        shutil.copytree(project, folder, symlinks=True)
        watched = run(folder)

        assert watched.differences() == (), project
        assert all(map(Path.is_dir, map(Path, watched.folders()))), project
        assert watched.filter()(f"{watched.root}/matrix.yaml"), project
    assert len(PROJECTS) > 50


@pytest.mark.parametrize(
    ("path", "is_relevant"),
    [
        ("matrix.yaml", True),
        ("templates", True),
        ("templates/Dockerfile.j2", True),
        ("templates/other.j2", False),
        ("docker-bake.hcl.j2", True),
        ("matrix.lock", True),
        (".dockerignore", True),
        ("out/server.Dockerfile", True),
        ("out/server.Dockerfile.dockerignore", True),
        ("out/other", False),
        ("parts/new.yaml", True),
        (".compile-matrix/state.json", False),
        (".git/index", False),
        ("src/main.py", False),
    ],
)
def test_relevant_paths(path: str, *, is_relevant: bool, tmp_path: Path) -> None:
    """Events of files that a run neither reads nor writes are ignored."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/Dockerfile.j2").write_text("FROM a\nCOPY x /\n")
    (tmp_path / "x").touch()
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/a.yaml").write_text("set: {a: b}\n")
    (tmp_path / "matrix.yaml").write_text(
        "include: [parts/*.yaml]\noutput: out\nimages: {server: {template: Dockerfile.j2}}\n"
    )

    assert run(tmp_path).filter()(f"{tmp_path}/{path}") is is_relevant
