"""What a Dockerfile can read of its build contexts: the folder `.git`, and missing paths."""

import subprocess
from pathlib import Path

import pytest
from support.git_reads import IGNORED, KEPT, NOT_IGNORED, READ, write_context

from compiler.cli.main import run
from compiler.errors import CompileError
from compiler.output.scaffold import init
from compiler.pipeline import compile_matrix


def project(folder: Path, *instructions: str) -> None:
    """Write a project whose context has a `.git`, with a Dockerfile of these instructions."""
    write_context(folder)
    (folder / "templates").mkdir()
    lines = "\n".join(["FROM debian:12", *instructions])
    (folder / "templates/t.j2").write_text(f"{lines}\n")
    (folder / "matrix.yaml").write_text("images: {a: {template: t.j2}}\n")


def codes(folder: Path) -> list[str]:
    """Return the codes of the warnings of a project."""
    return [warning.code for warning in compile_matrix(folder / "matrix.yaml").plan.warnings]


@pytest.mark.parametrize("instruction", READ)
def test_what_can_read_git(instruction: str, tmp_path: Path) -> None:
    """Links are followed as BuildKit follows them."""
    project(tmp_path, instruction)

    assert codes(tmp_path) == ["readable-git"]


@pytest.mark.parametrize("instruction", KEPT)
def test_what_cannot_read_git(instruction: str, tmp_path: Path) -> None:
    """Neither patterns nor `--exclude` lead to a false warning."""
    project(tmp_path, instruction)

    assert codes(tmp_path) == []


@pytest.mark.parametrize("ignored", IGNORED)
def test_an_ignore_file_silences_the_warning(ignored: str, tmp_path: Path) -> None:
    """In the context, or next to the Dockerfile."""
    project(tmp_path, "COPY . /", "RUN --mount=type=bind,target=/src true")
    assert set(codes(tmp_path)) == {"readable-git"}
    (tmp_path / ".dockerignore").write_text(ignored)
    assert codes(tmp_path) == []

    (tmp_path / ".dockerignore").unlink()
    (tmp_path / "dockerfiles").mkdir()
    (tmp_path / "dockerfiles/a.Dockerfile.dockerignore").write_text(ignored)
    assert codes(tmp_path) == []


@pytest.mark.parametrize("ignored", NOT_IGNORED)
def test_an_ignore_file_of_something_else(ignored: str, tmp_path: Path) -> None:
    """Some files of `.git` are enough for the warning."""
    project(tmp_path, "COPY . /")
    (tmp_path / ".dockerignore").write_text(ignored)

    assert codes(tmp_path) == ["readable-git"]


def test_without_git_there_is_no_warning(tmp_path: Path) -> None:
    """A context in a subfolder of a repository has no `.git`; a worktree has a file."""
    project(tmp_path, "COPY . /", "COPY --from=part . /", "FROM part")
    matrix = "{template: t.j2, context: a, contexts: {part: .github}}"
    (tmp_path / "matrix.yaml").write_text(f"images: {{a: {matrix}}}\n")
    assert codes(tmp_path) == []

    (tmp_path / "a/.git").write_text("gitdir: ../../.git/worktrees/a\n")
    assert codes(tmp_path) == ["readable-git"]
    (tmp_path / ".github/.git").mkdir()
    assert codes(tmp_path) == ["readable-git"] * 3


@pytest.mark.parametrize("ignore", ["link", "folder", "large", "outside"])
def test_an_unreadable_ignore_file(ignore: str, tmp_path: Path) -> None:
    """It ends no compilation; a dangling link and a folder ignore nothing."""
    top = tmp_path / "top"
    top.mkdir()
    project(top, "COPY . /")
    file = top / ".dockerignore"
    if ignore == "folder":
        file.mkdir()
    elif ignore == "large":
        file.write_bytes(b"#" * (1 << 20) + b"\n")
    else:
        file.symlink_to("missing" if ignore == "link" else "/etc/passwd")

    expected = ["readable-git"] if ignore in {"link", "folder"} else []
    assert codes(top) == expected


def test_an_up_to_date_run_notices_each_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`.git`, the ignore file of the context and that of the Dockerfile are inputs."""
    project(tmp_path, "COPY . /")
    monkeypatch.chdir(tmp_path)

    def warned() -> bool:
        assert run([]) == 0
        first = "readable-git" in capsys.readouterr().err
        assert run([]) == 0
        assert ("readable-git" in capsys.readouterr().err) is first  # repeated, or still absent
        return first

    own = tmp_path / "dockerfiles/a.Dockerfile.dockerignore"
    assert warned()
    own.write_text(".git\n")
    assert not warned()
    own.write_text("other\n")
    assert warned()
    own.unlink()
    (tmp_path / ".dockerignore").write_text(".git\n")
    assert not warned()
    (tmp_path / ".dockerignore").unlink()
    assert warned()
    (tmp_path / ".git").rename(tmp_path / "elsewhere")
    assert not warned()
    (tmp_path / "elsewhere").rename(tmp_path / ".git")
    assert warned()


@pytest.mark.parametrize("minimal", [False, True])
def test_a_new_project_has_no_warnings(minimal: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """Even after `git init`."""
    init(tmp_path, minimal=minimal)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)

    assert compile_matrix(tmp_path / "matrix.yaml").plan.warnings == ()


@pytest.mark.parametrize(
    ("links", "source", "expected"),
    [
        ({"l": "nope"}, "l", "'l' is a link to 'nope', which is not in the build context 'ctx'"),
        ({"l": "/etc/hostname"}, "l", "'l' is a link to 'etc/hostname', which is not in"),
        ({"l": "../t.txt"}, "l", "'l' is a link to 't.txt', which is not in"),
        ({"l": "m", "m": "nope"}, "l", "'l' is a link to 'nope', which is not in"),
        ({"l": "/etc"}, "l/hostname", "'l/hostname' is a link to 'etc/hostname', which is not in"),
        ({"l": "f"}, "l", ""),
        ({"l": "/d/f"}, "l", ""),
        ({"l": "../../d"}, "l/f", ""),
        ({"l": "/"}, "l", ""),
        ({"l": "m", "m": "l"}, "l", ""),
    ],
)
def test_links_that_lead_to_nothing(
    links: dict[str, str], source: str, expected: str, tmp_path: Path
) -> None:
    """BuildKit follows a link in the context, and fails if nothing is there."""
    (tmp_path / "ctx/d").mkdir(parents=True)
    (tmp_path / "templates").mkdir()
    for file in ("t.txt", "ctx/f", "ctx/d/f", "templates/t.j2"):
        (tmp_path / file).write_text(f"FROM debian:12\nCOPY {source} /x\n")
    for name, target in links.items():
        (tmp_path / "ctx" / name).symlink_to(target)
    (tmp_path / "matrix.yaml").write_text("images: {a: {template: t.j2, context: ctx}}\n")

    found = compile_matrix(tmp_path / "matrix.yaml").plan.warnings
    assert [one.code for one in found] == (["missing-source"] if expected else [])
    assert all(expected in one.message for one in found)


PARENTS = [
    ("FROM busybox\nONBUILD COPY . /src\n", "FROM {{ parent }}\n", ["readable-git"]),
    (
        "FROM busybox\nonbuild add --link . /src\n",
        "FROM {{ parent }} AS b\nFROM b\n",
        ["readable-git"],
    ),
    (
        "FROM busybox\nONBUILD COPY t .git /src/\n",
        "FROM {{ parent }}\n",
        ["missing-source", "readable-git"],
    ),
    (
        "FROM busybox\nONBUILD RUN --mount=target=/src true\n",
        "FROM {{ parent }}\n",
        ["readable-git"],
    ),
    (
        "FROM busybox\nONBUILD RUN --mount=type=secret,id=s true\n",
        "FROM {{ parent }}\n",
        ["missing-secret"],
    ),
    ("FROM busybox\nONBUILD COPY templates /src\n", "FROM {{ parent }}\n", []),
    ("FROM busybox\nONBUILD COPY . /src\n", "FROM busybox\nCOPY --from={{ parent }} / /\n", []),
    ("FROM busybox AS a\nONBUILD COPY . /\nFROM busybox\n", "FROM {{ parent }}\n", []),
    ("FROM busybox AS a\nONBUILD COPY . /\nFROM a\n", "FROM {{ parent }}\n", ["readable-git"]),
]


@pytest.mark.parametrize(("parent", "child", "expected"), PARENTS)
def test_instructions_that_a_parent_triggers(
    parent: str, child: str, expected: list[str], tmp_path: Path
) -> None:
    """`ONBUILD` runs in the context of the child, and only in an image that extends the parent."""
    project(tmp_path)
    (tmp_path / "templates/t.j2").write_text(parent)
    (tmp_path / "templates/c.j2").write_text(child)
    (tmp_path / "matrix.yaml").write_text(
        "images:\n  a: {template: t.j2}\n  b: {template: c.j2, from: a}\n"
    )

    assert sorted(set(codes(tmp_path))) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("FROM busybox\n" * 1001, "more than 1,000 stages"),
        (
            "FROM busybox AS a\n" + "ONBUILD COPY . /\n" * 101 + "FROM a\n" * 100,
            "its stages run more than 10,000 `ONBUILD` instructions",
        ),
    ],
)
def test_stages_and_what_they_run_are_limited(text: str, reason: str, tmp_path: Path) -> None:
    """A small file must not keep a job busy for hours: stages are compared with each other."""
    (tmp_path / "Dockerfile").write_text(text)
    (tmp_path / "matrix.yaml").write_text("images: {a: {dockerfile: Dockerfile}}\n")

    with pytest.raises(CompileError, match=reason):
        compile_matrix(tmp_path / "matrix.yaml")
