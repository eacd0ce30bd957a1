"""Hand-written pages are plain technical English, and their lines fit on a screen."""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.language import CODE, prose, rejected
from support.markdown import PAGES, PROJECT


WIDEST = 120
"""Columns of a line in hand-written pages."""
OTHERS = [PROJECT.glob("*.md"), (PROJECT / "examples").rglob("README.md")]
WRITTEN = sorted({*PAGES, *(page for pages in OTHERS for page in pages)})


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(PROJECT)))
def test_pages_are_plain(page: Path) -> None:
    """No hand-written page contains a phrase of the table."""
    assert rejected(prose(page.read_text(encoding="utf-8"))) == []


MODULES = [*PROJECT.glob("compiler/**/*.py"), *PROJECT.glob("tests/**/*.py")]
INJECTED = re.compile(r"\bfaults?\b", re.IGNORECASE)
"""The term for an error that a test injects."""


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements in a node, and those in them, without their expressions."""
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        for inner in getattr(node, name, ()):
            yield inner
            yield from _statements(inner)


def _texts(module: Path) -> Iterator[str]:
    """Yield the docstrings and comments of a module."""
    for node in _statements(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            text = node.value.value
            if isinstance(text, str):
                yield text
    with module.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.COMMENT:
                yield token.string


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(PROJECT)))
def test_docstrings_and_comments_are_plain(module: Path) -> None:
    """No docstring or comment contains a phrase of the table."""
    found = [phrase for text in _texts(module) for phrase in rejected(CODE.sub("CODE", text))]

    assert [phrase for phrase in found if not INJECTED.search(phrase)] == []


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(PROJECT)))
def test_lines_fit(page: Path) -> None:
    """No line of a hand-written page is wide, except in the output of a command."""
    text = page.read_text(encoding="utf-8")
    output = re.compile(r"^```(?:console|text)\n.*?^```$", re.MULTILINE | re.DOTALL)

    assert [line for line in output.sub("", text).splitlines() if len(line) > WIDEST] == []
