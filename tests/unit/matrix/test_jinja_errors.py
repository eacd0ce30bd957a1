"""Errors of templates speak of values as templates do, not as Python does."""

from pathlib import Path

import pytest

from compiler.errors import CompileError
from compiler.pipeline import compile_matrix


MATRIX = """\
axes: {python: [3.10]}
set: {nothing: ~, names: [1], map: {a: 1}, empty: []}
images: {server: {template: t.j2}}
"""

ERRORS = {
    "{% for x in nothing %}{% endfor %}": (
        "null is not a list",
        "test for null first: `{% if nothing is not none %}`",
    ),
    "{{ nothing + 1 }}": (
        "`+` of null and a number is not possible",
        "test for null first: `{% if nothing is not none %}`",
    ),
    "{{ nothing.x }}": (
        "null has no attribute 'x'",
        "test for null first: `{% if nothing is not none %}`",
    ),
    "{% extends nothing %}": (
        "the name of a template must be text, not null",
        "test for null first: `{% if nothing is not none %}`",
    ),
    "{{ map + names }}": (
        "`+` of a mapping and a list is not possible",
        "check the values of its names; values are text",
    ),
    "{{ -python }}": (
        "`-` of text is not possible",
        "check the values of its names; values are text",
    ),
    "{{ empty | first }}": (
        "the list is empty: it has no first item",
        "check the data, or add a fallback with `| default(...)`",
    ),
    "{% block a %}{{ super() }}{% endblock %}": (
        "no template above has a block 'a'",
        "remove `super()`, or begin the template with `{% extends %}`",
    ),
    "{{ python is xyzzy }}": (
        "Jinja: no test named 'xyzzy'",
        "see the lists of filters and tests in the documentation of Jinja",
    ),
    "{% if python = '3.10' %}{% endif %}": (
        "Jinja: expected token 'end of statement block', got '='",
        "compare with `==`; assign with `{% set name = value %}`",
    ),
    "{% if python && map %}{% endif %}": ("Jinja: unexpected char '&' at 26", "write `and`"),
    "{% if python || map %}{% endif %}": (
        "Jinja: expected token 'name', got '|'",
        "write `or`; a filter has one `|`",
    ),
    "{% if !python %}{% endif %}": ("Jinja: unexpected char '!' at 19", "write `not`"),
    "{% if python %}{% else if map %}{% endif %}": (
        "Jinja: expected token 'end of statement block', got 'if'",
        "write `elif`",
    ),
    "{{ len(names) }}": (
        "'len' is undefined",
        "it is a filter: write `value | length`",
    ),
    "{{ python | split('.') }}": (
        "Jinja: no filter named 'split'",
        "it is a method of text: write `value.split(...)`",
    ),
    "{% set oldest = 3.12.1 %}": (
        "Jinja: '3.12.1' is not a number: write it in quotes",
        'write "3.12.1"; for a range of versions, `is version(">=3.12.1")`',
    ),
    "{{ names | map('slgu') | list }}": ("no filter named 'slgu'", "did you mean 'slug'?"),
    "{% macro m(n) %}{{ m(n - 1) if n }}{% endmacro %}{{ m(5000) }}": (
        "templates or macros use each other in a cycle, or too deeply",
        "remove one of the references, or use a loop",
    ),
}


@pytest.mark.parametrize("text", ERRORS)
def test_an_error_in_a_template(tmp_path: Path, text: str) -> None:
    """Message and remedy name kinds of values by the words of the documentation."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/t.j2").write_text(f"FROM scratch\n{text}\n")
    (tmp_path / "matrix.yaml").write_text(MATRIX)

    with pytest.raises(CompileError) as raised:
        compile_matrix(tmp_path / "matrix.yaml")

    (found,) = raised.value.diagnostics
    assert (found.message.partition(" (in ")[0], found.help) == ERRORS[text]
