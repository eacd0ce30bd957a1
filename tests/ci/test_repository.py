"""What contributors use: targets of make, hooks, and the attributes of files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.scripts import load_script


PROJECT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
MAKEFILE = (PROJECT / "Makefile").read_text(encoding="utf-8")
PHONY = set(re.findall(r"(?m)^\.PHONY:(.*)", MAKEFILE)[0].split())
HOOKS = PROJECT / ".pre-commit-config.yaml"


def test_make_lists_its_targets() -> None:
    """`make help` prints a line for each target but the one that is part of the default."""
    done = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    )

    listed = re.findall(r"(?m)^make (\S+) +\S", done.stdout)
    assert set(listed) == PHONY - {"sample"}
    assert len(listed) == len(done.stdout.splitlines())


@pytest.mark.parametrize(
    "name",
    [
        ".ci/run",
        ".pre-commit-config.yaml",
        ".github/workflows/release.yml",
        ".github/workflows/tests.yml",
        "CONTRIBUTING.md",
        "README.md",
        "SECURITY.md",
    ],
)
def test_targets_that_are_named_are_there(name: str) -> None:
    """A `make TARGET` in a script, a command or a page is a target of the Makefile."""
    text = (PROJECT / name).read_text(encoding="utf-8")
    command = r"(?m)(?:^ *|`|&& |run: |entry: )make ([a-z-]+)"

    assert set(re.findall(command, text)) <= PHONY


@pytest.mark.slow
def test_hooks_use_the_tools_of_the_environment() -> None:
    """The hooks are valid and download nothing: each is a program of .venv, make or a shell."""
    subprocess.run([BIN / "pre-commit", "validate-config", HOOKS], check=True)

    for repository in yaml.safe_load(HOOKS.read_text())["repos"]:
        assert repository["repo"] == "local"
        for hook in repository["hooks"]:
            program = hook["entry"].split()[0]
            assert hook["language"] == "system"
            assert program in {"make", "sh"} or (BIN / program.removeprefix(".venv/bin/")).exists()


def test_generated_files_are_marked() -> None:
    """Mark exactly the pages and pictures that are generated, and the copy of the version."""
    generator = load_script(PROJECT / "docs/generate.py")
    attributes = (PROJECT / ".gitattributes").read_text(encoding="utf-8")

    marked = set(re.findall(r"(?m)^(\S+) linguist-generated$", attributes))
    pages = {f"docs/{page}" for page in generator.PAGES}
    assert marked == {"compiler/version.py", "docs/pictures/*.svg", *pages}


def test_git_accepts_the_attributes(tmp_path: Path) -> None:
    """Git reads every line of .gitattributes, and keeps the bytes of what tests compare."""
    shutil.copy(PROJECT / ".gitattributes", tmp_path)
    command = ["git", "-c", "init.defaultBranch=main", "init", "--quiet"]
    subprocess.run(command, cwd=tmp_path, check=True)

    done = subprocess.run(
        ["git", "check-attr", "text", "merge", "--", "tests/errors/a.yaml", "CHANGELOG.md"],
        cwd=tmp_path,
        env={**os.environ, "LC_ALL": "C"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    assert "tests/errors/a.yaml: text: unset" in done.stdout
    assert "CHANGELOG.md: merge: union" in done.stdout
