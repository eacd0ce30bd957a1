"""The documentation site has every page in its navigation, and its check finds what is broken.

`.ci/run` builds the site itself, with `make site`.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.markdown import PROJECT
from support.scripts import load_script


SITE = load_script(PROJECT / "docs/build_site.py")
HEAD = '<h1 id="top">A</h1><a href="b.html#there">b</a><img src="a.svg"><img src="data:,">'
GOOD = {"a.html": HEAD, "b.html": '<p id="there">', "a.svg": ""}


def test_every_page_is_in_the_navigation() -> None:
    """Each page of README, docs and examples is in `nav` of docs/site.toml, once."""
    assert SITE.check_navigation(PROJECT) == []


def test_parts_of_pages_exist() -> None:
    """Each part of a page is a file of docs/."""
    assert all((PROJECT / part).is_file() for part in SITE.PARTS)


def test_the_navigation_is_checked(tmp_path: Path) -> None:
    """Report pages that are missing, unknown, or listed twice."""
    nav = '[{ "A" = "README.md" }, { "B" = [{ "C" = "docs/gone.md" }, { "D" = "README.md" }] }]'
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/site.toml").write_text(f"[project]\nnav = {nav}\n")
    for page in ("README.md", "docs/new.md", "docs/matrix.head.md"):
        (tmp_path / page).write_text("# A\n")

    assert SITE.check_navigation(tmp_path) == [
        "docs/site.toml: add docs/new.md to `nav`",
        "docs/site.toml: docs/gone.md is not a page",
        "docs/site.toml: duplicate README.md",
    ]


def test_linked_files_are_staged(tmp_path: Path) -> None:
    """Copy the files that pages link to; hidden folders get a visible name, in links, too."""
    project, folder = tmp_path / "project", tmp_path / "pages"
    for path, text in {
        "README.md": "[a](docs/a.md#b), [w](.github/w.yml)\n```text\n[x](.hidden/x)\n```\n",
        "docs/a.md": "[w](../.github/w.yml), ![p](pictures/p.svg), [other](https://example.com/.x)",
        "docs/pictures/p.svg": "<svg/>",
        "docs/unused.txt": "",
        ".github/w.yml": "on: push\n",
    }.items():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(text)

    SITE.stage(project, folder)

    staged = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert staged == {"README.md", "docs/a.md", "docs/pictures/p.svg", "github/w.yml"}
    readme = (folder / "README.md").read_text()
    assert "[w](github/w.yml)" in readme
    assert "[x](.hidden/x)" in readme, "an illustration stays as it is"
    assert "[w](../github/w.yml)" in (folder / "docs/a.md").read_text()


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        ("", None),
        ('<a href="https://example.com">', None),
        ('<a href="mailto:a@example.com">', None),
        ('<a href="#top"><a href="">', None),
        ('<a href="c.html">', "broken link c.html"),
        ('<a href="b.html#gone">', "no anchor b.html#gone"),
        ('<a href="#gone">', "no anchor #gone"),
        ('<img src="b.svg">', "broken link b.svg"),
        ('<script src="https://unpkg.com/x"></script>', "requests https://unpkg.com/x"),
        ('<script src="//unpkg.com/x"></script>', "requests //unpkg.com/x"),
        (
            '<link rel="stylesheet" href="https://fonts.googleapis.com/css">',
            "requests https://fonts.googleapis.com/css",
        ),
        ('<pre class="mermaid">', "requests https://unpkg.com/mermaid"),
    ],
)
def test_a_site_is_checked(tmp_path: Path, added: str, expected: str | None) -> None:
    """Report broken links and anchors, and what a browser would load from another server."""
    for name, text in {**GOOD, "a.html": HEAD + added}.items():
        (tmp_path / name).write_text(text)

    assert SITE.check_site(tmp_path) == ([] if expected is None else [f"a.html: {expected}"])


def test_an_empty_site_is_an_error(tmp_path: Path) -> None:
    """A site without pages is not a site without errors."""
    assert SITE.check_site(tmp_path) == [f"{tmp_path}: contains no pages"]


def test_every_title_is_short() -> None:
    """Titles of the navigation fit into its column."""
    titles = re.findall(r'"([^"]+)" = ', SITE.CONFIGURATION.read_text(encoding="utf-8"))

    assert [title for title in titles if len(title) > 32] == []
