"""The first `FROM` of each Dockerfile is checked, also where a template prints it."""

from pathlib import Path

import pytest

from compiler import CompileError, compile_matrix


@pytest.mark.parametrize(
    ("template", "words", "code"),
    [
        ("{{ word }} a b\nFROM x\n", "[ARG, FROM]", "bad-from"),
        ("FROM a {{ word }} b\n", "[AS, IS]", "bad-from"),
        ("FROM {{ word }}\n", "[a, '#b']", "bad-from"),
        ("{{ word }} a\n", "[FROM, RUN]", "no-base"),
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
