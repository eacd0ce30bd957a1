"""Rules about the structure of `compiler/` that the import contracts cannot express."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest


COMPILER = Path(__file__).parents[2] / "compiler"
SOURCES = [path for path in sorted(COMPILER.rglob("*.py")) if "sample" not in path.parts]
PACKAGES = [path for path in SOURCES if path.name == "__init__.py" and path.parent != COMPILER]


@pytest.mark.parametrize("path", PACKAGES, ids=lambda path: path.parent.name)
def test_a_package_imports_nothing(path: Path) -> None:
    """An `__init__` is a docstring: importing a deep module must not load its neighbours."""
    (charter,) = ast.parse(path.read_text(encoding="utf-8")).body

    assert isinstance(charter, ast.Expr)
    assert isinstance(charter.value, ast.Constant)


@pytest.mark.parametrize(
    ("literal", "owners"),
    [
        ("target:", ["constants.py"]),
        ("docker", ["external/buildx.py"]),
    ],
)
def test_a_literal_has_one_home(literal: str, owners: list[str]) -> None:
    """A fact that several modules need is written once."""
    found = [
        path.relative_to(COMPILER).as_posix()
        for path in SOURCES
        if any(
            isinstance(node, ast.Constant) and node.value == literal
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        )
    ]

    assert found == owners
