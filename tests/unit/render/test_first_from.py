"""Each `FROM` is checked as BuildKit reads it, also where a template prints it."""

from pathlib import Path

import pytest

from compiler import CompileError, compile_matrix


@pytest.mark.parametrize(
    ("template", "words", "code"),
    [
        ("{{ word }} a b\nFROM x\n", "[ARG, FROM]", "bad-from"),
        ("FROM a {{ word }} b\n", "[AS, IS]", "bad-from"),
        ("FROM {{ word }}\n", "[a, '#b']", "dockerfile-syntax"),
        ("{{ word }} a\n", "[FROM, RUN]", "no-base"),
        ("FROM {{ word if word == 'a' }} AS b\n", "[a, b]", "bad-from"),
        ("# {{ word }}\n", "[a]", "no-base"),
        ("{% if word == 'b' %}\nRUN b\n{% else %}\nFROM a\n{% endif %}\n", "[a, b]", "no-base"),
    ],
)
def test_each_variant_is_checked(template: str, words: str, code: str, tmp_path: Path) -> None:
    """A valid variant does not hide an invalid one of the same shape, whatever their order."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/t.j2").write_text(template)
    matrix = tmp_path / "matrix.yaml"
    matrix.write_text(f"axes: {{word: {words}}}\nimages: {{a: {{template: t.j2}}}}\n")

    with pytest.raises(CompileError) as caught:
        compile_matrix(matrix)
    assert [error.code for error in caught.value.diagnostics] == [code]


@pytest.mark.parametrize(
    "text",
    [
        "# escape=`\nFROM scratch `\n    AS build\n",
        "FROM --platform=linux/amd64 -- scratch\n",
        "FROM\\\n  scratch\n",
        "FROM scratch \\",
        "\fFROM\fscratch\fAS\fa\n",
        "# syntax=acme/frontend\nINCLUDE ./base\nRUN true\n",
    ],
)
def test_any_spelling_of_buildkit_is_valid(text: str, tmp_path: Path) -> None:
    """Only the reader of Dockerfiles decides what a `FROM` is."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/t.j2").write_text(text)
    matrix = tmp_path / "matrix.yaml"
    matrix.write_text("images: {a: {template: t.j2}}\n")

    compile_matrix(matrix)
