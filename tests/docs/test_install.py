"""What the repository says of installing works today: a name on PyPI only once it is published."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest


PROJECT = Path(__file__).parents[2]
PLACES = (
    "*.md",
    "Makefile",
    ".ci/*",
    ".github/**/*",
    "compiler/**/*.py",
    "docs/*",
    "examples/**/*",
)
RELEASED = re.search(
    r"(?m)^## \[\d[^]]*\] - \d{4}-", (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
)
"""The section of a release, if there has been one: then the name is on PyPI."""

INSTALLER = re.compile(
    r"\b(?:pip3? install|pipx (?:install|run)|uv pip install|uv tool (?:install|run)|uvx"
    r"|(?:uv|poetry|pdm) add)\b([^`|;&\n]*)"
)
NAME = re.compile(r"compile[-_.]matrix(\[.*\])?([=<>~!].*)?", re.IGNORECASE)


def by_name(text: str) -> Iterator[str]:
    """Yield the commands that install the package by its name alone."""
    for command in INSTALLER.finditer(text):
        try:
            words = shlex.split(command[1], comments=True)
        except ValueError:
            words = command[1].split()
        if "--from" not in words and "--spec" not in words and any(map(NAME.fullmatch, words)):
            yield command[0].strip()


@pytest.mark.parametrize(
    "line",
    [
        "- run: pip install compile-matrix",
        "    pip install --break-system-packages compile_matrix==0.1.0",
        "`uvx compile-matrix list`",
        "pipx install 'compile-matrix>=0.1'",
        "uv tool install compile-matrix",
        "uv add compile-matrix[rich] # a comment",
    ],
)
def test_an_install_by_name_is_found(line: str) -> None:
    """Find the name behind each installer, with options and versions."""
    assert len(list(by_name(line))) == 1


@pytest.mark.parametrize(
    "line",
    [
        "pip install .",
        "pip install git+https://git.example.com/compile-matrix@v0.1.0",
        "pip install 'compile-matrix @ git+https://git.example.com/compile-matrix'",
        "pip install dist/compile_matrix-0.1.0-py3-none-any.whl",
        "uvx --from git+https://git.example.com/compile-matrix compile-matrix list",
        "pip install . && compile-matrix",
        "`pip install .`, then `compile-matrix`",
    ],
)
def test_an_install_of_a_clone_is_not(line: str) -> None:
    """Accept an address, a folder or a file, and what comes after the command."""
    assert list(by_name(line)) == []


def test_nothing_installs_an_unpublished_name() -> None:
    """Reject `pip install compile-matrix` everywhere until CHANGELOG.md has a release."""
    files = {path for place in PLACES for path in PROJECT.glob(place) if path.is_file()}
    found = [
        f"{path.relative_to(PROJECT)}: {command}"
        for path in sorted(files)
        for command in by_name(path.read_text(encoding="utf-8", errors="replace"))
    ]

    assert len(files) > 100
    assert RELEASED or found == []
