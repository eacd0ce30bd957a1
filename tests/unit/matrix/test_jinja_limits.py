"""Limits of templates: nothing large is allocated, and no loop is endless."""

import time
import tracemalloc
from typing import Any

import pytest
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.sandbox import ImmutableSandboxedEnvironment

from compiler.matrix import jinja_limits
from compiler.matrix.jinja import environment, renderer
from compiler.matrix.jinja_growth import FILTERS, METHODS, SHALLOW, TESTS
from compiler.matrix.jinja_text import PrintedError
from compiler.matrix.jinja_versions import NAMES


SCOPE: dict[str, Any] = {
    "a": "text\nof two lines",
    "n": 3,
    "list": ["b", "a", "c"],
    "rows": [{"name": "x", "size": 1}, {"name": "y", "size": 2}],
    "tree": {"k": ["v", {"w": "é"}], "m": 1},
    "million": "x" * 1_000_000,
}

DOUBLED = "{% set n = namespace(x=START) %}{% for i in range(40) %}{% set n.x = STEP %}{% endfor %}"


def doubled(start: str, step: str, end: str = "n.x|length") -> str:
    """Return a template that doubles a value forty times."""
    return DOUBLED.replace("START", start).replace("STEP", step) + "{{ " + end + " }}"


BOMBS = [
    "{{ 'a'|center(3000000000) }}",
    "{{ 'a'.center(3000000000) }}",
    "{{ 'a'.ljust(3000000000) }}",
    "{{ 'a'.rjust(width) }}",
    "{{ '1'.zfill(3000000000) }}",
    "{{ '\\t'.expandtabs(3000000000) }}",
    "{{ '\\t'.expandtabs(tabsize=3000000000) }}",
    "{{ '%9999999999d' % 1 }}",
    "{{ '%.9999999999f' % 1 }}",
    "{{ '%*d' % (3000000000, 1) }}",
    "{{ '%9999999999d'|format(1) }}",
    "{{ '%(x)9999999999d'|format(x=1) }}",
    "{{ ('%s' * 1000) % ((million,) * 1000) }}",
    "{{ '{:>9999999999}'.format(1) }}",
    "{{ '{:>{w}}'.format(1, w=3000000000) }}",
    "{{ '{x:>{w}}'.format_map({'x': 1, 'w': 3000000000}) }}",
    "{{ ('{0}' * 1000).format(million) }}",
    "{{ ('{0}'|safe * 1000).format(million) }}",
    "{{ ('a' * 1000)|replace('a', million) }}",
    "{{ ('a' * 1000).replace('a', million) }}",
    "{{ million.replace('', million) }}",
    "{{ range(100)|join(million) }}",
    "{{ million.join(['a'] * 100) }}",
    "{{ ([million] * 100)|join }}",
    "{{ ([rows] * 100)|map(attribute=0)|join(million) }}",
    "{{ 'a\\nb'|indent(3000000000) }}",
    "{{ ('a\\n' * 100000)|indent(million) }}",
    "{{ million|wordwrap(1, wrapstring=million) }}",
    "{{ tree|tojson(indent=3000000000) }}",
    "{{ 'a'|truncate(1, end=million * 100) }}",
    "{{ ('a b ' * 100000)|urlize(target=million) }}",
    "{{ list|batch(3000000000, 'x')|list }}",
    "{{ list|slice(3000000000)|list }}",
    "{{ 2.5|round(3000000000, 'floor') }}",
    "{{ 'a' * 3000000000 }}",
    "{{ ['a'] * 3000000000 }}",
    "{{ 10 ** 10000000000 }}",
    "{{ 3 ** 100000 ** 2 }}",
    "{{ (1).to_bytes(3000000000, 'big') }}",
    "{{ 'a'.encode('utf-32') }}",
    "{{ 'a'.translate({97: million}) }}",
    doubled("'aaaaaaaaaa'", "n.x ~ n.x"),
    doubled("'aaaaaaaaaa'", "n.x + n.x"),
    doubled("[1]", "n.x + n.x"),
    doubled("(1,)", "n.x + n.x"),
    doubled("12345", "n.x * n.x", "1"),
    doubled("'aaaa'", "n.x|replace('a', 'aa')"),
    doubled("'aaaa'", "'%s%s' % (n.x, n.x)"),
    doubled("'aaaa'", "'{0}{0}'.format(n.x)"),
    doubled("'aaaa'", "[n.x, n.x]|join"),
    doubled("['a']", "[n.x, n.x]", "n.x|string|length"),
    doubled("['a']", "[n.x, n.x]", "n.x ~ ''"),
    doubled("['a']", "[n.x, n.x]", "n.x|tojson"),
    doubled("['a']", "[n.x, n.x]", "n.x|pprint"),
    doubled("['a']", "[n.x, n.x]", "n|string|length"),
    doubled("['a']", "{'a': n.x, 'b': n.x}", "n.x.values()|string|length"),
    doubled("['a']", "[n.x, n.x]", "'%s' % n.x"),
    doubled("['a']", "[n.x, n.x]", "'{}'.format(n.x)"),
    doubled("['a']", "[n.x, n.x]", "'{!r:>3}'.format(n.x)"),
    (
        "{% set n = namespace(x=[]) %}{% for i in range(100000) %}"
        "{% set n.x = [n.x, range(100000)|list] %}{% endfor %}"
    ),
    (
        "{% set n = namespace(x=[]) %}{% for i in range(100000) %}"
        "{% set n.x = [n.x, million[i:]] %}{% endfor %}"
    ),
    (
        "{% set n = namespace(x=[]) %}{% for i in range(100000) %}"
        "{% set n.x = [n.x, million.split('')] %}{% endfor %}"
    ),
    "{% for i in range(100000) %}{{ million }}{% endfor %}",
    "{% macro m() %}{% for i in range(100000) %}{{ million }}{% endfor %}{% endmacro %}{{ m() }}",
    "{% set x %}{% for i in range(100000) %}{{ million }}{% endfor %}{% endset %}",
    "{% filter upper %}{% for i in range(100000) %}{{ million }}{% endfor %}{% endfilter %}",
    "{% block b %}{% for i in range(100000) %}{{ million }}{% endfor %}{% endblock %}",
]

ENDLESS = [
    "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
    "{% for i in range(100000) %}{% for j in range(100000) if false %}{% endfor %}{% endfor %}",
    "{% for i in range(100000) %}{{ range(100000)|sum }}{% endfor %}",
    "{% for i in range(100000) %}{{ range(100000)|map('string')|select|list|length }}{% endfor %}",
    "{% for i in range(100000) %}{{ million|upper|length }}{% endfor %}",
    "{% for i in range(100000) %}{{ i is version(('!=9,' * 249)[:-1]) }}{% endfor %}",
    "{% for i in range(100000) %}{{ [i]|matching(('>=0,' * 249)[:-1])|length }}{% endfor %}",
    "{% for i in range(100000) %}{{ million.upper() and 1 }}{% endfor %}",
    "{% macro m(d) %}{% if d %}{{ m(d - 1) }}{{ m(d - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    (
        "{% for x in [1, 2] recursive %}{% if loop.depth < 60 %}{{ loop([1, 2]) }}{% endif %}"
        "{% endfor %}"
    ),
]


def render(text: str, **scope: Any) -> str:
    """Render a template."""
    env = environment(None, bake=False)
    return renderer(env.from_string(text))({**env.globals, **SCOPE, **scope})


@pytest.mark.parametrize("text", BOMBS)
def test_nothing_large_is_allocated(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The template fails, with a small part of the memory that it asked for."""
    monkeypatch.setattr(jinja_limits, "MAX_NODES", jinja_limits.MAX_NODES // 100)
    monkeypatch.setattr(jinja_limits, "MAX_TEXT", jinja_limits.MAX_TEXT // 10)
    tracemalloc.start()
    try:
        with pytest.raises((SecurityError, ValueError, PrintedError)):
            render(text, width=3_000_000_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 40 << 20


@pytest.mark.parametrize("text", ENDLESS)
def test_no_template_runs_for_long(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loops, macros and what iterates share one limit; here a hundredth of it."""
    monkeypatch.setattr(jinja_limits, "MAX_STEPS", jinja_limits.MAX_STEPS // 100)
    monkeypatch.setattr(jinja_limits, "MAX_TEXT", jinja_limits.MAX_TEXT // 100)
    start = time.perf_counter()
    with pytest.raises(SecurityError, match="too large"):
        render(text)

    assert time.perf_counter() - start < 5


def test_included_templates_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A template that includes itself twice would never end."""
    monkeypatch.setattr(jinja_limits, "MAX_STEPS", 1000)
    text = "{% if depth %}{% set depth = depth - 1 %}{% include 'a' %}{% include 'a' %}{% endif %}"
    env = environment(lambda _: text, bake=False)
    with pytest.raises(SecurityError, match="too large"):
        renderer(env.get_template("a"))({"depth": 60})


@pytest.mark.parametrize(
    "text",
    [
        "{% macro a(n) %}{% if n %}{{ a(n-1) }}{{ a(n-1) }}{% endif %}{% endmacro %}{{ a(40) }}",
        "{% set depth = depth - 1 %}{% if depth %}{% include 'a' %}{% include 'a' %}{% endif %}",
    ],
)
def test_calls_within_calls_end_early(text: str) -> None:
    """A call takes much longer than the step of a loop, so fewer of them are possible."""
    env = environment(lambda _: text, bake=False)
    with pytest.raises(SecurityError, match="too large"):
        renderer(env.get_template("a"))({"depth": 40})

    assert 10_000 < env.meter.steps < 100_000


def test_all_texts_of_a_run_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each rendering is within its limit, and together they are not."""
    monkeypatch.setattr(jinja_limits, "MAX_RUN", 100)
    draw = renderer(environment(None, bake=False).from_string("{{ a }}"))
    for _ in range(5):
        draw(SCOPE)
    with pytest.raises(SecurityError, match="together"):
        draw(SCOPE)


@pytest.mark.parametrize(
    "text",
    [
        "{{ '%c' % 0 }}",
        "{{ '%c'|format(1) }}",
        "{{ '%c' % 55296 }}",
        "{{ '{:c}'.format(127) }}",
        "{{ '{x:c}'.format_map({'x': 0}) }}",
        "{{ '&#13;'|safe|striptags }}",
        "{{ ('&#12;'|safe).unescape() }}",
    ],
)
def test_no_control_character_is_made(text: str) -> None:
    """Formatting and unescaping could produce what no file may contain."""
    with pytest.raises(SecurityError, match="not allowed in text"):
        render(text)


SAME = [
    "{{ 'a' ~ 1 ~ 2.5 ~ a }}",
    "{{ list[1:] + list[:1] }}",
    "{{ a[2:8:2] ~ a[::-1] }}",
    "{{ (1, 2)[:1] + (3,) }}",
    "{{ 2 + 3 * 4 ** 2 % 7 - 1 }}",
    "{{ 'a' * 3 + 'b' }} {{ 2.5 * 2 }} {{ 7 % 2.5 }} {{ 2 ** -1 }} {{ -2 ** 3 }}",
    "{{ '%s is %05.2f%%' % (a, 3) }} {{ '%(x)s' % {'x': 1} }} {{ '%s' % n }}",
    "{{ '%s-%s'|format('a', 1) }} {{ '{:>5}|{!r}|{x}'.format(1, 'b', x=n) }}",
    "{{ '{a}'.format_map({'a': 1}) }}",
    "{{ list|join(', ') }} {{ rows|join('-', attribute='name') }} {{ ', '.join(list) }}",
    "{{ rows|map(attribute='size')|sum }} {{ rows|sum(attribute='size', start=5) }}",
    "{{ [[1], [2]]|sum(start=[]) }}",
    "{{ rows|selectattr('size', 'gt', 1)|map(attribute='name')|list }}",
    "{{ list|sort|reverse|list }} {{ list|unique|list }} {{ list|batch(2, 'x')|list }}",
    "{{ list|slice(2)|list }} {{ rows|groupby('name')|list|length }} {{ list|first }}",
    "{{ tree|tojson }} {{ tree|tojson(indent=2) }} {{ tree|pprint }} {{ tree|dictsort }}",
    "{{ tree|items|list }} {{ tree.items()|list }} {{ tree.get('k') }} {{ tree|xmlattr }}",
    "{{ a|indent(2, first=true) }} {{ a|center(40) }} {{ a|wordwrap(4) }} {{ a|truncate(5) }}",
    "{{ 'http://a.example/?b&c'|urlize(10, target='_blank') }} {{ a|urlencode }}",
    "{{ '<b>&amp;</b>'|e|forceescape }} {{ '<i>x</i>'|striptags }} {{ 'a'|safe ~ 'b' }}",
    "{{ 42.55|round(1, 'floor') }} {{ '12'|int(base=16) }} {{ 'x'|int(7) }}",
    "{{ 1000|filesizeformat }} {{ 7|string }} {{ rows[0].items()|list }}",
    "{{ a.split() }} {{ a.rsplit(' ', 1) }} {{ a.splitlines() }} {{ a.replace('t', 'T', 1) }}",
    "{{ a.ljust(30) ~ '|' ~ a.rjust(30) }} {{ '7'.zfill(3) }} {{ 'a\tb'.expandtabs(4) }}",
    "{{ a|replace('t', 'T', 2) }} {{ a|title }} {{ a|wordcount }} {{ undefined|default('d') }}",
    (
        "{% for x in list if x != 'a' %}{{ loop.index }}/{{ loop.length }}{{ x }}{{ loop.last }}"
        "{% else %}none{% endfor %}"
    ),
    "{% for x in [[1, [2]], 3] recursive %}{{ loop(x) if x is iterable else x }}{% endfor %}",
    "{% for k, v in tree|dictsort %}{{ loop.cycle('a', 'b') }}{{ k }}{% endfor %}",
    (
        "{% macro m(x, y=1) %}{{ x }}{{ y }}"
        "{{ caller() if caller is defined else '' }}{% endmacro %}"
        "{{ m(1) }}{% call m(2, 3) %}c{% endcall %}"
    ),
    "{% set x %}b{{ n }}{% endset %}{{ x }}{% filter upper %}abc{% endfilter %}",
    "{% block b %}{{ a }}{% endblock %}{{ self.b() }}",
    "{% set n = namespace(x=1) %}{% for i in [1, 2] %}{% set n.x = n.x + i %}{% endfor %}{{ n.x }}",
    "{{ dict(a=1, b=2)|length }} {{ cycler('a', 'b').next() }} {{ list.index('a') }}",
]


@pytest.mark.parametrize("text", SAME)
def test_templates_render_as_in_jinja(text: str) -> None:
    """The limits change no result."""
    ours = environment(None, bake=False)
    ours.finalize = None
    plain = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )

    scope = {**ours.globals, **SCOPE}

    assert renderer(ours.from_string(text), inherits=True)(scope) == plain.from_string(text).render(
        scope
    )


def test_every_filter_is_known() -> None:
    """A filter that a new version of Jinja adds has to be considered first."""
    assert {*JINJA_FILTERS, *NAMES, "slug"} - {"random"} == set(
        environment(None, bake=False).filters
    )
    assert set(FILTERS) >= set(environment(None, bake=False).filters)
    assert set(FILTERS) > SHALLOW
    assert set(TESTS) == set(environment(None, bake=False).tests)


REJECTED = {
    str: {"encode", "format", "format_map", "maketrans", "translate"},
    list: {"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"},
    tuple: set(),
    dict: {"clear", "fromkeys", "pop", "popitem", "setdefault", "update"},
    int: {"as_integer_ratio", "from_bytes", "to_bytes", "denominator", "imag", "numerator", "real"},
    float: {"as_integer_ratio", "fromhex", "hex", "imag", "real"},
}
"""Methods that are too large, modify a value, or have replacements; and attributes."""


@pytest.mark.parametrize("kind", REJECTED)
def test_every_method_is_known(kind: type) -> None:
    """A method that a new version of Python adds is rejected until it is considered."""
    allowed = next(methods for kinds, methods in METHODS if issubclass(kind, kinds))
    every = {name for name in dir(kind) if not name.startswith("_")}

    assert every - set(allowed) - REJECTED[kind] <= {"is_integer"}
