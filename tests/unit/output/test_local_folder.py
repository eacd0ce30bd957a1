"""The folder `.compile-matrix/`: written without following links."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from compiler.constants import LOCAL_FOLDER
from compiler.output.local_folder import append_local, load_local, remove_local, write_local


NAMES = ["failed.json", "logs/a.log"]


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """Return a file outside the project that no run may change."""
    file = tmp_path / "victim"
    file.write_text("precious")
    return file


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return an empty project."""
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_files_are_written_appended_and_removed(project: Path, name: str) -> None:
    """The folder ignores itself, and appending begins a file that is missing."""
    append_local(project, name, b"a")
    append_local(project, name, b"b")
    appended = load_local(project, name)
    write_local(project, name, b"new")
    replaced = load_local(project, name)
    remove_local(project, name)
    remove_local(project, name)

    assert (appended, replaced) == (b"ab", b"new")
    assert not (project / LOCAL_FOLDER / name).exists()
    assert (project / LOCAL_FOLDER / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_link_in_place_of_a_file_is_replaced(project: Path, victim: Path, name: str) -> None:
    """A checkout may contain a link under the name of any of our files."""
    link = project / LOCAL_FOLDER / name
    link.parent.mkdir(parents=True)
    link.symlink_to(victim)
    write_local(project, name, b"new")

    assert (victim.read_text(), link.is_symlink(), link.read_text()) == ("precious", False, "new")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_appended_through_a_link(project: Path, victim: Path, name: str) -> None:
    """Appending fails, with the file's path, instead of writing to what the link leads to."""
    link = project / LOCAL_FOLDER / name
    link.parent.mkdir(parents=True)
    link.symlink_to(victim)
    with pytest.raises(OSError, match="in the way") as caught:
        append_local(project, name, b"new")

    assert os.fspath(caught.value.filename).endswith(f"{LOCAL_FOLDER}/{name}")
    assert victim.read_text() == "precious"


def test_a_pipe_is_not_waited_for(project: Path) -> None:
    """A named pipe without a reader fails at once."""
    (project / LOCAL_FOLDER).mkdir()
    os.mkfifo(project / LOCAL_FOLDER / "failed.json")
    with pytest.raises(OSError, match="No such device"):
        append_local(project, "failed.json", b"new")


@pytest.mark.parametrize(
    "linked", [LOCAL_FOLDER, f"{LOCAL_FOLDER}/logs", f"{LOCAL_FOLDER}/.gitignore"]
)
@pytest.mark.parametrize("write", [write_local, append_local])
def test_linked_folders_are_not_entered(
    project: Path, tmp_path: Path, linked: str, write: Callable[[Path, str, bytes], None]
) -> None:
    """Neither the folder itself nor a folder in it may be a link."""
    outside = tmp_path / "outside"
    outside.mkdir()
    link = project / linked
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(outside)
    if linked.endswith(".gitignore"):
        write(project, "logs/a.log", b"new")
    else:
        with pytest.raises(OSError, match="in the way"):
            write(project, "logs/a.log", b"new")
        with pytest.raises(OSError, match="in the way"):
            remove_local(project, "logs/a.log")

    assert not list(outside.iterdir())
