"""The reference pages are generated from the current code, and are complete."""

import re

import pytest
from support import markdown
from support.markdown import PROJECT, blocks
from support.scripts import load_script

from compiler.codes import Code
from compiler.matrix import model
from compiler.matrix.level import Level


GENERATOR = load_script(PROJECT / "docs/generate.py")
PICTURES = load_script(PROJECT / "docs/pictures.py")


@pytest.mark.parametrize("page", GENERATOR.PAGES)
def test_the_reference_is_current(page: str) -> None:
    """A generated page is what `make references` writes now."""
    expected = GENERATOR.PAGES[page]()

    assert expected == (PROJECT / "docs" / page).read_text(encoding="utf-8")


def test_pictures_are_current_and_used() -> None:
    """Each picture is what `make references` draws now, and is on a page."""
    folder = PROJECT / "docs/pictures"
    drawn = {name: PICTURES.draw(picture) for name, picture in PICTURES.PICTURES.items()}

    assert drawn == {path.stem: path.read_text("utf-8") for path in folder.glob("*.svg")}
    pages = "".join(page.read_text(encoding="utf-8") for page in markdown.PAGES)
    assert [name for name in drawn if f"pictures/{name}.svg)" not in pages] == []


def test_every_code_is_documented() -> None:
    """Each code has a section with its explanation, and an output that contains the code."""
    page = (PROJECT / "docs/codes.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### (\S+)\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL))

    assert list(sections) == list(Code)
    assert len(sections) >= 60
    for code, section in sections.items():
        assert section.startswith(f"\n{Code(code).text}\n"), code
        assert f"| [`{code}`](#{code}) |" in page
        if code == Code.INTERNAL_ERROR:  # No input is known to cause one.
            continue
        output = blocks(section)[-1].text
        assert re.search(rf"^\S+: (error|warning)\[{code}\]: ", output, re.MULTILINE), code


def test_every_key_is_documented() -> None:
    """The page about matrix.yaml names each key of each level."""
    page = (PROJECT / "docs/matrix.md").read_text(encoding="utf-8")
    levels: list[type[Level]] = [model.MatrixFile, model.ImageOptions, model.Override]
    levels += [model.ValueOptions, model.ParentOptions, model.CacheOptions, model.PublishOptions]
    for level in levels:
        for key in model.keys(level):
            assert f"`{key}`" in page, key
