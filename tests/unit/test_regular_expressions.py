"""No regular expression of the compiler takes more than linear time, whatever the text is.

Each expression is run, with the methods that the code calls, on texts of its own characters at two
lengths. A stranger's branch can contain any text, so a quadratic expression is hours of a runner.
"""

import ast
import importlib
import itertools
import re
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import compiler


ROOT = Path(compiler.__file__).parent
SHORT, LONG = 1_250, 5_000
ENOUGH = 0.003
"""Seconds for the long text that are never too many."""
SEARCHING = frozenset({"search", "finditer", "findall", "sub", "subn", "split"})
METHODS = SEARCHING | {"match", "fullmatch"}


class Expression(NamedTuple):
    """A regular expression, and the methods with which it is used."""

    name: str
    pattern: re.Pattern[Any]
    methods: frozenset[str]


@cache
def trees() -> dict[str, ast.Module]:
    """Return the syntax tree of each module."""
    return {
        ".".join(["compiler", *path.relative_to(ROOT).with_suffix("").parts]): ast.parse(
            path.read_text()
        )
        for path in sorted(ROOT.rglob("*.py"))
        if path.name not in {"__init__.py", "__main__.py"}
    }


def expressions() -> Iterator[Expression]:
    """Yield the expressions of all modules, compiled ones and those in calls of `re`."""
    everywhere = [*itertools.chain.from_iterable(map(uses, trees().values()))]
    for name, tree in trees().items():
        own = [*uses(tree)]
        for key, value in vars(importlib.import_module(name)).items():
            if isinstance(value, re.Pattern):
                used = own if key.startswith("_") else everywhere
                methods = frozenset(method for owner, method in used if owner == key)
                yield Expression(f"{name}.{key}", value, methods or METHODS)
        for node in ast.walk(tree):
            called = isinstance(node, ast.Call) and ast.unparse(node.func)
            if called and called.removeprefix("re.") in METHODS and called.startswith("re."):
                text = node.args[0]  # type: ignore[attr-defined]
                if isinstance(text, ast.Constant):
                    method = frozenset({called.removeprefix("re.")})
                    yield Expression(f"{name}:{text.lineno}", re.compile(text.value), method)


def uses(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield names and the methods that are called on them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in METHODS:
            owner = node.value
            yield (owner.id if isinstance(owner, ast.Name) else ast.unparse(owner)), node.attr


def atoms(pattern: re.Pattern[Any]) -> list[str]:
    """Return the literal texts and some characters of the classes of an expression."""
    text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode()
    found = dict.fromkeys(re.findall(r"[A-Za-z]{2,}|[^\w\\]", text))
    kept = [atom for atom in found if atom not in "(?|*+"][:9]
    return [*dict.fromkeys([*kept, "a", " ", "\\"])]


def texts(pattern: re.Pattern[Any], size: int) -> Iterator[str]:
    """Yield texts that repeat one or two atoms, after a start and before an end."""
    own = atoms(pattern)
    for one, other in itertools.product(own, ["", *own]):
        unit = one + other
        body = unit * (size // len(unit))
        yield body + "\0"
        if not other:
            for start in own:
                yield start + body + "\0"


def seconds(expression: Expression, text: str) -> float:
    """Return the least processor time of three runs."""
    data: Any = text if isinstance(expression.pattern.pattern, str) else text.encode()
    best = float("inf")
    for _ in range(3):
        start = time.thread_time()
        for method in expression.methods:
            if method in {"search", "match", "fullmatch"}:
                getattr(expression.pattern, method)(data)
            else:
                for _match in expression.pattern.finditer(data):
                    pass
        best = min(best, time.thread_time() - start)
        if best < ENOUGH:
            break
    return best


EXPRESSIONS = [*expressions()]


@pytest.mark.slow
@pytest.mark.parametrize("expression", EXPRESSIONS, ids=[one.name for one in EXPRESSIONS])
def test_time_is_linear(expression: Expression) -> None:
    """Four times the text takes less than nine times as long."""
    for short, long in zip(
        texts(expression.pattern, SHORT), texts(expression.pattern, LONG), strict=True
    ):
        slow = seconds(expression, long)
        if slow > ENOUGH:
            assert slow < 9 * max(seconds(expression, short), ENOUGH / 9), long[:40]
