"""Checks of Dockerfiles: shapes, near names, and what saved state records."""

from pathlib import Path

import pytest

from compiler.pipeline import compile_matrix
from compiler.render.dockerfile import read
from compiler.render.matrix_references import one_edit
from compiler.render.shapes import Shape, shape


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ("biuld", "build", True),
        ("buil", "build", True),
        ("build2", "build", True),
        ("xuild", "build", True),
        ("build", "build", False),
        ("bxxld", "build", False),
        ("dlibu", "build", False),
    ],
)
def test_one_edit(one: str, other: str, near: bool) -> None:  # noqa: FBT001
    """One insertion, deletion, replacement or swap is an edit, in both directions."""
    assert one_edit(one, other) is near
    assert one_edit(other, one) is near


def test_a_shape_restores_the_text() -> None:
    """Printed words become marks, equal words equal marks; other pieces stay."""
    pieces = ["FROM python:", "3.11", "\nRUN echo ", "two words", " ", "3.11", "\n"]
    marked, words = shape(pieces)

    assert words == ["3.11"]
    assert marked[1] == marked[5] != "3.11"
    assert marked[3] == "two words"
    assert Shape("".join(marked), tuple(words)).restore("".join(marked)) == "".join(pieces)


def test_a_text_with_marks_has_no_shape() -> None:
    """Characters that would be marks keep the text as it is."""
    assert shape(["\U000f0000", "3.11"]) == (["\U000f0000", "3.11"], [])


def test_variants_share_one_parse(tmp_path: Path) -> None:
    """A hundred variants that differ in printed words need one parse."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/t.j2").write_text("FROM python:{{ python }}\nRUN echo {{ target }}\n")
    values = ", ".join(f"3.{n}" for n in range(100))
    (tmp_path / "matrix.yaml").write_text(
        f"axes: {{python: [{values}]}}\nimages: {{a: {{template: t.j2}}}}\n"
    )
    before = read.cache_info().misses

    assert len(compile_matrix(tmp_path / "matrix.yaml").dockerfiles) == 100
    assert read.cache_info().misses - before == 1


def test_a_printed_instruction_is_parsed_in_each_variant(tmp_path: Path) -> None:
    """A word that affects the parse is not replaced: `{{ word }} a /` may be valid."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/t.j2").write_text("FROM python\n{{ word }} https://a.example/b /\n")
    (tmp_path / "matrix.yaml").write_text(
        "axes: {word: [ADD, RUN]}\nimages: {a: {template: t.j2}}\n"
    )

    assert compile_matrix(tmp_path / "matrix.yaml").plan.warnings == ()


def test_only_the_existence_of_context_files_is_an_input(tmp_path: Path) -> None:
    """A path that exists is recorded without its content; a missing one as missing."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/t.j2").write_text("FROM python\nCOPY a b /\n")
    (tmp_path / "matrix.yaml").write_text("images: {a: {template: t.j2}}\n")
    (tmp_path / "a").write_text("content")

    compiled = compile_matrix(tmp_path / "matrix.yaml")

    assert compiled.inputs["a"] == "present"
    assert compiled.inputs["b"] is None
    assert [warning.code for warning in compiled.plan.warnings] == ["missing-source"]
