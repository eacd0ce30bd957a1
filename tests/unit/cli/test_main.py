"""The command line: what it prints, where, and with which exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import command


MATRIX = """\
axes:
  python: [3.9, 3.10]
  gpu: {false: {}, true: {platforms: [linux/amd64]}}
images:
  server:
    template: Dockerfile.j2
    platforms: [linux/amd64, linux/arm64]
    tags: ["acme/server:{{ variant }}"]
  base:
    template: Dockerfile.j2
    axes: [python]
    tags: ["acme/base:{{ variant }}"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give a small project."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/Dockerfile.j2").write_text("FROM python:{{ python }}\n")
    (tmp_path / "matrix.yaml").write_text(MATRIX)
    return tmp_path


def run(folder: Path, *words: str, code: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
    """Run compile-matrix in a folder and expect an exit code."""
    return command.call(folder, *words, env={**os.environ, **env}, code=code)


def test_it_says_what_came_out_and_what_is_next(project: Path) -> None:
    """A first run names the targets, the files and the next command; a second has nothing to do."""
    first = run(project)
    second = run(project)

    assert "6 targets: server (4), base (2)" in first.stdout
    assert "next: docker buildx bake" in first.stdout
    assert second.stdout == "6 targets: up to date\n"


def test_check_and_diff_write_nothing(project: Path) -> None:
    """--check and --diff exit 1 with what is stale, 0 after compiling, and write nothing."""
    stale = run(project, "--check", code=1)
    assert "docker-bake.hcl: would be created" in stale.stdout
    assert not (project / "docker-bake.hcl").exists()
    run(project)
    run(project, "--check")
    (project / "templates/Dockerfile.j2").write_text("FROM pypy:{{ python }}\n")

    diff = run(project, "--diff", code=1)

    assert "-FROM python:3.9\n+FROM pypy:3.9\n" in diff.stdout
    assert "FROM python:3.9" in (project / "dockerfiles/server-3_9.Dockerfile").read_text()


def test_a_target_that_goes_takes_its_file_along(project: Path) -> None:
    """What is no longer a target is pruned, and what others put there stays."""
    run(project)
    (project / "dockerfiles/notes.txt").write_text("mine")
    (project / "matrix.yaml").write_text(MATRIX.replace("[3.9, 3.10]", "[3.10]"))

    run(project)

    names = sorted(file.name for file in (project / "dockerfiles").iterdir())
    assert names == [
        "base-3_10.Dockerfile",
        "matrix.json",
        "notes.txt",
        "server-3_10-gpu.Dockerfile",
        "server-3_10.Dockerfile",
    ]


def test_only_what_differs_is_touched(project: Path) -> None:
    """A change of one image leaves the files of the other as they were, times included."""
    run(project)
    before = (project / "dockerfiles/base-3_9.Dockerfile").stat().st_mtime_ns
    (project / "templates/other.j2").write_text("FROM pypy:{{ python }}\n")
    text = MATRIX.replace("server:\n    template: Dockerfile.j2", "server:\n    template: other.j2")
    (project / "matrix.yaml").write_text(text)

    run(project)

    assert before == (project / "dockerfiles/base-3_9.Dockerfile").stat().st_mtime_ns
    assert "FROM pypy:3.9" in (project / "dockerfiles/server-3_9.Dockerfile").read_text()


def test_another_folder(project: Path, tmp_path: Path) -> None:
    """-f compiles a matrix in another folder, writes there, and shows paths as the user did."""
    other = tmp_path / "elsewhere"
    other.mkdir()
    path = os.path.relpath(project / "matrix.yaml", other)
    run(other, "-f", path)
    assert (project / "docker-bake.hcl").exists()
    (project / "matrix.yaml").write_text("images: 3\n")

    wrong = run(other, "-f", path, code=1)

    assert wrong.stderr.startswith("../matrix.yaml:1:9: error[wrong-type]")


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["0", "1", "77"])
def test_same_input_same_bytes(project: Path, seed: str) -> None:
    """Hash seed, folder, locale and time zone leave no trace in what is generated."""
    run(project)
    expected = {file.name: file.read_bytes() for file in (project / "dockerfiles").iterdir()}
    copy = project / "deep" / "copy"
    (copy / "templates").mkdir(parents=True)
    (copy / "templates/Dockerfile.j2").write_text("FROM python:{{ python }}\n")
    (copy / "matrix.yaml").write_text(MATRIX)

    env = {"PYTHONHASHSEED": seed, "LC_ALL": "C", "TZ": "Asia/Tokyo"}
    command.run(copy, env={**os.environ, **env})

    assert expected == {file.name: file.read_bytes() for file in (copy / "dockerfiles").iterdir()}
    assert (project / "docker-bake.hcl").read_bytes() == (copy / "docker-bake.hcl").read_bytes()


def test_list_for_programs(project: Path) -> None:
    """`list` gives names, the targets of matrix.json, and a job matrix, narrowed by filters."""
    run(project)
    names = run(project, "list", "gpu=true,null", "python=3.10", "--format", "names").stdout
    assert names.split() == ["server-3_10-gpu", "base-3_10"]
    plan = json.loads((project / "dockerfiles/matrix.json").read_text())

    listed = json.loads(run(project, "list", "--format", "json").stdout)
    jobs = json.loads(run(project, "list", "base", "--format", "github").stdout)

    assert plan["targets"] == listed
    assert jobs == {
        "include": [
            {"target": "base-3_9", "image": "base", "python": "3.9"},
            {"target": "base-3_10", "image": "base", "python": "3.10"},
        ]
    }


def test_a_job_matrix_that_github_rejects_is_noted(project: Path) -> None:
    """Above 256 jobs a note says how to put several targets into one job."""
    for count, noted in ((256, False), (257, True)):
        values = ", ".join(map(str, range(count)))
        matrix = f"axes: {{python: [{values}]}}\nimages: {{server: {{template: Dockerfile.j2}}}}\n"
        (project / "matrix.yaml").write_text(matrix)

        done = run(project, "list", "--format", "github")

        assert len(json.loads(done.stdout)["include"]) == count
        assert ("`compile-matrix ci github`" in done.stderr) is noted
        assert not run(project, "list").stderr


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("pyhton=3.9", "did you mean 'python'?"),
        ("python=3.99", "'python' has no value '3.99'"),
        ("servre", "did you mean 'server'?"),
        ("platform=linux/amd46", "did you mean 'linux/amd64'?"),
        ("image=bsae", "did you mean 'base'?"),
        ("python=", "missing value for 'python'"),
    ],
)
def test_a_filter_that_means_nothing(project: Path, word: str, said: str) -> None:
    """A filter with a slip is refused, at its place, with what may have been meant."""
    assert said in run(project, "list", word, code=1).stderr


def test_filters_that_leave_nothing(project: Path) -> None:
    """Filters that exclude each other are an error, not an empty list."""
    done = run(project, "list", "image=base", "gpu=true", code=1)

    assert "no-variant-matches" in done.stderr
    assert not done.stdout


def test_list_by_platform(project: Path) -> None:
    """`platform=` keeps what is built for it."""
    said = run(project, "list", "platform=linux/arm64", "image=server", "--format=names").stdout

    assert said.split() == ["server-3_9", "server-3_10"]


def test_platforms_of_a_value_read_the_variant(project: Path) -> None:
    """What narrows the platforms may depend on another axis, and is read for each variant."""
    text = MATRIX.replace("[linux/amd64]}", '["linux/{{ arch }}"]}')
    text = text.replace("axes:\n", "axes:\n  arch: [amd64, arm64]\n", 1)
    (project / "matrix.yaml").write_text(text.replace("axes: [python]", "axes: [arch, python]"))

    listed = json.loads(run(project, "list", "gpu=true", "--format", "json").stdout)

    assert [[f"linux/{one['axes']['arch']}"] for one in listed] == [
        one["platforms"] for one in listed
    ]
    assert len(listed) == 4


def test_errors_for_machines(project: Path) -> None:
    """--format json is one document, --format github an annotation for each error."""
    (project / "matrix.yaml").write_text(MATRIX.replace("axes: [python]", "axes: [pyhton]"))

    found = json.loads(run(project, "--format", "json", code=1).stderr)["diagnostics"]
    github = run(project, "--format", "github", code=1).stderr

    assert [(one["code"], one["path"], one["line"], one["column"]) for one in found] == [
        ("unknown-axis", "matrix.yaml", 11, 12)
    ]
    assert github.startswith("::error file=matrix.yaml,line=11,col=12,endColumn=18,")


def test_usage(project: Path) -> None:
    """A wrong option is a usage error, exit 2; --version and --help are not."""
    run(project, "--wrong", code=2)
    run(project, "--check", "list", code=2)
    assert "Examples:" in run(project, "--help").stdout
    assert run(project, "--version").stdout.startswith("compile-matrix 0.")


def test_no_colour_without_a_terminal(project: Path) -> None:
    """Without a terminal there are no escape sequences."""
    (project / "matrix.yaml").write_text("images: 3\n")

    assert "\x1b" not in run(project, code=1).stderr


def test_completion_offers_filters(project: Path) -> None:
    """The shell completes axes, values, groups and targets."""
    said = run(
        project,
        _COMPILE_MATRIX_COMPLETE="bash_complete",
        COMPILE_MATRIX_LINE="compile-matrix list pyth",
    ).stdout

    assert "open\tpython=\t\n" in said
    assert "plain\tpython-3_9\t\n" in said


def test_the_limit_is_a_setting(project: Path) -> None:
    """More variants than --max-variants are refused; the environment sets it, too."""
    assert "too-many-variants" in run(project, "--max-variants", "5", code=1).stderr
    assert "too-many-variants" in run(project, code=1, COMPILE_MATRIX_MAX_VARIANTS="3").stderr
    run(project, "--max-variants", "6")


def test_the_version_is_one() -> None:
    """The version of pyproject.toml is the one that the compiler has: `make` copies it."""
    from compiler.version import VERSION

    text = (Path(__file__).parents[3] / "pyproject.toml").read_text()
    assert f'\nversion = "{VERSION}"\n' in text


def test_output_that_nobody_reads(project: Path) -> None:
    """A closed pipe ends it without a traceback."""
    command = f"{sys.executable} -m compiler list | true"
    done = subprocess.run(
        ["sh", "-c", command], cwd=project, capture_output=True, text=True, check=False
    )

    assert "Traceback" not in done.stderr


def test_stale_files_are_one_document_for_machines(project: Path) -> None:
    """`--check --format json` lists warnings and stale files together; github annotates a file."""
    told = json.loads(run(project, "--format", "json", "--check", code=1).stderr)
    noted = run(project, "--format", "github", "--check", code=1).stderr

    assert told["diagnostics"][-1]["code"] == "stale-files"
    assert "::error file=dockerfiles/server-3_9.Dockerfile,title=stale-files::" in noted


def test_a_limit_holds_for_what_is_up_to_date(project: Path) -> None:
    """More variants than allowed are refused, whether compiled before or not."""
    run(project)

    assert "error[too-many-variants]" in run(project, "--max-variants", "3", code=1).stderr


def test_a_full_disk_behind_stdout_is_said(project: Path) -> None:
    """What cannot be printed ends in words and exit code 1."""
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "compiler", "list"],
            cwd=project,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert done.returncode == 1
    assert "internal error" not in done.stderr


def test_a_number_is_never_equal_to_a_version(project: Path) -> None:
    """3.10 without quotes in a template would be 3.1: it is refused, as in a list."""
    for expression in ("python == 3.10", "python in [3.9, 3.10]", "3.1 != python"):
        text = f"FROM a\n{{% if {expression} %}}\nRUN b\n{{% endif %}}\n"
        (project / "templates/Dockerfile.j2").write_text(text)

        assert "write it in quotes" in run(project, code=1).stderr


def test_tests_are_filters(project: Path) -> None:
    """The group of tests, and a target's tests, stand for what they test."""
    text = MATRIX.replace('tags: ["acme/base', 'tests: ["true"]\n    tags: ["acme/base')
    (project / "matrix.yaml").write_text(text)

    assert run(project, "list", "--format", "names", "test").stdout == "base-3_9\nbase-3_10\n"
    assert run(project, "list", "--format", "names", "base-3_9-test").stdout == "base-3_9\n"
