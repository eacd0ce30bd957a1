"""Comparing artifacts with the disk: which files are ours, and what is an error."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.disk import HEAD, brief, files, project, refused

from compiler.constants import MARKER
from compiler.output.diff import Change, Kind, diff
from compiler.output.manifest import PLAN_LINE
from compiler.output.unified_diff import unified
from compiler.output.write import update, write


def test_comparing_writes_nothing(tmp_path: Path) -> None:
    """A comparison leaves the folder as it is, and its changes can be written afterwards."""
    changes = diff(project("a"), tmp_path, "dockerfiles")

    assert list(tmp_path.iterdir()) == []
    write(changes, tmp_path)
    assert files(tmp_path) == {a.path: a.content for a in project("a")}


def test_files_of_others_stay(tmp_path: Path) -> None:
    """Files of others in the output folder are neither touched nor in the way."""
    theirs = {"hand.Dockerfile": "FROM x\n", "notes.md": HEAD}
    (tmp_path / "dockerfiles").mkdir()
    for name, text in theirs.items():
        (tmp_path / "dockerfiles" / name).write_text(text)
    (tmp_path / "dockerfiles" / "link.Dockerfile").symlink_to("notes.md")
    (tmp_path / "dockerfiles" / "sub.Dockerfile").mkdir()
    os.mkfifo(tmp_path / "dockerfiles" / "pipe.Dockerfile")
    update(project("a", "b"), tmp_path, "dockerfiles")
    update(project("a"), tmp_path, "dockerfiles")

    assert diff(project("a"), tmp_path, "dockerfiles") == ()
    found = {p.name for p in (tmp_path / "dockerfiles").iterdir()}
    ours = {"a.Dockerfile", "matrix.json"}
    assert found == {*theirs, *ours, "link.Dockerfile", "sub.Dockerfile", "pipe.Dockerfile"}


@pytest.mark.parametrize(
    "text",
    [
        "FROM scratch\n",
        "",
        f"FROM x\n# This was not {MARKER}\n",
        f"FROM x\nRUN echo '{MARKER}'\n",
        "\n" * 5000 + HEAD,
    ],
)
def test_all_files_of_others_in_the_way_are_reported_at_once(tmp_path: Path, text: str) -> None:
    """A file without our comment that no plan lists is never overwritten; nothing is written."""
    (tmp_path / "dockerfiles").mkdir()
    for path in ("docker-bake.hcl", "dockerfiles/b.Dockerfile", "dockerfiles/matrix.json"):
        (tmp_path / path).write_text(text)
    before = files(tmp_path)

    assert refused(lambda: update(project("a", "b"), tmp_path, "dockerfiles")) == [
        ("not-ours", "dockerfiles/b.Dockerfile"),
        ("not-ours", "docker-bake.hcl"),
        ("not-ours", "dockerfiles/matrix.json"),
    ]
    assert files(tmp_path) == before


def test_files_that_the_plan_lists_are_ours(tmp_path: Path) -> None:
    """A generated file without its first comment is still replaced or pruned."""
    update(project("a", "b"), tmp_path, "dockerfiles")
    for name in ("a", "b"):
        (tmp_path / "dockerfiles" / f"{name}.Dockerfile").write_text("FROM edited\n")

    assert brief(diff(project("a"), tmp_path, "dockerfiles"))[::3] == [
        ("update", "dockerfiles/a.Dockerfile"),
        ("delete", "dockerfiles/b.Dockerfile"),
    ]


@pytest.mark.parametrize("comment", [True, False])
def test_merge_conflicts_are_ours(tmp_path: Path, *, comment: bool) -> None:
    """Files with conflict markers are replaced; a plan with markers still lists its files."""
    sides = [project("a", "old"), project("a", text="FROM b\n")]
    update(sides[0], tmp_path, "dockerfiles")
    for one, other in zip(sides[0][::2], sides[1], strict=False):
        both = (one.content, other.content)
        content = b"<<<<<<< HEAD\n%s=======\n%s>>>>>>> theirs\n" % both
        (tmp_path / one.path).write_bytes(content)
    plan = tmp_path / "dockerfiles" / "matrix.json"
    both = (sides[0][-1].content, sides[1][-1].content)
    plan.write_bytes(b"<<<<<<< HEAD\n%s=======\n%s>>>>>>> theirs\n" % both)
    if not comment:
        (tmp_path / "dockerfiles" / "old.Dockerfile").write_bytes(b"<<<<<<< HEAD\nFROM x\n")
    update(sides[1], tmp_path, "dockerfiles")

    assert files(tmp_path) == {a.path: a.content for a in sides[1]}


def test_another_output_folder_leaves_nothing_in_the_old_one(tmp_path: Path) -> None:
    """If `output` changes, generated files in the old folder are deleted, and the empty folder."""
    update(project("a", "b", output="build/docker"), tmp_path, "build/docker")
    update(project("a", output="one"), tmp_path, "one")

    assert files(tmp_path) == {a.path: a.content for a in project("a", output="one")}
    assert {p.name for p in tmp_path.iterdir()} == {"one", "docker-bake.hcl"}

    (tmp_path / "one" / "hand.Dockerfile").write_text("FROM x\n")
    update(project("a", output=""), tmp_path, "")

    assert {p.name for p in (tmp_path / "one").iterdir()} == {"hand.Dockerfile"}


@pytest.mark.parametrize("folder", ["../other", "/etc", "link", "dockerfiles/../../other", "a//b"])
def test_a_hostile_bake_file_prunes_nothing_elsewhere(tmp_path: Path, folder: str) -> None:
    """Nothing is deleted outside the project, even if a bake file names a plan there."""
    root, other = tmp_path / "root", tmp_path / "other"
    root.mkdir()
    other.mkdir()
    (root / "link").symlink_to(other)
    (other / "x.Dockerfile").write_text(HEAD)
    (root / "docker-bake.hcl").write_text(f"{HEAD}{PLAN_LINE}{folder}/matrix.json\n")

    changes = update(project("a"), root, "dockerfiles")

    assert [change.kind for change in changes] == [Kind.CREATE, Kind.UPDATE, Kind.CREATE]
    assert (other / "x.Dockerfile").exists()


def in_the_way(place: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield what can be in the place of a file."""
    target = place.parent / "target"
    target.write_text(HEAD)
    yield "folder", place.mkdir
    yield "link", lambda: place.symlink_to(target)
    yield "dangling link", lambda: place.symlink_to("nowhere")
    yield "pipe", lambda: os.mkfifo(place)


@pytest.mark.parametrize("what", ["folder", "link", "dangling link", "pipe"])
@pytest.mark.parametrize("path", ["docker-bake.hcl", "dockerfiles/a.Dockerfile"])
def test_only_files_are_replaced(tmp_path: Path, what: str, path: str) -> None:
    """A folder, a link or a pipe in the place of a file is an error."""
    (tmp_path / "dockerfiles").mkdir()
    dict(in_the_way(tmp_path / path))[what]()

    assert refused(lambda: diff(project("a"), tmp_path, "dockerfiles")) == [("not-a-file", path)]


def test_the_output_folder_is_a_folder_of_the_project(tmp_path: Path) -> None:
    """A file, a dangling link, or a link out of the project cannot be the output folder."""
    root = tmp_path / "root"
    (root / "real").mkdir(parents=True)
    (root / "file").write_text("")
    for name, target in {"out": "..", "gone": "nowhere", "in": "real"}.items():
        (root / name).symlink_to(target)

    for output in ("file", "file/x", "out", "out/x", "gone", "gone/x"):
        call = diff, project("a", output=output), root, output
        expected = [("output-folder", output)]
        assert refused(lambda call=call: call[0](*call[1:])) == expected  # type: ignore[misc]
    update(project("a", output="in"), root, "in")

    assert (root / "real" / "a.Dockerfile").exists()
    assert (root / "in").is_symlink()


def test_a_unified_diff_can_be_applied() -> None:
    """Creations, deletions, changes and missing line ends look as git and patch have them."""
    changes = (
        Change(Kind.CREATE, "a", None, b"one\n"),
        Change(Kind.UPDATE, "b", b"one\ntwo\x0c2\nend", b"one\nTWO\x0c2\nend\n"),
        Change(Kind.DELETE, "c", b"one", None),
        Change(Kind.CREATE, "d", None, b""),
    )

    assert "".join(unified(changes)) == (
        "--- /dev/null\n+++ b/a\n@@ -0,0 +1 @@\n+one\n"
        "--- a/b\n+++ b/b\n@@ -1,3 +1,3 @@\n one\n-two\x0c2\n-end\n"
        "\\ No newline at end of file\n+TWO\x0c2\n+end\n"
        "--- a/c\n+++ /dev/null\n@@ -1 +0,0 @@\n-one\n\\ No newline at end of file\n"
    )
