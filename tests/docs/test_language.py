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


NOT_NAMES = frozenset(
    {"found", "given", "held", "left", "mine", "one", "said", "standing", "stuff"}
    | {"there", "thing", "things", "told", "waits"}
)
"""Words that do not say what a value is."""
OPPOSITES = {"left": "right"}
"""Words that are names next to their opposite, such as the operands of a comparison."""
SOURCES = [path for path in MODULES if path.is_relative_to(PROJECT / "compiler")]


def _names(tree: ast.AST) -> Iterator[str]:
    """Yield the names that a module gives to variables, parameters, attributes and functions."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case ast.arg(arg=name) | ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                yield name
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                yield name
            case _:
                pass


@pytest.mark.parametrize("module", SOURCES, ids=lambda module: str(module.relative_to(PROJECT)))
def test_names_say_what_a_value_is(module: Path) -> None:
    """No name of the compiler is a word that could stand for anything."""
    names = {name.strip("_") for name in _names(ast.parse(module.read_text(encoding="utf-8")))}

    assert {name for name in names & NOT_NAMES if OPPOSITES.get(name) not in names} == set()
