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
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import compiler


ROOT = Path(compiler.__file__).parent
SHORT, LONG = 500, 2_000
ENOUGH = 0.003
"""Seconds for the long text that are never too many."""
ITERATING = frozenset({"finditer", "findall", "sub", "subn", "split"})
"""The methods that find all matches: they take the same time."""
METHODS = ITERATING | {"search", "match", "fullmatch"}


class Expression(NamedTuple):
    """A regular expression, and the methods with which it is used."""

    name: str
    pattern: re.Pattern[Any]
    methods: frozenset[str]


def expressions() -> Iterator[Expression]:
    """Yield the expressions of all modules, compiled ones and those in calls of `re`."""
    names = {
        ".".join(["compiler", *path.relative_to(ROOT).with_suffix("").parts]): path
        for path in sorted(ROOT.rglob("*.py"))
        if path.name not in {"__init__.py", "__main__.py"}
    }
    used = {name: [*uses(ast.parse(path.read_text()))] for name, path in names.items()}
    everywhere = [*itertools.chain.from_iterable(used.values())]
    for name, own in used.items():
        for key, value in vars(importlib.import_module(name)).items():
            if isinstance(value, re.Pattern):
                calls = own if key.startswith("_") else everywhere
                methods = frozenset(call.method for call in calls if call.owner == key)
                yield Expression(f"{name}.{key}", value, methods or METHODS)
        for call in own:
            if call.owner == "re" and call.pattern is not None:
                pattern = re.compile(call.pattern)
                yield Expression(f"{name}:{call.line}", pattern, frozenset({call.method}))


class Use(NamedTuple):
    """A method that is called on a name, such as that of an expression or of `re`."""

    owner: str
    method: str
    pattern: Any = None
    """The first argument, if it is a literal."""
    line: int = 0


def uses(tree: ast.Module) -> Iterator[Use]:
    """Yield names and the methods of expressions that are called on them."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="re"), attr=method),
                args=[ast.Constant(value=text, lineno=line), *_],
            ) if method in METHODS:
                yield Use("re", method, text, line)
            case ast.Attribute(value=owner, attr=method) if method in METHODS:
                name = owner.id if isinstance(owner, ast.Name) else ast.unparse(owner)
                yield Use(name, method)


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
        for method in expression.methods - ITERATING:
            getattr(expression.pattern, method)(data)
        if expression.methods & ITERATING:
            for _match in expression.pattern.finditer(data):
                pass
        best = min(best, time.thread_time() - start)
        if best < ENOUGH:
            break
    return best


def superlinear_text(expression: Expression) -> str | None:
    """Return a text of which four times as much takes nine times as long; None if there is none."""
    for short, long in zip(
        texts(expression.pattern, SHORT), texts(expression.pattern, LONG), strict=True
    ):
        slow = seconds(expression, long)
        if slow > ENOUGH and slow >= 9 * max(seconds(expression, short), ENOUGH / 9):
            return long[:40]
    return None


@pytest.mark.slow
def test_time_is_linear() -> None:
    """No expression of any module has a text that takes more than linear time."""
    tried = list(expressions())
    found = {one.name: text for one in tried if (text := superlinear_text(one)) is not None}

    assert not found
    assert len(tried) > 200


def test_a_quadratic_expression_is_found() -> None:
    """The search notices an expression whose time is quadratic."""
    quadratic = Expression("quadratic", re.compile(r"a*$"), frozenset({"search"}))

    assert superlinear_text(quadratic) is not None
