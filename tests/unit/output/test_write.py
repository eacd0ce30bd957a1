"""Writing artifacts: what changes, what is an error, and what stays as it was."""

import os
import signal
import stat
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from support.disk import brief, files, project, refused

from compiler.constants import STAGING
from compiler.errors import CompileError
from compiler.output.diff import JOURNAL, diff, former_folders
from compiler.output.write import update, write


def test_creates_updates_and_deletes(tmp_path: Path) -> None:
    """Files that are new, differ or are stale change, in this order; no other file does."""
    assert brief(update(project("a", "b", "c"), tmp_path, "dockerfiles")) == [
        ("create", "dockerfiles/a.Dockerfile"),
        ("create", "dockerfiles/b.Dockerfile"),
        ("create", "dockerfiles/c.Dockerfile"),
        ("create", "docker-bake.hcl"),
        ("create", "dockerfiles/matrix.json"),
    ]
    kept = tmp_path / "dockerfiles" / "a.Dockerfile"
    os.utime(kept, ns=(1, 1))
    (tmp_path / "dockerfiles" / "b.Dockerfile").unlink()
    new = project("a", "b", "d")

    assert brief(update(new, tmp_path, "dockerfiles")) == [
        ("create", "dockerfiles/b.Dockerfile"),
        ("create", "dockerfiles/d.Dockerfile"),
        ("update", "docker-bake.hcl"),
        ("update", "dockerfiles/matrix.json"),
        ("delete", "dockerfiles/c.Dockerfile"),
    ]
    assert files(tmp_path) == {a.path: a.content for a in new}
    assert kept.stat().st_mtime_ns == 1
    assert update(new, tmp_path, "dockerfiles") == ()


def test_the_project_folder_can_be_the_output_folder(tmp_path: Path) -> None:
    """With `output: .` all files are in the project's folder, and stale ones are pruned there."""
    update(project("a", "b", output=""), tmp_path, ".")

    assert brief(update(project("a", output=""), tmp_path, "."))[-1] == ("delete", "b.Dockerfile")
    assert files(tmp_path) == {a.path: a.content for a in project("a", output="")}


def test_modes_follow_the_umask(tmp_path: Path) -> None:
    """New files and folders have the rights that the user's umask gives."""
    before = os.umask(0o027)
    try:
        update(project("a"), tmp_path, "dockerfiles")
    finally:
        os.umask(before)

    found = {p.name: stat.S_IMODE(p.stat().st_mode) for p in tmp_path.rglob("*")}
    assert found.pop("dockerfiles") == 0o750
    assert set(found.values()) == {0o640}


def test_the_longest_name_and_big_files(tmp_path: Path) -> None:
    """A name of 255 bytes can be staged, and a file of any size is written to its end."""
    new = project("x" * (255 - len(".Dockerfile")), text="RUN true\n" * 100_000)
    update(new, tmp_path, "dockerfiles")

    assert files(tmp_path) == {a.path: a.content for a in new}
    assert diff(new, tmp_path, "dockerfiles") == ()


def test_writes_from_any_thread(tmp_path: Path) -> None:
    """A thread other than the main one can write, but cannot defer signals."""
    thread = threading.Thread(target=update, args=(project("a"), tmp_path, "dockerfiles"))
    thread.start()
    thread.join()

    assert diff(project("a"), tmp_path, "dockerfiles") == ()


def test_a_file_with_the_name_of_the_staging_folder(tmp_path: Path) -> None:
    """A file with the staging folder's name is an error, and nothing is changed."""
    (tmp_path / STAGING).write_text("mine")

    assert refused(lambda: update(project("a"), tmp_path, "dockerfiles")) == [("cannot-write", ".")]
    assert files(tmp_path) == {STAGING: b"mine"}
    assert not (tmp_path / "dockerfiles").exists()


def test_a_staging_folder_from_a_stranger(tmp_path: Path) -> None:
    """Very deep folders are an error, and a journal with very many folders takes no time."""
    deep = os.open(tmp_path, os.O_RDONLY)
    for name in (STAGING, *"x" * 1500):
        os.mkdir(name, dir_fd=deep)
        inner = os.open(name, os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = inner
    os.close(deep)
    journal = tmp_path / STAGING / JOURNAL
    journal.write_text("\n".join(f"folder{n}" for n in range(500_000)))

    assert refused(lambda: update(project("a"), tmp_path, "dockerfiles")) == [("cannot-write", ".")]
    assert len(former_folders(os.open(tmp_path, os.O_RDONLY))) < 2_000
    subprocess.run(["rm", "-r", str(tmp_path / STAGING)], check=True)


def test_a_failed_change_reports_how_many_succeeded(tmp_path: Path) -> None:
    """If the disk changes after comparing, the error counts what was done; staging is removed."""
    changes = diff(project("a", "b"), tmp_path, "dockerfiles")
    (tmp_path / "dockerfiles" / "b.Dockerfile").mkdir(parents=True)
    with pytest.raises(CompileError, match=r"b\.Dockerfile': Is a directory; 1 of 4 changes"):
        write(changes, tmp_path)

    assert set(files(tmp_path)) == {"dockerfiles/a.Dockerfile"}
    assert not list(tmp_path.rglob(STAGING))


def test_a_handled_signal_is_not_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the program handles the signal, it still learns that nothing was written."""
    said: list[int] = []
    changes = diff(project(*map(str, range(300))), tmp_path, "dockerfiles")
    opens = os.open

    def opened(path: Any, flags: int, *more: Any, **place: Any) -> int:
        if path == "7.Dockerfile":
            os.kill(os.getpid(), signal.SIGTERM)
        return opens(path, flags, *more, **place)

    before = signal.signal(signal.SIGTERM, lambda number, _: said.append(number))
    monkeypatch.setattr(os, "open", opened)
    try:
        with pytest.raises(SystemExit, match="143"):
            write(changes, tmp_path)
    finally:
        monkeypatch.undo()
        signal.signal(signal.SIGTERM, before)

    assert said == [signal.SIGTERM]
    assert list(tmp_path.iterdir()) == []
