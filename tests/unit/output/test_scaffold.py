"""`init`: a project that compiles, whole or not at all."""

import json
import os
import resource
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from compiler.cli.main import run
from compiler.errors import CompileError
from compiler.matrix.json_schema import schema
from compiler.output.scaffold import init


PROJECT = Path(__file__).parents[3]
FILES = {
    ".gitignore",
    "matrix.schema.json",
    "matrix.yaml",
    "pyproject.toml",
    *(
        path.relative_to(PROJECT).as_posix()
        for path in (PROJECT / "templates").rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    ),
}


def files(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    found = [path for path in folder.rglob("*") if path.is_file() or path.is_symlink()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def refused(folder: Path) -> list[tuple[str, str]]:
    """Return code and place of each thing that `init` refuses there."""
    with pytest.raises(CompileError) as caught:
        init(folder)

    assert all(found.help for found in caught.value.diagnostics)
    return [
        (found.code, os.path.relpath(found.file_location.path, folder))
        for found in caught.value.diagnostics
    ]


def test_what_it_writes_compiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The commands that it shows lead to a project that compiles to what the sample does."""
    monkeypatch.chdir(tmp_path)
    assert run(["init", "base images"]) == 0
    lines = capsys.readouterr().out.splitlines()

    written, steps = lines[: len(FILES)], lines[len(FILES) :]
    assert {line.removeprefix("base images/") for line in written} == FILES
    assert set(files(tmp_path / "base images")) == FILES
    assert steps == [
        f"{len(FILES)} files written",
        "next: cd 'base images'",
        "      compile-matrix",
        "      docker buildx bake --print",
    ]

    (_, folder) = shlex.split(steps[1].removeprefix("next: "))
    monkeypatch.chdir(folder)
    assert run([]) == 0
    assert "36 targets" in capsys.readouterr().out
    assert run(["--check"]) == 0


def test_it_is_the_sample(tmp_path: Path) -> None:
    """Templates are the sample's to the byte, the matrix but for where its schema is."""
    init(tmp_path)

    found = files(tmp_path)
    first, rest = (PROJECT / "matrix.yaml").read_bytes().split(b"\n", 1)
    assert found["matrix.yaml"].split(b"\n", 1)[1] == rest
    assert first.startswith(b"# yaml-language-server: $schema=")
    for path in FILES:
        if path.startswith("templates/"):
            assert found[path] == (PROJECT / path).read_bytes()


def test_the_matrix_leads_to_its_schema(tmp_path: Path) -> None:
    """The first line names the schema file in the same folder, which is current."""
    init(tmp_path)

    first = (tmp_path / "matrix.yaml").read_text().partition("\n")[0]
    setting, _, name = first.partition("=")
    assert setting == "# yaml-language-server: $schema"
    assert json.loads((tmp_path / name).read_text()) == schema()


def test_this_folder_is_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a folder it is this one, and there is none to go to."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")

    assert run(["init"]) == 0

    assert set(files(tmp_path)) == {*FILES, "notes.txt"}
    out = capsys.readouterr().out
    assert "matrix.yaml\n" in out
    assert "next: compile-matrix\n" in out


def test_a_gitignore_stays(tmp_path: Path) -> None:
    """An existing .gitignore is kept, and does not prevent `init`."""
    (tmp_path / ".gitignore").write_text("mine")

    assert set(init(tmp_path)) == FILES - {".gitignore"}
    assert (tmp_path / ".gitignore").read_text() == "mine"


@pytest.mark.parametrize("path", sorted(FILES - {".gitignore"}))
def test_what_is_there_is_not_overwritten(tmp_path: Path, path: str) -> None:
    """Any one of the files is reason to refuse them all; it is named and stays as it was."""
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text("mine")

    assert refused(tmp_path) == [("not-ours" if path != "pyproject.toml" else "data-syntax", path)]
    assert files(tmp_path) == {path: b"mine"}


def test_a_pyproject_with_a_version_stays(tmp_path: Path) -> None:
    """The sample reads the version of an existing pyproject.toml."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "mine"\nversion = "7.1"\n')

    assert set(init(tmp_path)) == FILES - {"pyproject.toml"}
    assert run(["-f", str(tmp_path / "matrix.yaml")]) == 0
    assert 'default = "v7.1"' in (tmp_path / "docker-bake.hcl").read_text()


def test_a_pyproject_without_a_version_is_rejected(tmp_path: Path) -> None:
    """The sample would not compile with it; the minimal project needs none."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "mine"\n')

    assert refused(tmp_path) == [("not-ours", "pyproject.toml")]
    assert set(init(tmp_path, minimal=True)) == {"matrix.yaml", "templates/Dockerfile.j2"}
    assert run(["-f", str(tmp_path / "matrix.yaml")]) == 0


def test_all_that_is_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second run refuses all files, names their common reason once, and exits with 1."""
    init(tmp_path)
    before = files(tmp_path)

    assert run(["init", str(tmp_path)]) == 1

    out, told = capsys.readouterr()
    assert not out
    assert told.count("error[not-ours]") == 1
    assert f"({len(FILES) - 3} more for the same reason)" in told
    assert told.endswith(f"{len(FILES) - 2} errors; nothing is written\n")
    assert files(tmp_path) == before


def test_links_are_not_followed(tmp_path: Path) -> None:
    """A link or a file where a folder has to be, and a link that leads nowhere, are in the way."""
    for name, to in (("a", "elsewhere"), ("b", "file")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "templates").symlink_to(tmp_path / to)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "c").mkdir()
    (tmp_path / "c/matrix.yaml").symlink_to("nowhere")

    assert refused(tmp_path / "a") == refused(tmp_path / "b") == [("not-ours", "templates")]
    assert refused(tmp_path / "c") == [("not-ours", "matrix.yaml")]
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    """Nothing is created if a file has the name of the folder."""
    (tmp_path / "file").write_text("mine")

    assert refused(tmp_path / "file") == [("cannot-write", ".")]
    assert refused(tmp_path / "file/a/b") == [("cannot-write", ".")]
    assert files(tmp_path) == {"file": b"mine"}


def test_a_disk_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """If a file cannot be written to its end, all is as before, the new folders included."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, before[1]))
        found = refused(tmp_path / "a/b")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)

    assert [code for code, _ in found] == ["cannot-write"]
    assert list(tmp_path.iterdir()) == []


CHILD = """
import os, signal, sys
from pathlib import Path
from compiler.output.scaffold import init

left = 0

def hook(event, args):
    global left
    steps = event in {"os.mkdir", "os.rename", "os.rmdir"}
    if steps or (event == "open" and args[2] & os.O_CREAT):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGINT)

sys.addaudithook(hook)
for moment in range(1, 500):
    root = Path(sys.argv[1], str(moment))
    root.mkdir()
    left = moment
    try:
        init(root / "a/b")
        if left > 0:
            break
    except KeyboardInterrupt:
        pass
"""


@pytest.mark.slow
def test_ctrl_c_leaves_all_or_nothing(tmp_path: Path) -> None:
    """Interrupted at any step on the disk, the project is there whole, or there is no trace."""
    command = [sys.executable, "-c", CHILD, str(tmp_path)]
    subprocess.run(command, cwd=PROJECT, capture_output=True, check=True)

    roots = sorted(tmp_path.iterdir(), key=lambda root: int(root.name))
    outcomes = [set(files(root / "a/b")) if list(root.iterdir()) else set() for root in roots]
    whole = outcomes.index(FILES)

    assert whole > len(FILES)
    assert outcomes == [set()] * whole + [FILES] * (len(roots) - whole)
    assert len(roots) > whole + 1
