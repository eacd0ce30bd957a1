"""The reference pages are generated from the current code, and are complete."""

import importlib.util
import re
from types import ModuleType

import pytest
from support.markdown import PROJECT, blocks

from compiler.codes import Code
from compiler.matrix import model


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", PROJECT / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = _generator()


@pytest.mark.parametrize("page", GENERATOR.PAGES)
def test_the_reference_is_current(page: str) -> None:
    """A generated page is what `make docs` writes now."""
    expected = GENERATOR.PAGES[page]()

    assert expected == (PROJECT / "docs" / page).read_text(encoding="utf-8")


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
    levels: list[type[model.Level]] = [model.MatrixFile, model.ImageOptions, model.Override]
    levels += [model.ValueOptions, model.ParentOptions, model.CacheOptions, model.PublishOptions]
    for level in levels:
        for key in model.keys(level):
            assert f"`{key}`" in page, key
