"""The workflows that test and release the compiler itself; their scripts run here."""

from __future__ import annotations

import os
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.workflow import Runner, Step, jobs, steps


PROJECT = Path(__file__).parents[2]
TESTS = (PROJECT / ".github/workflows/tests.yml").read_text(encoding="utf-8")
RELEASE = (PROJECT / ".github/workflows/release.yml").read_text(encoding="utf-8")
METADATA: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
VERSION = METADATA["version"]
COMPARE = "Compare the tag with pyproject.toml and CHANGELOG.md"


def step_named(text: str, name: str) -> Step:
    """Return the step of that name."""
    (found,) = [step for step in steps(text) if step.name == name]
    return found


# --- Tests ----------------------------------------------------------------------------------------


def test_linux_runs_everything() -> None:
    """Run .ci/run where the throwaway engine works: as root on Debian, /tmp on no overlay."""
    linux = jobs(TESTS)["linux"]

    assert step_named(TESTS, "Run everything").script == ".ci/run"
    assert os.access(PROJECT / ".ci/run", os.X_OK)
    assert re.fullmatch(r"python:3\.\d+-bookworm", linux["container"]["image"])
    assert "--privileged" in linux["container"]["options"]
    assert linux["container"]["volumes"] == ["/tmp:/tmp"]  # noqa: S108 - of a runner


def test_the_oldest_and_the_newest_python_are_tested() -> None:
    """Test the bounds that the package's metadata promises, on Linux, and the newest on macOS."""
    ends = {
        f"{major}.{minor}": int(minor)
        for text in METADATA["classifiers"]
        for major, minor in re.findall(r":: (\d+)\.(\d+)$", text)
    }
    oldest, newest = min(ends, key=ends.__getitem__), max(ends, key=ends.__getitem__)
    included = jobs(TESTS)["unit"]["strategy"]["matrix"]["include"]

    assert METADATA["requires-python"] == f">={oldest}"
    assert {(one["os"], one["python"]) for one in included} == {
        ("ubuntu-latest", oldest),
        ("ubuntu-latest", newest),
        ("macos-latest", newest),
    }


def test_unit_tests_are_there() -> None:
    """Name folders that exist, and skip tests whose programs such a machine does not have."""
    step = step_named(TESTS, "Test")
    program, *folders = step.script.removeprefix(".venv/bin/python -m ").split()

    assert program == "pytest"
    assert len(folders) >= 3
    assert all((PROJECT / folder).is_dir() for folder in folders)
    assert step.env["CI"] != "true"


@pytest.mark.parametrize(
    ("results", "code"),
    [("success success", 0), ("success failure", 1), ("cancelled success", 1), ("skipped", 1)],
)
def test_one_check_stands_for_all(results: str, code: int, tmp_path: Path) -> None:
    """Fail unless every job succeeded."""
    runner = Runner(tmp_path, tmp_path / "runner")
    gate = jobs(TESTS)["tests"]

    assert gate["if"] == "always()"
    assert {*gate["needs"], "tests"} == set(jobs(TESTS))
    known = {"join(needs.*.result, ' ')": results}
    assert runner.run(step_named(TESTS, "Refuse what failed"), known) == code


# --- A release ------------------------------------------------------------------------------------


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """Give a machine with a checkout whose version is in the changelog."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    shutil.copy(PROJECT / "pyproject.toml", folder)
    (folder / "CHANGELOG.md").write_text(f"# Changelog\n\n## [{VERSION}] - 2030-01-02\n")
    return Runner(folder, tmp_path / "runner")


@pytest.mark.slow
def test_a_release_has_the_version_of_its_tag(runner: Runner) -> None:
    """Accept the tag of the version; refuse another tag, and a version without a changelog."""
    step = step_named(RELEASE, COMPARE)
    assert runner.run(step, {"github.ref_name": f"v{VERSION}"}) == 0

    assert runner.run(step, {"github.ref_name": "v999.0.0"}) == 1
    assert f"the tag is v999.0.0, and the version in pyproject.toml is {VERSION}" in runner.said

    (runner.folder / "CHANGELOG.md").write_text("# Changelog\n\n## [Unreleased]\n")
    assert runner.run(step, {"github.ref_name": f"v{VERSION}"}) == 1
    assert f"CHANGELOG.md has no section '## [{VERSION}] - YYYY-MM-DD'" in runner.said


def test_a_release_is_tested_and_attested() -> None:
    """Publish what was built once, after all tests, without a secret, with attestations."""
    found = jobs(RELEASE)
    whole = yaml.safe_load(RELEASE)

    assert whole[True] == {"push": {"tags": ["v*"]}}  # YAML 1.1 reads `on` as true
    assert found["tests"] == {"needs": "build", "uses": "./.github/workflows/tests.yml"}
    assert "workflow_call" in yaml.safe_load(TESTS)[True]
    assert set(found["publish"]["needs"]) == {"build", "tests"}
    assert found["publish"]["environment"] == "pypi"
    assert "secrets." not in RELEASE
    upload, (download, publish) = found["build"]["steps"][-1], found["publish"]["steps"]
    assert upload["with"]["name"] == download["with"]["name"]
    assert upload["with"]["path"] == download["with"]["path"]
    assert publish["uses"].startswith("pypa/gh-action-pypi-publish@v")
    assert publish["with"] == {"attestations": True}
