"""Rules about the structure of `compiler/` that the import contracts cannot express."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest


COMPILER = Path(__file__).parents[2] / "compiler"
SOURCES = [path for path in sorted(COMPILER.rglob("*.py")) if "sample" not in path.parts]
LONG = 250
ARGUMENTS = {
    "codes.py": "one table: each diagnostic code with its meaning, example and remedy",
    "errors.py": "one vocabulary: diagnostics, their locations, hints, and collecting them",
    "matrix/axes.py": "one reader: axes, their values and what a value carries",
    "matrix/field_table.py": "one table: a row for each field of an image",
    "matrix/json_schema_rules.py": "one table: the rules that pydantic does not export",
    "matrix/matrix.py": "the frozen types of a validated matrix, without logic",
    "matrix/model.py": "the models of matrix.yaml: the JSON Schema is generated from them",
    "render/dockerfile.py": "the one reader of Dockerfiles, and the types that it returns",
    "render/unused_axes.py": "one algorithm: its parts have no other use",
    "reports/explain/explain.py": "one report, in the order in which it is printed",
    "reports/explain/provenance.py": "one class: the origins of the values of a target",
    "source/composer.py": "one state machine over the events of a YAML parser",
    "source/project_files.py": "one class: every read of a project's file goes through it",
    "source/yaml_hints.py": "one table: a hint for each failure of the YAML parser",
    "targets/expand.py": "one algorithm: from a pattern of axes to variants",
}
"""Why a module has more than LONG lines."""
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


def test_a_long_module_has_an_argument() -> None:
    """A module of more than LONG lines says why it is one; the others are shorter."""
    lengths = {
        path.relative_to(COMPILER).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in SOURCES
    }

    assert sorted(ARGUMENTS) == [name for name, lines in lengths.items() if lines > LONG]
