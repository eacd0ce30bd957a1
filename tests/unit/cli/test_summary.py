"""`--summary`: what `ci` and `publish` write, and where."""

import json
from pathlib import Path

import pytest

from compiler.cli.main import run
from compiler.constants import LOCAL_FOLDER


def record(folder: Path) -> None:
    """Write the record that `publish` would leave in a project."""
    target = {
        "target": "server-3_9",
        "tags": [],
        "moving": [],
        "digest": f"sha256:{'0' * 64}",
        "platforms": {},
        "attestations": {},
        "fingerprint": f"sha256:{'0' * 64}",
        "bases": {},
        "state": "built",
        "seconds": 1.0,
        "bytes": 2_000_000,
    }
    (folder / LOCAL_FOLDER).mkdir(exist_ok=True)
    (folder / LOCAL_FOLDER / "release.json").write_text(
        json.dumps({"version": 1, "release": "v1.0", "targets": [target]})
    )


@pytest.mark.parametrize("system", ["github", "gitlab"])
def test_jobs(
    system: str, small_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The summary is appended to the file and to that of the workflow; stdout has only the jobs."""
    record(small_project)
    template = small_project / "templates/Dockerfile.j2"
    template.write_text(f"{template.read_text()}RUN true\n")
    workflow, file = tmp_path / "workflow.md", tmp_path / "summary.md"
    file.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(workflow))

    assert run(["ci", system, "cuda=null", "--summary", str(file)]) == 0

    text = workflow.read_text()
    assert file.read_text() == f"before\n{text}"
    assert text.startswith("### 2 of 2 targets to build\n\nAll selected targets are built.")
    assert "2 distinct steps in 2 jobs; 2 without sharing.\n" in text
    assert "| server-3&#95;9 | 2.0 MB |\n" in text
    assert "| cuda-12" not in text


def test_a_file_that_cannot_be_written(
    small_project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The option's file must be writable before anything is done; the workflow's need not be."""
    del small_project
    assert run(["ci", "github", "--summary", str(tmp_path / "no/file")]) == 1
    out, err = capsys.readouterr()
    assert not out
    assert "error[cannot-write]" in err

    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "no/file"))
    assert run(["ci", "github"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["shards"] == 1
    assert "the summary of the workflow was not written: No such file" in err
