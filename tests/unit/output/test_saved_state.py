"""Saved state: when a run knows that it would change nothing, and when it does not."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.disk import HEAD, project

from compiler.constants import FOLDER, LOCAL_FOLDER, STAGING, STATE_PATH
from compiler.output.files import digest
from compiler.output.local_folder import write_local
from compiler.output.manifest import PLAN_LINE
from compiler.output.saved_state import (
    State,
    digests,
    input_is_current,
    save_state,
    up_to_date,
)
from compiler.output.write import update
from compiler.source.project_files import Files


INPUTS = {"matrix.yaml": "axes: {}\n", "templates/Dockerfile.j2": "FROM {{ base }}\n"}
WARNINGS = [{"code": "unused-value", "message": "naïve"}]


def lay(
    root: Path, output: str = "dockerfiles", inputs: dict[str, str | None] | None = None
) -> None:
    """Write a project that was just compiled, with its state."""
    for path, text in INPUTS.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    artifacts = project("a", "b", output=output, text="RUN x\n" * 3000)
    update(artifacts, root, output)
    state = State(
        compiler="1",
        matrix="matrix.yaml",
        output=output,
        tested=0,
        existing=0,
        globs={},
        unbaked=0,
        inputs={path: digest(text.encode()) for path, text in INPUTS.items()}
        | {"docker-bake.hcl.j2": None, "no/such": None, "templates": FOLDER, ".": FOLDER}
        | (inputs or {}),
        outputs=digests(artifacts),
        warnings=WARNINGS,
    )
    save_state(root, state)


def check(root: Path) -> State | None:
    """Return what a run like the one before learns from the state."""
    return up_to_date(root, "matrix.yaml", compiler="1")


def edit_state(root: Path, change: Callable[[bytes], bytes]) -> None:
    """Change the state and its digest of itself."""
    path = root / STATE_PATH
    _, _, body = path.read_bytes().partition(b"\n")
    body = change(body)
    path.write_bytes(b'{"digest": "%s",\n%s' % (digest(body).encode(), body))


@pytest.mark.parametrize("output", ["dockerfiles", "a/b", ""])
def test_an_up_to_date_run_needs_no_compilation(tmp_path: Path, output: str) -> None:
    """After a run, its state has the warnings and counts; checking it touches nothing."""
    lay(tmp_path, output)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}

    state = check(tmp_path)

    assert state is not None
    assert (state.output, state.warnings, state.targets, state.tested) == (output, WARNINGS, 2, 0)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    assert json.loads((tmp_path / STATE_PATH).read_bytes())["compiler"] == "1"
    assert (tmp_path / LOCAL_FOLDER / ".gitignore").read_text() == "*\n"


def test_files_of_others_do_not_matter(tmp_path: Path) -> None:
    """Files that we did not write may come and go without a compilation."""
    lay(tmp_path)
    (tmp_path / "notes.md").write_text(HEAD)
    (tmp_path / "dockerfiles" / "notes.md").write_text(HEAD)
    (tmp_path / "dockerfiles" / "hand.Dockerfile").write_text("FROM x\n")
    os.mkfifo(tmp_path / "dockerfiles" / "pipe.Dockerfile")

    assert check(tmp_path) is not None


def link(path: Path, target: Path) -> None:
    """Move a file or folder elsewhere, and leave a link to it."""
    path.rename(target)
    path.symlink_to(target)


def append(path: Path) -> None:
    """Add a byte at a file's end."""
    path.write_bytes(path.read_bytes() + b"#")


def pipe(path: Path) -> None:
    """Replace a file by a named pipe."""
    path.unlink()
    os.mkfifo(path)


CHANGES: dict[str, Callable[[Path], object]] = {
    "an input edited": lambda r: (r / "matrix.yaml").write_text("axes: { }\n"),
    "an input removed": lambda r: (r / "templates/Dockerfile.j2").unlink(),
    "a missing input created": lambda r: (r / "docker-bake.hcl.j2").write_text(""),
    "a folder removed": lambda r: (r / "templates").rename(r / "elsewhere"),
    "an output edited": lambda r: (r / "dockerfiles/a.Dockerfile").write_text(HEAD),
    "an output longer": lambda r: append(r / "dockerfiles/a.Dockerfile"),
    "an output removed": lambda r: (r / "dockerfiles/b.Dockerfile").unlink(),
    "an output that is a link": lambda r: link(r / "dockerfiles/a.Dockerfile", r / "a"),
    "a stale output": lambda r: (r / "dockerfiles/c.Dockerfile").write_text(HEAD),
    "a bake file edited": lambda r: append(r / "docker-bake.hcl"),
    "a bake file of others": lambda r: (r / "docker-bake.hcl").write_text("target x {}"),
    "a bake file of another folder": lambda r: (r / "docker-bake.hcl").write_text(
        f"{HEAD}{PLAN_LINE}b/matrix.json\n"
    ),
    "no bake file": lambda r: (r / "docker-bake.hcl").unlink(),
    "a plan edited": lambda r: append(r / "dockerfiles/matrix.json"),
    "no plan": lambda r: (r / "dockerfiles/matrix.json").unlink(),
    "no state": lambda r: (r / STATE_PATH).unlink(),
    "a state longer": lambda r: append(r / STATE_PATH),
    "a state that is a link": lambda r: link(r / STATE_PATH, r / "state.json"),
    "a state that is a pipe": lambda r: pipe(r / STATE_PATH),
    "a state in a linked folder": lambda r: link(r / LOCAL_FOLDER, r / "local"),
    "files of a killed run": lambda r: (r / STAGING).mkdir(),
    "files of a killed run in the output folder": lambda r: (r / "dockerfiles" / STAGING).mkdir(),
    "an input that is a pipe": lambda r: pipe(r / "matrix.yaml"),
    "an output that is a pipe": lambda r: pipe(r / "dockerfiles/a.Dockerfile"),
    "an output folder elsewhere": lambda r: link(r / "dockerfiles", r.parent / f"{r.name}-other"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_any_change_is_noticed(tmp_path: Path, change: Callable[[Path], object]) -> None:
    """Whatever differs in inputs, outputs or state, and any stale file of ours, means compiling."""
    lay(tmp_path)
    change(tmp_path)

    assert check(tmp_path) is None


def test_the_state_is_of_one_matrix_and_version(tmp_path: Path) -> None:
    """The state of another version, matrix file or project does not count."""
    lay(tmp_path)

    assert up_to_date(tmp_path, "matrix.yaml", compiler="2") is None
    assert up_to_date(tmp_path, "templates/Dockerfile.j2", compiler="1") is None
    assert up_to_date(tmp_path / "templates", "matrix.yaml", compiler="1") is None
    assert up_to_date(tmp_path / "nowhere", "matrix.yaml", compiler="1") is None


@pytest.mark.parametrize("path", ["../outside", "/etc/hostname", "a/../matrix.yaml", "", "a\0b"])
def test_inputs_outside_the_project_are_not_read(tmp_path: Path, path: str) -> None:
    """A state that names a file outside the project does not count, even if its digest is right."""
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "outside").write_text("x")
    lay(root, inputs={path: digest(b"x")})
    assert check(root) is None

    lay(root, inputs={path: None})
    assert check(root) is None


REPLACED = [
    (b'"dockerfiles/a.', b'"../dockerfiles/a.'),
    (b'"dockerfiles/a.Dockerfile"', b'"dockerfiles/../matrix.yaml"'),
    (b'"dockerfiles/a.Dockerfile"', b'"dockerfiles/"'),
    (b'"output": "dockerfiles"', b'"output": "../elsewhere"'),
    (b'"output": "dockerfiles"', b'"output": null'),
    (b' "inputs": {', b' "inputs": [], "x": {'),
    (b' "outputs": {', b' "outputs": [], "x": {'),
    (b' "warnings": [', b' "warnings": 7, "x": ['),
    (b' "warnings": [', b' "warnings": ' + b"[" * 100_000),
    (b' "compiler": "1"', b' "compiler": 1'),
    (b'"version": 2', b'"version": 3'),
    *((name, name + b"0.") for name in (b'"tested": ', b'"existing": ', b'"unbaked": ')),
    (b': "sha256:', b": 5, "),
    (b': "sha256:', b': ["sha256"], "x": "'),
    (b"matrix.yaml", b"\xff"),
    (b"{", b""),
]


@pytest.mark.parametrize(("old", "new"), REPLACED)
def test_a_state_of_another_form_does_not_count(tmp_path: Path, old: bytes, new: bytes) -> None:
    """A state with a matching digest of itself raises nothing, whatever it contains."""
    lay(tmp_path)
    edit_state(tmp_path, lambda body: body)
    assert check(tmp_path) is not None

    edit_state(tmp_path, lambda body: body.replace(old, new))
    assert check(tmp_path) is None


def test_a_damaged_state_does_not_count(tmp_path: Path) -> None:
    """Cut off anywhere, or with a byte changed, the state means compiling and raises nothing."""
    lay(tmp_path)
    path = tmp_path / STATE_PATH
    state = path.read_bytes()
    wrong = [state[:end] for end in range(0, len(state), 5)]
    ends = range(0, len(state), 7)
    wrong += [state[:at] + bytes([state[at] ^ 1]) + state[at + 1 :] for at in ends]
    wrong += [b"<<<<<<< HEAD\n" + state, state + b"\n", b"\n" * 9, b"null"]
    for content in wrong:
        path.write_bytes(content)

        assert check(tmp_path) is None


def in_the_way(path: Path) -> None:
    """Put a file where the folder should be."""
    path.write_text("mine")


def dangling(path: Path) -> None:
    """Put a link to nothing where the folder should be."""
    path.symlink_to("nowhere")


def elsewhere(path: Path) -> None:
    """Put a link to another folder where the folder should be."""
    (path.parent / "other").mkdir()
    path.symlink_to("other")


def with_a_folder(path: Path) -> None:
    """Put a folder where the state should be."""
    (path / "state.json").mkdir(parents=True)


@pytest.mark.parametrize("obstacle", [in_the_way, dangling, elsewhere, with_a_folder])
def test_a_state_that_cannot_be_written_is_not_an_error(
    tmp_path: Path, obstacle: Callable[[Path], None]
) -> None:
    """Without a writable folder nothing is saved, no link is followed, and nothing is raised."""
    obstacle(tmp_path / LOCAL_FOLDER)
    lay(tmp_path)

    assert check(tmp_path) is None
    assert not any(path.is_file() for path in (tmp_path / "other").glob("*"))


def test_the_local_folder_keeps_a_gitignore_of_the_user(tmp_path: Path) -> None:
    """The folder is created once; a .gitignore that is there stays as it is."""
    folder = tmp_path / LOCAL_FOLDER
    write_local(tmp_path, "file", b"")
    assert (folder / ".gitignore").read_text() == "*\n"

    (folder / ".gitignore").write_text("*\n!release.json\n")
    write_local(tmp_path, "file", b"")
    assert (folder / ".gitignore").read_text() == "*\n!release.json\n"


def test_it_imports_nothing_slow(tmp_path: Path) -> None:
    """The check ends before a library, or a slow part of Python's own, would be imported."""
    slow = {
        "click",
        "yaml",
        "pydantic_core",
        "jinja2",
        "dataclasses",
        "inspect",
        "pathlib",
        "subprocess",
    }
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import compiler.output.saved_state as state; "
        "assert state.up_to_date(sys.argv[2], 'matrix.yaml', compiler='1'); print(*sys.modules)"
    )
    lay(tmp_path)
    arguments = [sys.executable, "-ISc", code, str(Path(__file__).parents[3]), str(tmp_path)]
    done = subprocess.run(arguments, check=True, capture_output=True, text=True)

    assert slow.intersection(done.stdout.split()) == set()


def test_a_path_that_becomes_a_link_is_another_input(tmp_path: Path) -> None:
    """The warnings about what a Dockerfile copies depend on where links lead."""
    path, other = tmp_path / "a.txt", tmp_path / "b.txt"
    path.touch()
    other.touch()
    files = Files(tmp_path)
    top = os.open(tmp_path, os.O_RDONLY)

    def is_current() -> bool:
        return input_is_current("a.txt", files.digests["a.txt"], top)

    assert files.exists("a.txt")
    assert is_current()
    path.unlink()
    path.symlink_to("nothing")
    assert not is_current()

    files = Files(tmp_path)
    assert files.exists("a.txt")
    assert is_current()
    path.unlink()
    assert not is_current()
    path.symlink_to("b.txt")
    assert not is_current()
    path.unlink()
    path.touch()
    assert not is_current()
    os.close(top)
