"""What a template does with a value that has an error causes no further error."""

from pathlib import Path

import pytest

from compiler.errors import CompileError
from compiler.pipeline import compile_matrix


MATRIX = """\
set: {drivers: {a: 1}, cuda: '{{ cudda }}'}
images: {server: {template: t.j2}}
"""


@pytest.mark.parametrize(
    "template",
    [
        "{{ drivers[cuda] }}",
        "{{ drivers.get(cuda) }}",
        "{{ [cuda] | unique | join }}",
        "{{ [cuda] | tojson }}",
        "{{ cuda | abs }}{{ cuda | round }}",
        "{{ 'a'.join([cuda]) }}",
        "{{ 'a'.startswith(cuda) }}",
        "{{ 'a'.split(cuda) }}",
        "{{ cuda in 'abc' }}",
        "{{ '1' is version(cuda) }}",
        "{{ ['1'] | select('version', cuda) | join }}",
        "{% if cuda is not string %}{{ cuda.nam }}{{ other }}{% endif %}",
        "{% if cuda is sequence %}{{ other }}{% else %}{{ other }}{% endif %}",
        "{% include [cuda] %}",
        "{% import cuda as macros %}",
        "{% extends cuda %}",
    ],
)
@pytest.mark.parametrize("place", ["template", "field"])
def test_a_use_of_an_unknown_value_is_no_further_error(
    template: str, place: str, tmp_path: Path
) -> None:
    """The only error is that of the value, in templates and in strings of matrix.yaml."""
    label = f'"{template}"' if place == "field" else "x"
    text = MATRIX.replace("t.j2}", f"t.j2, labels: {{a: {label}}}}}")
    (tmp_path / "matrix.yaml").write_text(text)
    (tmp_path / "templates").mkdir()
    body = "" if place == "field" else template
    (tmp_path / "templates/t.j2").write_text(f"FROM scratch\n{body}\n")

    with pytest.raises(CompileError) as caught:
        compile_matrix(tmp_path / "matrix.yaml")

    messages = [error.message for error in caught.value.diagnostics]
    assert messages == ["'cudda' is undefined (in server)"]


def test_a_use_of_another_name_is_still_an_error(tmp_path: Path) -> None:
    """A message of a template that only resembles the name of the type is reported."""
    (tmp_path / "matrix.yaml").write_text(MATRIX)
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/t.j2").write_text(
        "FROM scratch\n{% macro Unknown() %}{% endmacro %}{{ Unknown(1) }}\n"
    )

    with pytest.raises(CompileError) as caught:
        compile_matrix(tmp_path / "matrix.yaml")

    assert len(caught.value.diagnostics) == 2
