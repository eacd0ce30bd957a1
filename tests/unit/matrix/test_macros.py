"""Strings of the matrix that import templates: macros work, and their names are known."""

from pathlib import Path

import pytest

from compiler.errors import CompileError
from compiler.pipeline import compile_matrix


MACROS = """
{% macro tag(name) %}${REGISTRY}/{{ name }}:{{ suffix }}{% endmacro %}
{% macro price(text) %}{{ text }}$5{{ '{' }}{% endmacro %}
"""
MATRIX = """
variables: {REGISTRY: r.io, UNUSED: x}
axes: {python: [3.11, 3.12]}
set: {suffix: "s${X}", base: "{% from 'm.j2' import price %}{{ price(python) }}"}
images:
  app:
    template: a.j2
    tags: ["{% from 'm.j2' import price %}a:{{ price(python) | length }}-{{ python }}"]
    labels:
      "{% import 'm.j2' as m %}l": "{% import 'm.j2' as m with context %}{{ m.tag(python) }}"
    args: {A: "{% from 'm.j2' import price %}{{ price('$' ~ python) }}"}
"""


def test_macros_in_every_kind_of_string(tmp_path: Path) -> None:
    """Macros see the names of the variant with context; values in them are escaped."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/m.j2").write_text(MACROS)
    (tmp_path / "templates/a.j2").write_text("FROM scratch\nARG A\nLABEL base='{{ base }}'\n")
    (tmp_path / "matrix.yaml").write_text(MATRIX)

    compiled = compile_matrix(tmp_path / "matrix.yaml")

    first, second = compiled.plan.targets
    assert first.tags == ("a:7-3.11",)
    assert first.fields["labels"] == {"l": "${REGISTRY}/3.11:s$${X}"}
    assert second.fields["labels"] == {"l": "${REGISTRY}/3.12:s$${X}"}
    assert first.fields["args"] == {"A": "$3.11$5{"}
    assert "LABEL base='3.11$5{'" in compiled.dockerfiles["app-3_11"]
    assert [(one.code, one.message) for one in compiled.plan.warnings] == [
        ("unused-variable", "unused variable 'UNUSED'")
    ]


@pytest.mark.parametrize(
    ("macros", "code", "path"),
    [
        ("{% macro tag(name) %}${NIX}{% endmacro %}", "undeclared-variable", "matrix.yaml"),
        ("{% macro tag(name) %}{{ nix }}{% endmacro %}", "undefined-name", "templates/m.j2"),
        ("{% macro tag(name) %}", "template-syntax", "templates/m.j2"),
        ("{% import 'n.j2' as n %}", "missing-template", "templates/m.j2"),
        ("{% macro tag(name) %}{{ tag(name) }}{% endmacro %}", "template-loop", "matrix.yaml"),
    ],
)
def test_errors_in_macros(tmp_path: Path, macros: str, code: str, path: str) -> None:
    """An error in a macro is located in its file; one of the string, at the string."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/m.j2").write_text(macros)
    (tmp_path / "templates/a.j2").write_text("FROM scratch\n")
    text = "{% from 'm.j2' import tag %}{{ tag('app') }}"
    (tmp_path / "matrix.yaml").write_text(
        f'images: {{app: {{template: a.j2, labels: {{a: "{text}"}}}}}}'
    )

    with pytest.raises(CompileError) as caught:
        compile_matrix(tmp_path / "matrix.yaml")

    (found,) = caught.value.diagnostics
    assert (found.code, found.file_location.path) == (code, path)


@pytest.mark.parametrize("text", ["1" + "+1" * 5000, "'a'" + "|lower" * 5000])
def test_a_deep_expression_is_no_loop_of_templates(text: str, tmp_path: Path) -> None:
    """The reason is the expression; no template includes another one."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/a.j2").write_text("FROM scratch\n")
    matrix = f'images: {{app: {{template: a.j2, labels: {{a: "{{{{ {text} }}}}"}}}}}}'
    (tmp_path / "matrix.yaml").write_text(matrix)

    with pytest.raises(CompileError) as caught:
        compile_matrix(tmp_path / "matrix.yaml")

    assert [one.code for one in caught.value.diagnostics] == ["too-deep"]
