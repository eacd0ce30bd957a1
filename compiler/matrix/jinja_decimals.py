"""Decimal numbers in templates, which are most often versions without quotes."""

from collections.abc import Iterable, Iterator

from jinja2 import TemplateSyntaxError, nodes
from jinja2.lexer import TOKEN_FLOAT, TOKEN_INTEGER

from compiler.matrix.jinja_comparisons import EQUAL, TESTS


def refuse_decimals(
    tree: nodes.Template,
    tokens: Iterable[tuple[int, str, str]],
    name: str | None,
    filename: str | None,
) -> None:
    """Reject decimal numbers that would surprise, because values are text.

    A number such as 3.10 is printed as 3.1, and no number equals a text.

    Args:
        tree: the parsed template.
        tokens: line, kind and text of its tokens.
        name: the name of the template.
        filename: what Jinja calls its file.

    Raises:
        TemplateSyntaxError: there is such a number.
    """
    _refuse_written(tokens, name, filename)
    for item in _equal_operands(tree):
        if isinstance(item, nodes.Const) and isinstance(item.value, float):
            message = f"{item.value} is a number and never equals text: write it in quotes"
            raise TemplateSyntaxError(message, item.lineno, name, filename)


def _refuse_written(
    tokens: Iterable[tuple[int, str, str]], name: str | None, filename: str | None
) -> None:
    """Reject versions such as 3.12.1, and numbers that are not printed as they are written."""
    number, at = "", 0
    for line, kind, text in (*tokens, (0, "", "")):
        if number and (text == "." or (kind == TOKEN_INTEGER and number[-1] == ".")):
            number += text
            continue
        version = number.rstrip(".")
        if version.count(".") > 1:
            message = f"'{version}' is not a number: write it in quotes"
            raise TemplateSyntaxError(message, at, name, filename)
        if version[-1:] == "0" and (value := str(float(version))) != version:
            message = f"'{version}' is read as the number {value}: write it in quotes"
            raise TemplateSyntaxError(message, at, name, filename)
        is_decimal = kind == TOKEN_FLOAT and "e" not in text.lower()
        number, at = (text.replace("_", "") if is_decimal else ""), line


def _equal_operands(tree: nodes.Template) -> Iterator[nodes.Node]:
    """Yield the operands that a template tests for equality, and the elements of their lists."""
    sides: list[nodes.Node] = []
    for comparison in tree.find_all(nodes.Compare):
        equal = [operand.expr for operand in comparison.ops if operand.op in EQUAL]
        sides += [comparison.expr, *equal] if equal else []
    for test in tree.find_all(nodes.Test):
        if test.name == "in" or TESTS.get(test.name) in EQUAL:
            sides += [test.node, *(test.args or ())]
    for side in sides:
        yield side
        yield from side.items if isinstance(side, nodes.List | nodes.Tuple) else ()
