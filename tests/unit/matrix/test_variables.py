"""The values of variables, derived ones included."""

import time
from pathlib import Path

import pytest

from compiler.errors import CompileError
from compiler.matrix.derivation import Derivation, ExpressionError, check_expression
from compiler.matrix.matrix import Variable
from compiler.matrix.variables import evaluate
from compiler.pipeline import compile_matrix


def variable(
    name: str, default: str = "", derivation: Derivation | None = None
) -> tuple[str, Variable]:
    """Return a variable by its name."""
    return name, Variable(name=name, default=default, resolved="", route=(), derivation=derivation)


VARIABLES = dict(
    [
        variable("TAG", "v${MAJOR}-${VERSION}"),
        variable("MAJOR", derivation=Derivation("MINOR", r"^(\d+)")),
        variable("MINOR", derivation=Derivation("VERSION", r"^(\d+\.\d+)\.\d+$")),
        variable("VERSION", "1.25.3"),
    ]
)


def test_a_variable_is_derived_in_any_order() -> None:
    """A variable can be derived from a derived one, and a default can use it."""
    found = evaluate(VARIABLES, {})

    assert found.values == {"VERSION": "1.25.3", "MINOR": "1.25", "MAJOR": "1", "TAG": "v1-1.25.3"}
    assert found.missing == {}


def test_the_environment_changes_what_is_derived() -> None:
    """Values follow from the variables of the environment, which can replace any of them."""
    assert evaluate(VARIABLES, {"VERSION": "2.0.1"}).values["TAG"] == "v2-2.0.1"
    assert evaluate(VARIABLES, {"MINOR": "7.1"}).values["TAG"] == "v7-1.25.3"


def test_a_variable_without_a_match_has_no_value() -> None:
    """Neither have the variables that depend on it; the cause is the first of them."""
    found = evaluate(VARIABLES, {"VERSION": "rc"})

    assert found.missing == {"TAG": "MINOR", "MAJOR": "MINOR", "MINOR": "MINOR"}
    assert found.values == {"VERSION": "rc", "MINOR": "", "MAJOR": "", "TAG": ""}
    assert evaluate(VARIABLES, {"VERSION": "rc", "MINOR": "1.2"}).missing == {}


@pytest.mark.parametrize(
    ("pattern", "text", "value"),
    [
        (r"^(\d+)$", "12", "12"),
        (r"^(\d+)$", "12\n", None),
        (r"(\d+)", "\u0661", None),
        (r"(\w+)", "\xe9a", "a"),
        (r"(a)|b", "b", None),
        (r"(a*)", "b", ""),
        ("(e\u0301)", "\xe9", "\xe9"),
    ],
)
def test_expressions_are_those_of_bake(pattern: str, text: str, value: str | None) -> None:
    """Classes are ASCII, `$` is only the end, and a group that is not part of a match is none."""
    check_expression(pattern)

    assert Derivation("", pattern).apply(text) == value


def test_the_time_is_linear() -> None:
    """An expression on which Python's own module takes exponential time is fast."""
    begin = time.process_time()

    assert Derivation("", "((x+x+)+)y").apply("x" * 100_000) is None
    assert time.process_time() - begin < 5


@pytest.mark.parametrize(
    "pattern",
    ["", "a", "(", "(?P<n>a)", "(?<n>a)", r"(a)\1", r"(?=a)(b)", r"\C(a)", "(" + "a" * 1000],
)
def test_invalid_expressions_are_refused(pattern: str) -> None:
    """What bake rejects is an error when compiling."""
    with pytest.raises(ExpressionError):
        check_expression(pattern)


DOUBLED = "".join(f"  V{n + 1}: '${{V{n}}}${{V{n}}}'\n" for n in range(59))


@pytest.mark.parametrize(
    ("variables", "label", "message"),
    [
        (
            f"  V0: x\n{DOUBLED}",
            "${V59}",
            "with V13, the values of the variables exceed 1,048,576 ",
        ),
        (
            f"  V0: ''\n{DOUBLED}",
            "${V59}",
            "with V13, the values of the variables exceed 1,048,576 ",
        ),
        ("  V: x\n", "${V}" * 101, "more than 100 uses of bake variables in one text"),
        (f"  V: {'x' * 9_999}\n", "${V}" * 100 + "$${V}", ""),
        ("  V: x\n", "$${V}" * 1_000, ""),
    ],
)
def test_repeated_values_are_limited(
    tmp_path: Path, variables: str, label: str, message: str
) -> None:
    """A few lines cannot take all memory; there is one error, at the first variable."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/t.j2").write_text("FROM scratch\n")
    (tmp_path / "matrix.yaml").write_text(
        f"variables:\n{variables}images: {{x: {{template: t.j2, labels: {{l: '{label}'}}}}}}\n"
    )
    errors = []
    try:
        compile_matrix(tmp_path / "matrix.yaml")
    except CompileError as error:
        errors = [diagnostic.message for diagnostic in error.diagnostics]

    assert len(errors) == bool(message)
    assert "".join(errors).startswith(message)
