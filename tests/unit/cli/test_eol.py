"""End of life: the command, the column, `explain`, and what `publish` leaves out."""

import json
from datetime import date
from pathlib import Path

import pytest

from compiler.cli.bake_options import BakeFlags
from compiler.cli.context import Invocation
from compiler.cli.main import run
from compiler.cli.publish_options import PublishOptions
from compiler.cli.publish_request import compile_release


TODAY = date(2026, 11, 26)

MATRIX = """\
variables: {VERSION: v1}
axes:
  python:
    3.9: {eol: 2025-10-31}
    3.10: {eol: 2026-12-31}
    3.11: {eol: 2027-10-31}
    3.12: {}
  os:
    bookworm: {eol: 2026-11-26}
    trixie: {}
images:
  server: {template: Dockerfile.j2, exclude: [{python: ["3.9", "3.10"], os: trixie}]}
  tool: {template: Dockerfile.j2, axes: [os]}
publish: {version: "${VERSION}"}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a compiled project with ends of life; today is one of them."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/Dockerfile.j2").write_text(
        "FROM python:{{ python or 3 }}-{{ os }}\nENV A={{ image }}\n"
    )
    (tmp_path / "matrix.yaml").write_text(MATRIX)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("compiler.cli.today.utc_today", lambda: TODAY)
    assert run([]) == 0
    return tmp_path


def test_all_values(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --within, the exit code is 0; the earliest end comes first."""
    del project
    capsys.readouterr()

    assert run(["eol"]) == 0
    assert capsys.readouterr().out == (
        "AXIS    VALUE     EOL         DAYS   TARGETS\n"
        "python  3.9       2025-10-31  ended  server-3_9-bookworm\n"
        "os      bookworm  2026-11-26  0      "
        "server-3_9-bookworm, server-3_10-bookworm, server-3_11-bookworm and 2 more\n"
        "python  3.10      2026-12-31  35     server-3_10-bookworm\n"
        "python  3.11      2027-10-31  339    server-3_11-bookworm, server-3_11-trixie\n"
    )


@pytest.mark.parametrize(
    ("arguments", "values"),
    [
        (["--within", "0d"], ["3.9", "bookworm"]),
        (["--within=35d"], ["3.9", "bookworm", "3.10"]),
        (["--within", "34"], ["3.9", "bookworm"]),
        (["image=tool", "--within", "90d"], ["bookworm"]),
        (["python=3.12", "os=trixie", "--within", "90d"], []),
    ],
)
def test_within(
    arguments: list[str], values: list[str], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1 says that the support of a value ends soon or has ended."""
    del project
    capsys.readouterr()

    code = run(["eol", *arguments, "--format", "json"])

    assert [one["value"] for one in json.loads(capsys.readouterr().out)["values"]] == values
    assert code == bool(values)


@pytest.mark.parametrize("text", ["", "x", "-1d", "90h", "9" * 6])
def test_invalid_days(text: str, project: Path) -> None:
    """A number of days is required."""
    del project

    assert run(["eol", f"--within={text}"]) == 2


def test_column_and_explanation(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A target ends with the first of its values."""
    del project
    capsys.readouterr()

    assert run(["list", "image=server", "--columns", "target,eol", "--sort=-eol"]) == 0
    assert capsys.readouterr().out.splitlines()[1:3] == [
        *("server-3_11-trixie    2027-10-31", "server-3_10-bookworm  2026-11-26"),
    ]
    assert run(["explain", "server-3_9-bookworm"]) == 0
    assert "fragment 3.9: the value itself; support ends on 2025-10-31" in capsys.readouterr().out
    assert run(["explain", "server-3_9-bookworm", "--format", "json"]) == 0
    assert '"eol": "2025-10-31"' in capsys.readouterr().out


def test_targets_that_are_not_published(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--skip-eol leaves out what has ended before today, as a filter would."""
    del project
    options = PublishOptions(
        filters=(),
        selection=None,
        version=None,
        flags=BakeFlags(),
        builds=False,
        skip_eol=True,
    )

    release = compile_release(Invocation(), options)

    assert release.ended == ("server-3_9-bookworm",)
    assert "server-3_10-bookworm" in release.targets
    assert len(release.targets) == 7
    assert not options.complete
    capsys.readouterr()


def test_dates_of_data(project: Path) -> None:
    """Data files supply dates as they supply other attributes of a value."""
    (project / "p.json").write_text('{"pythons": {"3.9": {"eol": "2025-10-31"}, "3.12": {}}}')
    (project / "matrix.yaml").write_text(
        'data: {p: p.json}\naxes: {python: "{{ p.pythons }}"}\n'
        "images: {server: {template: Dockerfile.j2, set: {os: trixie}}}\n"
    )

    assert run(["eol", "--within", "1"]) == 1


def test_compiling_does_not_depend_on_the_date(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The generated files contain no date of an axis, and no clock is read."""

    def forbidden() -> date:
        raise AssertionError("compiling read the clock")

    monkeypatch.setattr("compiler.cli.today.utc_today", forbidden)

    assert run(["--check"]) == 0
    assert "2025-10-31" not in (project / "dockerfiles/matrix.json").read_text()
