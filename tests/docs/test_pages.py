"""README and docs show projects that compile, sessions that are true, and options that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from support import markdown
from support.markdown import PAGES, PROJECT, Example

from compiler import compile_matrix
from compiler.cli.main import cli


EXAMPLES = [
    (page, example)
    for page in PAGES
    for example in markdown.examples(page.read_text(encoding="utf-8"))
]
NAMES = [f"{page.name}:{example.matrix.line}" for page, example in EXAMPLES]
ELSEWHERE = re.compile(r"\.github/workflows/|\.gitlab|teams/|publish\.yaml")
"""Files in YAML that are not a matrix: tests/ci and the sessions of the tutorial use them."""


@pytest.mark.parametrize(("page", "example"), EXAMPLES, ids=NAMES)
def test_every_matrix_compiles(page: Path, example: Example, tmp_path: Path) -> None:
    """Copied to a folder with the templates of its page, a YAML block compiles without warnings."""
    example.write(tmp_path)

    compiled = compile_matrix(tmp_path / "matrix.yaml")

    assert compiled.plan.targets
    assert [(each.code, each.message) for each in compiled.plan.warnings] == [], page.name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "example"),
    [(page, example) for page, example in EXAMPLES if example.sessions],
    ids=[name for name, (_, example) in zip(NAMES, EXAMPLES, strict=True) if example.sessions],
)
def test_every_session_is_true(
    page: Path,
    example: Example,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    *,
    update_golden: bool,
) -> None:
    """The commands of a page print what the page shows, and write the matrix that it shows."""
    folder = tmp_path / "project"
    folder.mkdir()
    example.write(folder, matrix=not example.origins)
    if example.origins or any("docker " in session.text for session in example.sessions):
        _provide_docker(tmp_path, request.getfixturevalue("buildx"))
    for session in example.origins:
        played = markdown.play(session.text, folder, tmp_path)
        markdown.check(page, session, played, update=update_golden)
    if example.origins:
        text = (folder / "matrix.yaml").read_text(encoding="utf-8")
        markdown.check_block(page, example.matrix, text, update=update_golden)
    for session in example.sessions:
        played = markdown.play(session.text, folder, tmp_path)
        markdown.check(page, session, played, update=update_golden)


def _provide_docker(scratch: Path, buildx: Path) -> None:
    """Provide a `docker` whose only plugin is buildx to the commands of a page."""
    program = scratch / "bin/docker"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f'#!/bin/sh\nshift\nexec {shlex.quote(str(buildx))} "$@"\n')
    program.chmod(0o755)


def test_every_session_has_a_project() -> None:
    """No session is left out, and no other YAML passes for a file of another tool."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        sessions = [b for b in markdown.blocks(text) if b.language in {"console", "shell-session"}]
        for example in markdown.examples(text):
            for session in (*example.origins, *example.sessions, *example.engine_sessions):
                sessions.remove(session)
        assert sessions == [], page.name
        for block in markdown.blocks(text):
            if block.language == "yaml" and not block.is_matrix:
                assert ELSEWHERE.match(str(block.path)), f"{page.name}:{block.line}"


def test_the_readme_shows_the_minimal_project() -> None:
    """The tutorial's files are the ones in the package, to the byte."""
    folder = PROJECT / "compiler/minimal"
    (example,) = markdown.examples((PROJECT / "README.md").read_text(encoding="utf-8"))
    packaged = {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file()
    }

    assert {**example.files, "matrix.yaml": example.matrix.text} == packaged


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_exists(page: Path) -> None:
    """Each command line on a page names a command that exists, and options that it has."""
    for line in markdown.commands(page.read_text(encoding="utf-8")):
        words = shlex.split(re.split(r"\s*[|>;&]+\s*", line)[0])[1:]
        command: click.Command = cli
        options = {option for param in cli.params for option in param.opts}
        while words and not words[0].startswith("-"):
            inner = getattr(command, "commands", {}).get(words[0])
            if inner is None:
                assert not isinstance(command, click.Group) or words[0] in {"...", "COMMAND"}, line
                break
            command = inner
            options |= {option for param in command.params for option in param.opts}
            words.pop(0)
        own = words[: words.index("--")] if "--" in words else words
        used = {word.partition("=")[0] for word in own if word.startswith("--")}
        assert used <= options | {"--help", "--version"}, line


def test_every_link_leads_somewhere() -> None:
    """Each relative link names a file, and each anchor a heading of that page."""
    pages = [*PAGES, *(PROJECT / "docs").glob("*.md"), *(PROJECT / "examples").rglob("README.md")]
    for page in pages:
        text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
        for link, anchor in re.findall(r"\]\(([^)#:\s]*)(?:#([^)\s]+))?\)", text):
            there = page.parent / link if link else page
            assert there.exists(), f"{page.name}: {link}"
            if anchor:
                assert anchor in _anchors(there), f"{page.name}: {link}#{anchor}"


def _anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


def test_the_index_lists_every_page() -> None:
    """The README links to each page of docs."""
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    for page in (PROJECT / "docs").glob("*.md"):
        assert page.name == "matrix.head.md" or f"docs/{page.name})" in readme, page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_page_begins_with_its_purpose_and_an_example(page: Path) -> None:
    """A paragraph follows the title, and the first matrix of a page comes before its sections."""
    text = page.read_text(encoding="utf-8")
    example = next((block for block in markdown.blocks(text) if block.is_matrix), None)
    sections = text.count("\n", 0, text.index("\n## ")) + 1

    assert re.match(r"# .+\n\n[\w`*]", text)
    assert example is None or page.name == "README.md" or example.line < sections
