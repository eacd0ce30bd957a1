"""What the documents say is what the code does."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from compiler.codes import Code
from compiler.matrix import model


PROJECT = Path(__file__).parents[2]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", PROJECT / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["matrix.md", "cli.md", "codes.md", "matrix.schema.json"])
def test_the_reference_is_fresh(page: str) -> None:
    """A page that is made from the code is what the code makes now: run `make docs`."""
    expected = _generator().PAGES[page]()

    assert expected == (PROJECT / "docs" / page).read_text(encoding="utf-8")


def test_every_code_is_documented() -> None:
    """Each code has a section with an explanation, and the text that a terminal shows of it."""
    page = (PROJECT / "docs/codes.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### (\S+)\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL))

    assert list(sections) == list(Code)
    assert len(sections) >= 60
    for code, section in sections.items():
        shown = BLOCK.findall(section)

        assert section.startswith(f"\n{Code(code).text}\n"), code
        if code == Code.INTERNAL_ERROR:  # no input is known to cause one
            continue
        assert re.search(rf"^\S+: (error|warning)\[{code}\]: ", shown[-1][1], re.MULTILINE), code
        assert f"| [`{code}`](#{code}) |" in page


def _run(folder: Path) -> str:
    """Run compile-matrix as the README does and return all that a terminal shows."""
    done = subprocess.run(
        [sys.executable, "-m", "compiler"],
        cwd=folder,
        env={**os.environ, "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout


def _list(folder: Path) -> str:
    command = [sys.executable, "-m", "compiler", "list"]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def test_the_minute_is_true(tmp_path: Path) -> None:
    """The tutorial's files compile to just what it shows, and its mistake is told as it shows."""
    blocks = BLOCK.findall(README)
    files = [text for kind, text in blocks if kind in {"yaml", "jinja"}]
    shown = [text for kind, text in blocks if kind == "console"]
    (tmp_path / "templates/worker").mkdir(parents=True)
    (tmp_path / "matrix.yaml").write_text(files[0])
    (tmp_path / "templates/worker.j2").write_text(files[1])

    said = f"$ compile-matrix\n{_run(tmp_path)}$ compile-matrix list\n{_list(tmp_path)}"

    assert shown[1] == said

    (tmp_path / "matrix.yaml").write_text(files[0].replace("{python: [3.11", "{pyhton: [3.11"))

    assert shown[2] == f"$ compile-matrix\n{_run(tmp_path)}"


def test_the_sample_says_what_the_readme_shows(tmp_path: Path) -> None:
    """Compiling the sample afresh prints what the README shows of `make`."""
    for name in ("matrix.yaml", "pyproject.toml", "docker-bake.hcl.j2"):
        (tmp_path / name).write_bytes((PROJECT / name).read_bytes())
    subprocess.run(["cp", "-r", PROJECT / "templates", tmp_path], check=True)
    shown = [text for kind, text in BLOCK.findall(README) if kind == "console"]

    assert shown[0] == f"$ make\n{_run(tmp_path)}"


DOCUMENTS = sorted((PROJECT / "docs").glob("*.md"))
SNIPPETS = [
    (path.name, text)
    for path in DOCUMENTS
    # made of tests; workflows, run by tests/ci; the beginning of another
    if path.name not in {"codes.md", "ci.md", "matrix.head.md"}
    for kind, text in BLOCK.findall(path.read_text(encoding="utf-8"))
    if kind == "yaml"
]


@pytest.mark.parametrize(
    ("page", "text"), SNIPPETS, ids=[f"{page}-{n}" for n, (page, _) in enumerate(SNIPPETS)]
)
def test_every_snippet_compiles(page: str, text: str, tmp_path: Path) -> None:
    """Each YAML block of a page is a matrix, or becomes one with an image and two axes."""
    if not re.search("^axes:", text, re.MULTILINE):
        text += "axes: {python: [3.10, 3.11, 3.12, 3.13], gpu: {false: {}, true: {}}}\n"
    if not re.search("^images:", text, re.MULTILINE):
        text += "images: {server: {template: Dockerfile.j2}}\n"
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/Dockerfile.j2").write_text("FROM python\nRUN echo {{ target }}\n")
    (tmp_path / "templates/child.j2").write_text("FROM {{ parent }}\nRUN echo {{ target }}\n")
    (tmp_path / "project.json").write_text('{"pythons": ["3.11", "3.12"]}')
    (tmp_path / "matrix.yaml").write_text(text)

    assert " written: " in _run(tmp_path), page


def test_every_key_is_documented() -> None:
    """The reference of matrix.yaml names each key of each level."""
    page = (PROJECT / "docs/matrix.md").read_text(encoding="utf-8")
    levels: list[type[model.Level]] = [model.MatrixFile, model.ImageOptions, model.Override]
    levels += [model.ValueOptions, model.ParentOptions, model.CacheOptions, model.PublishOptions]
    for level in levels:
        for key in model.keys(level):
            assert f"`{key}`" in page, key


def test_links_lead_somewhere() -> None:
    """Each relative link of README and docs names a file that is there."""
    for page in [PROJECT / "README.md", *(PROJECT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
