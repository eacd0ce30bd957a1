"""Options that every command accepts, and the matrix that is used without `-f`."""

import json
import os
import shlex
from pathlib import Path

import click
import pytest

from compiler.cli.main import cli, run
from compiler.cli.matrix_file import find_matrix


Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


@pytest.mark.parametrize(
    "arguments",
    [
        ["-f", "project/matrix.yaml", "list", "--format", "names"],
        ["list", "-f", "project/matrix.yaml", "--format", "names"],
        ["-f", "nowhere.yaml", "list", "--file", "project/matrix.yaml", "--format", "names"],
    ],
)
def test_the_matrix_before_or_after_the_command(
    arguments: list[str], small_project: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    """-f is accepted in both positions; the last one counts."""
    monkeypatch.chdir(small_project.parent)

    assert run(arguments) == 0
    assert capsys.readouterr().out.split()[0] == "server-3_9"


def test_the_limit_after_the_command(small_project: Path, capsys: Capture) -> None:
    """--max-variants is accepted after the command, and in a command below a command."""
    del small_project

    assert run(["list", "--max-variants", "3"]) == 1
    assert "too-many-variants" in capsys.readouterr().err
    assert run(["ci", "--max-variants", "3", "github"]) == 1
    assert "too-many-variants" in capsys.readouterr().err
    assert run(["ci", "github", "--max-variants", "3"]) == 1
    assert "too-many-variants" in capsys.readouterr().err


def test_results_and_errors_in_one_format(small_project: Path, capsys: Capture) -> None:
    """`--format json` of a command is the format of its errors, too."""
    del small_project

    assert run(["list", "--format", "json", "python=7"]) == 1
    assert json.loads(capsys.readouterr().err)["diagnostics"][0]["code"] == "unknown-value"


def test_every_command_shows_the_common_options() -> None:
    """The help of each command has them in a section of their own."""
    program = click.Context(cli, **cli.context_settings)
    for command in cli.commands.values():
        text = command.get_help(click.Context(command, parent=program))
        assert "Common options:\n  -f, --file FILE" in text, command.name


def test_compile_is_a_command(small_project: Path, capsys: Capture) -> None:
    """`compile-matrix compile` is the same as `compile-matrix`."""
    assert run(["compile", "--check"]) == 1
    assert "error[stale-files]" in capsys.readouterr().err
    assert run(["compile"]) == 0
    assert (small_project / "docker-bake.hcl").is_file()
    assert run(["--check"]) == 0


@pytest.mark.slow
def test_the_matrix_of_the_folder_above(
    small_project: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    """In a subfolder the project's matrix is used, and named on stderr."""
    (small_project / "a/b").mkdir(parents=True)
    monkeypatch.chdir(small_project / "a/b")

    assert run([]) == 0

    out, notes = capsys.readouterr()
    assert notes == "using ../../matrix.yaml\n"
    assert "next: cd ../.. && docker buildx bake\n" in out
    assert (small_project / "docker-bake.hcl").is_file()


def test_the_search_ends_at_the_repository(tmp_path: Path) -> None:
    """A matrix outside the repository is not the project's."""
    (tmp_path / "matrix.yaml").touch()
    (tmp_path / "repository/.git").mkdir(parents=True)
    (tmp_path / "repository/a").mkdir()

    for name in ("repository", "repository/a"):
        assert find_matrix(tmp_path / name) == tmp_path / name / "matrix.yaml"
    (tmp_path / "repository/matrix.yaml").touch()
    assert find_matrix(tmp_path / "repository/a").resolve().parent.name == "repository"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a folder to another user")
def test_the_search_ends_at_another_user(tmp_path: Path) -> None:
    """A folder that another user may write to does not decide what is compiled."""
    (tmp_path / "shared/mine").mkdir(parents=True)
    (tmp_path / "shared/matrix.yaml").touch()
    os.chown(tmp_path / "shared", 12345, 12345)

    assert find_matrix(tmp_path / "shared/mine") == tmp_path / "shared/mine/matrix.yaml"


def test_a_project_within_a_project(
    small_project: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    """`init` in a subfolder writes a project, and says that there is one above."""
    (small_project / "sub").mkdir()
    monkeypatch.chdir(small_project / "sub")

    assert run(["init", "--minimal"]) == 0

    assert "../matrix.yaml is a project, too" in capsys.readouterr().err
    assert run(["list"]) == 0
    assert "worker-3_10" in capsys.readouterr().out


def test_a_folder_above_a_link(small_project: Path, capsys: Capture, monkeypatch: Patch) -> None:
    """`link/..` is the folder of what the link leads to, for what is read and what is written."""
    (small_project / "deep").mkdir()
    elsewhere = small_project.with_name("elsewhere")
    elsewhere.mkdir()
    (elsewhere / "matrix.yaml").write_text("images: 3\n")
    (elsewhere / "link").symlink_to(small_project / "deep")
    monkeypatch.chdir(elsewhere)

    assert run(["-f", "link/../matrix.yaml"]) == 0
    assert (small_project / "docker-bake.hcl").exists()
    assert run(["-f", "nowhere/../matrix.yaml"]) == 1

    assert "there is no file nowhere/../matrix.yaml" in capsys.readouterr().err


def test_the_next_command_can_be_copied(
    small_project: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    """A folder is quoted for the shell, and the example filter is one that people build."""
    small_project.rename(small_project.with_name("with space"))
    monkeypatch.chdir(small_project.parent)

    assert run(["-f", "with space/matrix.yaml"]) == 0

    steps = capsys.readouterr().out.partition("next: ")[2].splitlines()
    assert steps[0] == "cd 'with space' && docker buildx bake"
    assert shlex.split(steps[1])[3:5] == ["ONLY_CUDA=12.8", "docker"]


def test_list_shows_all_tags(small_project: Path, capsys: Capture, monkeypatch: Patch) -> None:
    """Floating tags have a column; --resolved replaces variables."""
    del small_project
    monkeypatch.setenv("VERSION", "v2.0")

    assert run(["list", "server-3_9"]) == 0
    written = capsys.readouterr().out
    assert run(["list", "server-3_9", "--resolved"]) == 0
    resolved = capsys.readouterr().out
    assert run(["list", "server-3_9", "--resolved", "--format", "json"]) == 0
    (target,) = json.loads(capsys.readouterr().out)

    assert "FLOATING TAGS" in written
    assert "${REGISTRY}/server:3.9-${VERSION}" in written
    assert "docker.io/acme/server:3.9-v2.0  docker.io/acme/server:3.9\n" in resolved
    assert target["tags"] == ["docker.io/acme/server:3.9-v2.0"]
    assert target["moving"] == ["docker.io/acme/server:3.9"]


@pytest.mark.parametrize("command", [[], ["list"], ["list", "--resolved"], ["layers"]])
@pytest.mark.parametrize(
    ("name", "message", "remedy"),
    [
        ("pipe", "'pipe' is not a regular file", "save the matrix as a file"),
        ("/dev/null", "'/dev/null' is not a regular file", "save the matrix as a file"),
        ("-", "'-' is not a regular file", "save the matrix as a file"),
        (".", "'.' is a folder", "write `-f matrix.yaml`"),
        ("templates", "'templates' is a folder", "write `-f templates/matrix.yaml`"),
    ],
)
def test_a_matrix_is_a_regular_file(
    name: str, message: str, remedy: str, command: list[str], small_project: Path, capsys: Capture
) -> None:
    """Folders, pipes and devices are errors of `-f`, and are not read."""
    os.mkfifo(small_project / "pipe")

    assert run([*command, "-f", name]) == 1
    error = capsys.readouterr().err
    assert f"-f: error[not-a-file]: {message}" in error
    assert f"help: {remedy}" in error


def test_a_matrix_in_another_folder(small_project: Path, tmp_path: Path, capsys: Capture) -> None:
    """A link to a matrix of another folder is an error that says so."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "matrix.yaml").symlink_to(small_project / "matrix.yaml")

    assert run(["list", "-f", str(other / "matrix.yaml")]) == 1
    error = capsys.readouterr().err
    assert "matrix.yaml is a link to a file in another folder" in error
    assert "help: name that file with `-f FILE`" in error
