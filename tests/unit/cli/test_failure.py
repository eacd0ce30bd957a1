"""Failures: every kind in every format, and its exit code."""

import json
import subprocess
from pathlib import Path
from typing import cast

import click
import pytest
from support.command import COMMAND

from compiler.cli.common_options import Group
from compiler.cli.diagnostic_output import DiagnosticFormat, report
from compiler.cli.failure import fail, requested_format
from compiler.cli.main import cli, run
from compiler.codes import Code
from compiler.errors import Argument, CompileError, Diagnostic, Location


Capture = pytest.CaptureFixture[str]
TEXT, JSON, GITHUB = DiagnosticFormat


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], TEXT),
        (["--format", "json", "list"], JSON),
        (["list", "--format=github"], GITHUB),
        (["list", "--format", "names"], TEXT),
        (["--format", "text", "list", "--format", "json"], TEXT),
        (["build", "--", "--format", "json"], TEXT),
        (["list", "--format"], TEXT),
    ],
)
def test_the_first_format_counts(arguments: list[str], expected: DiagnosticFormat) -> None:
    """The format is known before the arguments are parsed, from all positions of the option."""
    assert requested_format(arguments) is expected


def test_an_argument_is_never_a_file(small_project: Path, capsys: Capture) -> None:
    """JSON names the argument, text shows it with a caret, and an annotation has no file."""
    del small_project

    assert run(["list", "pyhton=3.9"]) == 1
    text = capsys.readouterr().err
    assert run(["--format", "json", "list", "pyhton=3.9"]) == 1
    (found,) = json.loads(capsys.readouterr().err)["diagnostics"]
    assert run(["--format", "github", "list", "pyhton=3.9"]) == 1
    annotation = capsys.readouterr().err

    assert text == (
        "FILTER: error[unknown-axis]: no axis is named 'pyhton'\n"
        "      | pyhton=3.9\n"
        "      | ^^^^^^ help: did you mean 'python'?\n"
        "1 error\n"
    )
    assert (found["argument"], found["text"]) == ("FILTER", "pyhton=3.9")
    assert (found["column"], found["end_column"]) == (1, 7)
    assert "path" not in found
    assert annotation.startswith(
        "::error title=unknown-axis::FILTER 'pyhton=3.9': no axis is named"
    )


def test_an_annotation_controls_no_terminal(capsys: Capture) -> None:
    """Characters of the input are escaped, and lines stay lines."""
    location = Location(path="a\x1b[31m\n::error::b.yaml", line=1)
    diagnostic = Diagnostic(
        code=Code.UNKNOWN_AXIS, message="x\x1b]0;\u202e\n::y", location=location
    )

    fail(CompileError([diagnostic]), GITHUB)
    first = capsys.readouterr().err.splitlines()[0]

    assert first == (
        "::error file=a\\x1b[31m%0A%3A%3Aerror%3A%3Ab.yaml,line=1,col=1,endColumn=2,"
        "title=unknown-axis::x\\x1b]0;\\u202e%0A::y"
    )


def test_usage_errors_have_the_format(capsys: Capture) -> None:
    """An unknown option or command is a diagnostic, too; the exit code is 2."""
    assert run(["list", "--formt", "json", "--format", "json"]) == 2
    (found,) = json.loads(capsys.readouterr().err)["diagnostics"]
    assert run(["biuld", "--format", "github"]) == 2
    annotation = capsys.readouterr().err

    assert (found["code"], found["argument"]) == ("usage", "--formt")
    assert found["help"] == "did you mean --format or --sort?"
    assert annotation.startswith("::error title=usage::compile-matrix: unknown command 'biuld'%0A")
    assert "did you mean 'build'?" in annotation


@pytest.mark.parametrize("group", ["ci", "release"])
@pytest.mark.parametrize("name", ["", "jenkins"])
def test_a_group_lists_its_commands(group: str, name: str, capsys: Capture) -> None:
    """Without a command, or with an unknown one, the error is short and names the commands."""
    arguments = [group, name] if name else [group]
    message = f"unknown command {name!r}" if name else "missing command"
    help_ = f"use one of these commands: {', '.join(cast('Group', cli.commands[group]).commands)}"

    assert run(arguments) == 2
    text = capsys.readouterr().err
    assert run(["--format", "json", *arguments]) == 2
    (diagnostic,) = json.loads(capsys.readouterr().err)["diagnostics"]
    assert run(["--format", "github", *arguments]) == 2
    annotation = capsys.readouterr().err

    assert text == f"compile-matrix: error[usage]: {message}\n      = help: {help_}\n"
    assert (diagnostic["message"], diagnostic["help"]) == (message, help_)
    assert annotation == f"::error title=usage::compile-matrix: {message}%0Ahelp: {help_}\n"


def test_help_for_arguments(small_project: Path, capsys: Capture, tmp_path: Path) -> None:
    """The name of an axis alone is a filter without a value; a missing file is named as one."""
    del small_project

    assert run(["list", "python"]) == 1
    assert "help: to filter by 'python', write python=VALUE" in capsys.readouterr().err
    assert run(["init", "--from", "nope.hcl", str(tmp_path / "new")]) == 1
    assert "nope.hcl: error[missing-file]: missing file or folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "problem", "help_"),
    [
        (["list", "python", "=", "3.9"], "missing axis in '='", "write AXIS=VALUE without spaces"),
        (["list", "python=3.9 gpu=true"], "has no value", "write each filter as an argument"),
        (["list", "python=3.9,"], "", ""),
        (
            ["list", "python=3.9", "python=3.10"],
            "no target matches all of these filters",
            "filters intersect; for several values, write python=3.9,3.10",
        ),
        (
            ["list", "python>=3.10", "python<3.10"],
            "no target matches all of these filters",
            "filters intersect: a target must match each of them",
        ),
        (["list", "--format", "jsn"], "'jsn' is not one of 'table'", "did you mean 'json'?"),
        (["completion", "bsh"], "'bsh' is not one of 'bash'", "did you mean 'bash'?"),
        (["completion"], "missing argument 'SHELL'. Choose from: bash", "`compile-matrix comp"),
        (["list", "--max-variants", "0"], "0 is not in the range: at least 1", "`compile-matrix"),
        (["list", "--max-variants", "x"], "'x' is not a whole number", "`compile-matrix list"),
        (["ci", "github", "--shards", "999"], "in the range: 1 to 256", "`compile-matrix ci"),
    ],
)
def test_help_for_invalid_values(
    arguments: list[str], problem: str, help_: str, small_project: Path, capsys: Capture
) -> None:
    """Values of options and filters that are nearly right get a hint."""
    del small_project

    code = run(arguments)

    error = capsys.readouterr().err
    assert bool(code) == bool(problem)
    assert problem in error
    assert f"help: {help_}" in error or not help_


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_closed_standard_streams(small_project: Path, closed: str) -> None:
    """A caller may close them; files opened later do not take their place."""
    command = [*COMMAND, "list", "python=3.9"]

    done = subprocess.run(
        ["/bin/sh", "-c", f'"$@" {closed}', "sh", *command],
        cwd=small_project,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_a_dry_run_leads_to_check(capsys: Capture) -> None:
    """What other tools call --dry-run has another name here."""
    assert run(["--dry-run"]) == 2
    assert "`compile-matrix --check` or `--diff` writes nothing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "name", "exit_code"),
    [
        (click.UsageError("wrong"), "usage", "compile-matrix", 2),
        (OSError(28, "No space left on device"), "cannot-write", "stdout", 1),
        (KeyError("x"), "internal-error", "compile-matrix", 3),
    ],
)
def test_every_failure_is_a_diagnostic(
    error: Exception, code: str, name: str, exit_code: int, capsys: Capture
) -> None:
    """Usage errors, failures of the operating system and bugs have a code and a remedy."""
    assert fail(error, JSON) == exit_code
    (found,) = json.loads(capsys.readouterr().err)["diagnostics"]
    assert fail(error, TEXT) == exit_code
    text = capsys.readouterr().err

    assert (found["code"], found["argument"]) == (code, name)
    assert found["help"]
    assert text.startswith(f"{name}: error[{code}]: ")


def test_a_file_of_the_operating_system_is_a_file(capsys: Capture) -> None:
    """An OSError that names a file is located there."""
    fail(PermissionError(13, "Permission denied", "out/file"), GITHUB)

    assert capsys.readouterr().err.startswith("::error file=out/file,title=cannot-write::")


def test_the_outcome_follows_the_count(capsys: Capture) -> None:
    """What was not done because of errors is stated after their number."""
    location = Location(path="matrix.yaml", line=0)
    one = Diagnostic(code=Code.NO_IMAGES, message="m", location=location)

    fail(CompileError([one, one], outcome="no tag was created"), TEXT)

    assert capsys.readouterr().err.endswith("\n2 errors; no tag was created\n")


def test_a_common_cause_is_shown_once() -> None:
    """Diagnostics with one code and cause are one in text and annotations, and all in JSON."""
    several = [
        Diagnostic(
            code=Code.CANNOT_WRITE,
            message=f"cannot write '{name}'",
            location=Location(path=name, line=0),
            cause="read-only file system",
        )
        for name in ("a", "b", "c")
    ]

    assert report(several, TEXT) == (
        "a: error[cannot-write]: cannot write 'a' (2 more for the same reason)\n"
    )
    assert report(several, GITHUB).count("\n") == 1
    assert len(json.loads(report(several, JSON))["diagnostics"]) == 3


def test_no_diagnostic_is_a_workflow_command() -> None:
    """A file whose name starts with `::` does not command a GitHub runner."""
    location = Location(path="::stop-commands::x", line=0)
    one = Diagnostic(code=Code.NOT_A_FILE, message="m\x1b[2J", location=location)

    assert report([one], TEXT) == "\\x3a:stop-commands::x: error[not-a-file]: m\\x1b[2J\n"


def test_arguments_keep_their_order() -> None:
    """Spans of different arguments are not compared with each other."""
    argument = Argument.within("FILTER", "python=3.99", "3.99")

    assert (argument.start, argument.length) == (7, 4)
