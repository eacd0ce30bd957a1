"""Comparisons in templates: those that would surprise are errors, others give their result."""

import pytest
from jinja2 import TemplateSyntaxError

from compiler.matrix.jinja import environment
from compiler.matrix.jinja_comparisons import ComparisonError


SCOPE = {
    "python": "3.10",
    "cuda": None,
    "gpu": True,
    "size": "1.5",
    "date": "2026-01-31",
    "count": "7",
    "name": "trixie",
}


def rendered(expression: str) -> str:
    """Return the text of an expression."""
    return environment(None, bake=False).from_string(f"{{{{ {expression} }}}}").render(SCOPE)


@pytest.mark.parametrize(
    ("expression", "name", "remedy"),
    [
        ('python >= "3.9"', "python", 'python is version(">=3.9")'),
        ('"3.9" <= python', "python", 'python is version(">=3.9")'),
        ('"v3.9" < python < "4"', "python", 'python is version(">v3.9")'),
        ('python < "3.9rc1"', "python", 'python is version("<3.9rc1")'),
        ('python >= "3.10"', "python", 'python is version(">=3.10")'),
        ('count < "10"', "count", 'count is version("<10")'),
        ("python >= 3.12", "python", 'python is version(">=3.12")'),
        ("python >= 3", "python", 'python is version(">=3")'),
        ("count > 5", "count", "numbers with `count | int > 5`"),
        ('python is ge "3.9"', "python", 'python is version(">=3.9")'),
        ("python is lessthan 3.12", "python", 'python is version("<3.12")'),
        ('[python] | select("<", "3.9") | list', "python", 'python is version("<3.9")'),
        ('gpu is eq "true"', "gpu", "{% if gpu %}"),
        ('gpu == "true"', "gpu", "{% if gpu %}"),
        ('gpu != "true"', "gpu", "{% if not gpu %}"),
        ('"False" == gpu', "gpu", "{% if not gpu %}"),
    ],
)
def test_what_would_surprise(expression: str, name: str, remedy: str) -> None:
    """The error names the compared value, and says what to write."""
    with pytest.raises(ComparisonError) as raised:
        rendered(expression)

    assert remedy in raised.value.explain({name: SCOPE[name]} if name else {})[1]


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ('python == "3.10"', "true"),
        ('python is version(">=3.9")', "true"),
        ("size | float >= 1.25", "true"),
        ("count | int > 5", "true"),
        ('date >= "2025-12-31"', "true"),
        ('name > "bookworm"', "true"),
        ('count < "8"', "true"),
        ('cuda == "12.8"', "false"),
        ('gpu == "auto"', "false"),
        ("gpu == 1", "true"),
        ('gpu in ["auto", true]', "true"),
        ("1 < 2 < 3", "true"),
    ],
)
def test_other_comparisons(expression: str, result: str) -> None:
    """Numbers, dates, names and null are compared as Jinja does."""
    assert rendered(expression) == result


@pytest.mark.parametrize("value", ["3.10.1", "v1.2.3"])
def test_a_version_is_no_number(value: str) -> None:
    """Jinja would convert a version with three parts to 0."""
    with pytest.raises(ComparisonError, match="is a version, not a number"):
        rendered(f'"{value}" | float')


@pytest.mark.parametrize(
    ("expression", "message", "remedy"),
    [
        ('"3.10" <= python', "`'3.10' <= python`", 'python is version(">=3.10")'),
        ('python <= "3.10"', "`python <= '3.10'`", 'python is version("<=3.10")'),
        ('twin < "3.10"', "`twin < '3.10'`", 'twin is version("<3.10")'),
        ('"3.10" < twin', "`'3.10' < twin`", 'twin is version(">3.10")'),
        ("twin < python", "`twin < python`", 'twin is version("<3.10")'),
        ('"2" < twin <= "3.10"', "`'2' < twin`", 'twin is version(">2")'),
        ("seven <= count", "`seven <= count`", "count | int >= 7"),
        ("count >= seven", "`count >= seven`", "count | int >= 7"),
        ("7 <= count", "`7 <= count`", "count | int >= 7"),
        ('"true" == gpu', "`'true' == gpu`", "{% if gpu %}"),
        ("word == gpu", "`word == gpu`", "{% if gpu %}"),
        ("gpu == word", "`gpu == word`", "{% if gpu %}"),
        ('"3.10" < (python | trim)', "`'3.10' < '3.10'`", 'x is version(">3.10")'),
    ],
)
def test_the_compared_names_are_those_of_the_expression(
    expression: str, message: str, remedy: str
) -> None:
    """A constant never has the name of an equal value, nor an operand that of another."""
    scope = {**SCOPE, "twin": "3.10", "seven": 7, "word": "true"}
    with pytest.raises(ComparisonError) as raised:
        environment(None, bake=False).from_string(f"{{{{ {expression} }}}}").render(scope)

    text, help_ = raised.value.explain(scope)
    assert text.startswith(message)
    assert remedy in help_


@pytest.mark.parametrize(
    "expression",
    [
        "3.10",
        "other | default(3.10)",
        "'x' ~ 3.10",
        "python == 3.10",
        "python >= 3.10",
        "[3.9, 3.10] | join(' ')",
    ],
)
def test_a_number_that_would_lose_a_zero(expression: str) -> None:
    """Jinja reads `3.10` as 3.1, so that it must be written in quotes, wherever it is."""
    with pytest.raises(TemplateSyntaxError, match=r"'3\.10' is read as the number 3\.1"):
        rendered(expression)


@pytest.mark.parametrize("test", ["eq", "equalto", "ne", "in"])
def test_a_test_that_compares_with_a_decimal(test: str) -> None:
    """Jinja's tests of equality are checked as its operators are."""
    operand = "[3.11]" if test == "in" else "3.11"

    with pytest.raises(TemplateSyntaxError, match="never equals text"):
        rendered(f"python is {test} {operand}")


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("1.0", "1.0"),
        ("1.5", "1.5"),
        ("1e3", "1000.0"),
        ("'3.10'", "3.10"),
        ('python is eq "3.10"', "true"),
        ("count | int is ge 5", "true"),
        ("[1, 2] is eq [1, 2]", "true"),
    ],
)
def test_numbers_that_are_printed_as_written(expression: str, result: str) -> None:
    """Other numbers, texts and comparisons are not touched."""
    assert rendered(expression) == result
