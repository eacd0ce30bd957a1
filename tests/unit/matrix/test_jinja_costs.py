"""Every operation of a template costs at least the time and memory that it takes.

Each filter, test, method, operator and function is run on values that are slow for some of them. A
limit of 64 MiB then ends every template within seconds, whatever it repeats.
"""

import time
import tracemalloc
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from markupsafe import Markup

from compiler.matrix import jinja_limits
from compiler.matrix.jinja import GLOBALS, environment, renderer
from compiler.matrix.jinja_limits import MAX_TEXT


SIZE = 3_000
UNIT = 1e-6
"""Seconds that one character of the limit may stand for on a slow machine."""
FREE = 0.003
"""Seconds that any operation may take."""
BYTES = 16
"""Bytes that one character of the limit may stand for."""


def nested(kind: type, depth: int, inner: Any) -> Any:
    """Return a value inside so many lists."""
    for _ in range(depth):
        inner = kind([inner])
    return inner


def shared(kind: type, depth: int) -> Any:
    """Return a list of two equal lists of two equal lists ..., which is small in memory."""
    value: Any = kind(["a"])
    for _ in range(depth):
        value = kind([value, value])
    return value


def values(n: int) -> dict[str, Any]:
    """Return values by name; the sizes are proportional to a number."""
    words = [str(i) for i in range(n)]
    return {
        "a": "a" * n,
        "ba": "b" * (n - 1) + "a",
        "words": "a " * (n // 2),
        "seps": "\u2028" * n,
        "tags": "<>" * (n // 2),
        "comments": "<!--" * (n // 4),
        "parens": ")" * (n - 1) + "x",
        "balanced": "(" * (n // 2) + "a" + ")" * (n // 2),
        "addresses": "a@" + "a." * (n // 2) + "!",
        "dashes": "a-" * (n // 2),
        "keys": "%(" * (n // 2),
        "conversions": "%s" * (n // 2),
        "wide": "%9999999999d",
        "hidden": "%((x))9999999999d",
        "emoji": "\U000e0001" * n,
        "nines": "9" * n,
        "path": ".".join("0" * (n // 2)),
        "version": "1." * (n // 2) + "1",
        "versions": ["1.1." + text for text in words],
        "local": "1+" + "a." * 400 + "a",
        "components": "~=" + "1." * 490 + "1",
        "specifiers": ",".join(["!=9.*"] * 160),
        "markup": Markup("<" * n),  # noqa: S704
        "list": ["a"] * n,
        "strings": words,
        "lists": [["x"] * 8] * (n // 8),
        "deep": nested(list, 100, ["a"] * (n // 4)),
        "pairs": list(enumerate(words)),
        "shared": shared(tuple, 11),
        "bomb": shared(tuple, 60),
        "lists60": shared(list, 60),
        "dict": dict.fromkeys(words, "a"),
        "view": dict.fromkeys(words, "a").values(),
        "range": range(n),
        "big": 1 << 60_000,
        "three": 3,
        "n": n,
        "one": "a",
        "none": None,
    }


VALUES = values(SIZE)
ENVIRONMENT = environment(None, bake=False)
ARGUMENTS = ("n", "path", "list", "bomb")
OPERANDS = ("a", "dict", "big", "bomb")
OPERATORS = ("+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", ">=", "in", "not in")
RANGES = ("'>=0'", "components", "specifiers", "'!=' ~ local", "version")
HARD = [
    *(f"{name}|urlize" for name in ("parens", "addresses", "balanced", "dashes", "tags")),
    *(f"{name}|wordwrap(1)" for name in ("a", "dashes", "words", "seps", "parens")),
    *(f"{name}|striptags" for name in ("tags", "comments", "parens")),
    *(f"{name}|indent(500)" for name in ("seps", "words")),
    *(f"{name} is {test}" for name in ("wide", "hidden", "keys") for test in ("odd", "even")),
    *("wide is divisibleby(7)", "hidden % {'(x)': 1}", "conversions % 1", "keys % 1"),
    *("a|trim(ba)", "a.strip(ba)", "a.lstrip(ba)", "a.rstrip(ba)", "ba|trim(a)"),
    *("a|round(9, 'floor')", "list|round(9, 'ceil')", "nines|int(base=16) // 3", "version is odd"),
    *("deep|tojson(indent=50)", "deep|pprint", "lists|pprint", "strings|tojson(indent=n)"),
    *("list|map(attribute=path)|list", "list|selectattr(path)|list", "list|sort(attribute=path)"),
    *(
        "strings|select('in', list)|list",
        "strings|reject('eq', shared)|list",
        "lists|sum(start=[])",
    ),
    *("shared == shared[:1] + shared[1:]", "shared in dict", "{shared: 1}", "dict[shared]"),
    *("dict[bomb]", "{bomb: 1}", "bomb == lists60", "bomb in list", "lists60 < lists60[:]"),
    *("dict(pairs)", "dict(dict)", "dict(**dict)", "namespace(dict)", "cycler(*strings)"),
    *("'%r' % emoji", "'{!a}'.format(emoji)", "'%s' % markup", "markup + a", "emoji|string ~ ''"),
    *("view|list|join(a)", "strings|join(markup)", "a in range", "one in view", "n in list"),
    *(f"{name} is version({text})" for name in ("one", "local", "n") for text in RANGES),
    *(f"versions|matching({text})|list" for text in RANGES),
    *("versions|newest", "versions|oldest(5)", "[local, local]|newest", "[nines, nines]|newest"),
    *("version is version('>=1')", "words|wordcount", "words|title", "range.index('a')"),
    *("[emoji]|string", "strings|groupby(0)", "strings|unique|list", "dict|dictsort", "3 < 4 < n"),
]


def expressions() -> Iterator[str]:
    """Yield an expression for each operation and several operands."""
    for number, name in enumerate(sorted(ENVIRONMENT.filters)):
        yield from (f"{operand}|{name}" for operand in OPERANDS)
        yield from (f"{operand}|{name}({ARGUMENTS[number % 4]})" for operand in ("a", "list"))
    for name in filter(str.isidentifier, sorted(ENVIRONMENT.tests)):
        yield from (f"{operand} is {name}" for operand in OPERANDS)
        yield from (f"{given} is {name}(bomb)" for given in ("shared", "list"))
        yield from (f"strings|select('{name}', {operand})|list" for operand in ("list", "big"))
    for operator, left in product(OPERATORS, OPERANDS):
        yield from (f"{left} {operator} {right}" for right in ("a", "list", "big"))
    for operand in ("a", "markup", "list", "dict", "view", "range", "big"):
        for name in dir(VALUES[operand]):
            given = "" if name.startswith("is") else "one"
            yield from () if name.startswith("_") else (f"{operand}.{name}({given})",)
    for name in GLOBALS:
        yield from (f"{name}({given})" for given in ("list", "*strings", "**dict", "bomb"))


def run(text: str, *, is_traced: bool) -> tuple[float, int, int]:
    """Return the seconds, the charged characters, and the traced peak of bytes."""
    draw, meter = renderer(ENVIRONMENT.from_string(f"{{% set r = ({text}) %}}")), ENVIRONMENT.meter
    scope = {**GLOBALS, **VALUES}
    if is_traced:
        tracemalloc.start()
    start = time.thread_time()
    try:
        draw(scope)
        charged = meter.text + 64 * meter.steps
    except SecurityError:
        charged = MAX_TEXT
    except Exception:  # noqa: BLE001 - many operations reject their operands
        charged = meter.text + 64 * meter.steps
    spent = time.thread_time() - start
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()  # does nothing if it is not started
    return spent, charged, peak


@pytest.mark.slow
def test_every_operation_costs_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is measured again where it is too long, because other programs run as well."""
    monkeypatch.setattr(jinja_limits, "MAX_NODES", jinja_limits.MAX_NODES // 50)
    failed = []
    for text in (*HARD, *expressions()):
        is_traced = text in HARD
        runs = [run(text, is_traced=is_traced)]
        while runs[-1][0] > FREE + UNIT * runs[-1][1] and len(runs) < 3:
            runs.append(run(text, is_traced=is_traced))
        spent, charged, peak = runs[-1]
        if spent > FREE + UNIT * charged or peak > 400_000 + BYTES * charged:
            failed.append((text, f"{spent * 1e3:.1f} ms", charged, peak))

    assert failed == []


@pytest.mark.parametrize("text", ["0x" + "f" * 20_000, "1 + 0x" + "f" * 20_000])
def test_no_number_is_too_large(text: str) -> None:
    """Numbers in hexadecimal digits can be written in any length."""
    with pytest.raises(Exception, match="too large"):
        renderer(ENVIRONMENT.from_string(f"{{{{ {text} }}}}"))({})


def test_a_chain_of_comparisons_is_lazy() -> None:
    """The last operand is not evaluated once a comparison fails."""
    draw = renderer(ENVIRONMENT.from_string("{{ 1 < x < missing }} {{ 1 < 2 < x }}"))

    assert draw({"x": 1}) == "false false"
    assert renderer(ENVIRONMENT.from_string("{{ 1 < x < 9 }}"))({"x": 3}) == "true"


@pytest.mark.parametrize("name", ["'none.j2'", "['none.j2']", "'none' ~ i ~ '-' ~ j"])
def test_each_lookup_of_a_template_costs_what_it_takes(name: str) -> None:
    """A missing template is looked up once, and loops of look-ups end soon."""
    asked: list[str] = []
    env = environment(asked.append, bake=False)
    inner = f"{{% include {name} ignore missing %}}"
    text = f"{{% for i in range(9) %}}{{% for j in range(99999) %}}{inner}"
    draw = renderer(env.from_string(f"{text}{{% endfor %}}{{% endfor %}}"))
    start = time.process_time()

    with pytest.raises(SecurityError, match="too large"):
        draw(GLOBALS)
    assert time.process_time() - start < 10
    assert len(asked) == len(set(asked)) < 100_000


def test_missing_templates_do_not_hide_others() -> None:
    """Templates that exist are found each time, next to missing ones."""
    env = environment({"a.j2": "a"}.get, bake=False)
    inner = "{% include 'no.j2' ignore missing %}{% include ['no.j2', 'a.j2'] %}"

    assert renderer(env.from_string(inner * 2))(GLOBALS) == "aa"


def test_an_invalid_template_is_not_missing() -> None:
    """It is an error each time, also where a missing one is ignored."""
    env = environment({"a.j2": "{% if"}.get, bake=False)
    draw = renderer(env.from_string("{% include 'a.j2' ignore missing %}"))

    for _ in range(2):
        with pytest.raises(TemplateSyntaxError):
            draw(GLOBALS)
