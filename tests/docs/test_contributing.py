"""What CONTRIBUTING.md and its neighbours name is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest


PROJECT = Path(__file__).parents[2]
COMPILER = PROJECT / "compiler"
PAGES = ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
CONTRIBUTING = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")

PATH = re.compile(r"(?<![\w/.])\.?[\w-]+(?:[/.][\w-]+)+/?")
"""Words with a slash or a dot between them: a file or a folder."""
ROOTS = {path.name for path in PROJECT.iterdir()} | {"compiler"}


def paths(page: str) -> Iterator[str]:
    """Yield the files and folders that a page names in code, with `*` for a placeholder."""
    for code in re.findall(r"```.*?```|`[^`]+`", page, re.DOTALL):
        for path in PATH.findall(code):
            if path.partition("/")[0] in ROOTS - {".venv"}:
                yield re.sub(r"\b[A-Z]{4,}\b(?!\.md)", "*", path)


@pytest.mark.parametrize("path", sorted(set(paths(CONTRIBUTING))))
def test_a_path_that_is_named_exists(path: str) -> None:
    """What CONTRIBUTING.md names is in the repository; a name that ends in `/` is a folder."""
    found = list(PROJECT.glob(path.rstrip("/")))

    assert any(one.is_dir() for one in found) if path.endswith("/") else found


def test_paths_are_found() -> None:
    """Find files, folders, hidden ones and placeholders; leave out words that are none."""
    text = "`compiler/cli/NAME.py`, `.ci/run`, `tests/errors/CODE/`, `CHANGELOG.md`, `a.b`, `ruff`"

    assert list(paths(text)) == [
        "compiler/cli/*.py",
        ".ci/run",
        "tests/errors/*/",
        "CHANGELOG.md",
    ]


def test_every_package_is_listed() -> None:
    """The table of packages has each folder of the compiler, and no other."""
    section = CONTRIBUTING.partition("| package | owns |")[2].partition("\n\n")[0]
    listed = re.findall(r"(?m)^\| `(\w+)` \|", section)

    assert sorted(listed) == sorted(path.parent.name for path in COMPILER.glob("*/__init__.py"))


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    """Relative links of the pages at the top lead to files."""
    text = (PROJECT / name).read_text(encoding="utf-8")

    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (PROJECT / link).exists(), link


def test_the_changelog_is_kept() -> None:
    """Newest first, with the headings of Keep a Changelog."""
    text = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = re.findall(r"(?m)^## (.*)", text)
    kinds = set(re.findall(r"(?m)^### (.*)", text))

    assert sections[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\S*\] - \d{4}-\d\d-\d\d", one) for one in sections[1:])
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
