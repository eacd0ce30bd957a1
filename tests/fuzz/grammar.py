"""Random documents: the keys of matrix.yaml with valid, invalid and hostile values."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from hypothesis import strategies as st

from compiler.matrix.field_table import ROWS, Kind
from compiler.matrix.model import ImageOptions, MatrixFile, Override, ValueOptions, keys


NAMES = ("py", "gpu", "one", "two", "base")
HOSTILE = (
    *("", " ", "null", "true", "~", "3.10", "3.1", ">=3.10", "!3.9", "!!", "!", "*", "12.*", "["),
    *("${R}", "${", "$${R}", "${NOPE}", "${R", "%{", "$", "{{ py }}", "{{", "{{ nope }}", "[]"),
    *("{{ py", "{# x", "{{ 1 // 0 }}", "{{ py.x.y }}", "{{ [1] * 9 }}", "{{ range(9**9) }}"),
    *("{{ '${R}' }}", "a b", "a,b", "a/b:c", "r.x/a:{{ variant }}", "linux/amd64", "linux/arm64"),
    *("linux/nope", "../x", "/etc", "http://x", "target:one", "type=registry,ref=a", '"', "'"),
    *("é", "日本", "😀", "\t", "\n", "a\nb\n", "x" * 300),
    *(">=x", "==1.*,!=1.2", "~=1", "<0", "===x", "===3.10", ">=1,,<2", "<=9999999999999999999"),
    *("{{ parent }}", "{{ loop }}", "{{ self }}", "{{ caller() }}", "{{ py | nope }}", "-", "_"),
    *("{{ py | slug }}", "{{ py is version('>=3') }}", "{{ (py).__class__ }}", "{{ cycler(1) }}"),
    *("{% if %}", "{% raw %}", "{{ py is nope }}", "\\", "#", "x\r\ny"),
    *("{% from 'm.j2' import m %}{{ m(py) }}", "{% from 'm.j2' import n %}", "{% include py %}"),
    *("{% from 'm.j2' import m with context %}{{ m(gpu) }}", "{{ [py] | newest }}"),
    *("{{ d.versions | matching('>=3') | oldest(2) }}", "{{ d.versions | newest(0) }}"),
    *("windows(10.0.26100)/amd64", "windows/amd64", "windows()/amd64", "{{ platform.os }}"),
)
RAW = (
    "\u200b",
    "\x85",
    "\u2028",
    "\ufeff",
    "\x00",
    "\x1b[31m",
    "\r",
    "\ud800",
    "\t",
    "&a ",
    "*a",
    "!!x ",
)
texts = st.one_of(
    st.sampled_from(HOSTILE),
    st.sampled_from(NAMES),
    st.text(st.characters(exclude_categories=["C", "Z"]), max_size=6),
    st.text("{}%$#!*<>=~.3 19[],:&|-'\"\\ab\n", max_size=10),
)
scalars = st.one_of(texts, st.sampled_from(["3.9", "3.10"]), st.booleans(), st.none())


def lists(of: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[list[Any]]:
    """Generate short lists."""
    return st.lists(of, max_size=most)


def mappings(
    names: st.SearchStrategy[Any], of: st.SearchStrategy[Any], most: int = 3
) -> st.SearchStrategy[dict[Any, Any]]:
    """Generate small mappings."""
    return st.dictionaries(names, of, max_size=most)


anything = st.recursive(
    scalars, lambda inner: st.one_of(lists(inner), mappings(scalars, inner)), max_leaves=6
)
axis_names = st.one_of(st.sampled_from(["py", "gpu", "image"]), texts)
patterns = mappings(axis_names, st.one_of(scalars, lists(scalars)), 2)
records = st.one_of(texts, mappings(texts, texts, 2))


expressions = st.sampled_from(
    [
        *("{{ d.axes }}", "{{ d.axes.py }}", "{{ d.rows }}", "{{ d.rows[0] }}", "{{ d.nope }}"),
        *(
            "{{ d.text }}",
            "{{ [d.text, 1, none] }}",
            "{{ d }}",
            "{{ py }}",
            "{{ [py] }}",
            "{{ 1 + }}",
        ),
        *("{{ d.rows | map(attribute='py') }}", "{{ {'a': d.rows} }}", "{{ range(3) }}"),
        *("{{ d.versions | newest(2) }}", "{{ d.rows + d.rows }}", "{{ d.axes | dictsort }}"),
    ]
)
"""One expression in the place of a structure."""


_ONE_OF_40, _ONE_OF_50 = st.integers(0, 39), st.integers(0, 49)


@st.composite
def spoilt(draw: st.DrawFn, right: st.SearchStrategy[Any]) -> Any:
    """Generate values of the right type, and sometimes of another."""
    n = draw(_ONE_OF_40)
    return draw(anything if n == 39 else expressions if n > 34 else right)


def level(known: dict[str, st.SearchStrategy[Any]], most: int) -> st.SearchStrategy[dict[str, Any]]:
    """Generate mappings of some of these keys, and sometimes of an unknown key."""
    names = st.lists(st.sampled_from([*known]), max_size=most, unique=True)
    values = {name: spoilt(right) for name, right in known.items()}

    @st.composite
    def fill(draw: st.DrawFn) -> dict[str, Any]:
        filled = {name: draw(values[name]) for name in draw(names)}
        if draw(_ONE_OF_50) == 19:
            filled[draw(texts)] = draw(anything)
        return filled

    return fill()


_TAGS = st.one_of(texts, st.sampled_from(["r/x:1", "{{ platform.arch }}", "{{ platform }}"]))
_TAG_LISTS = st.dictionaries(st.sampled_from(["tags", "moving", "tag"]), lists(_TAGS), max_size=2)

_TESTS = st.fixed_dictionaries(
    {},
    optional={
        "shell": lists(
            st.one_of(texts, mappings(st.sampled_from(["run", "device", "mount", "x"]), texts, 2))
        ),
        "labels": mappings(texts, texts),
        "files": lists(texts),
        "user": texts,
        "size": st.sampled_from(["12GB", "x", ""]),
    },
)
_BY_NAME: dict[str, st.SearchStrategy[Any]] = {
    "from": st.one_of(
        st.sampled_from(["one", "two", "base", None]),
        st.fixed_dictionaries({"image": st.sampled_from(["one", "base"]), "with": patterns}),
    ),
    "when": patterns,
    "only": lists(patterns),
    "exclude": lists(patterns),
    "axes": lists(st.sampled_from(["py", "gpu"])),
    "aliases": mappings(texts, patterns, 2),
    "set": mappings(texts, anything, 2),
    "platforms": lists(
        st.sampled_from(
            ["linux/amd64", "linux/arm64", "windows(10.0.1)/amd64", "${R}", "{{ py }}", "x"]
        )
    ),
    "eol": st.sampled_from(["2026-10-31", "2026-02-30", "soon", "{{ py }}", None]),
    "template": st.sampled_from(["a.j2", "{{ image }}.j2", "nope.j2", "../x", ""]),
    "dockerfile": st.sampled_from(["Dockerfile", "{{ image }}", "./Dockerfile", "../x", "", "."]),
    "cache": st.fixed_dictionaries({"type": st.just("registry"), "ref": texts}),
    "context": st.sampled_from([".", "templates", "nope", "https://x", "..", "{{ py }}"]),
    **dict.fromkeys(
        ["args", "labels", "annotations", "contexts", "extra-hosts"], mappings(texts, texts)
    ),
    **dict.fromkeys(["tags", "moving", "repositories", "ulimits", "entitlements"], lists(texts)),
    "tests": st.one_of(lists(texts), _TESTS),
    **dict.fromkeys(["no-cache-filter", "resources"], lists(texts)),
    **dict.fromkeys(["shared", "platform-tags"], st.one_of(lists(_TAGS), _TAG_LISTS)),
    **dict.fromkeys(
        ["cache-from", "cache-to", "output", "attest", "secret", "ssh", "policy"], lists(records)
    ),
    **dict.fromkeys(["no-cache", "pull", "reproducible"], st.booleans()),
}
_OVERRIDE = {name: _BY_NAME.get(name, texts) for name in keys(Override)}
_BY_NAME["overrides"] = lists(
    level(_OVERRIDE, 3).flatmap(lambda made: patterns.map(lambda when: {"when": when, **made})),
    2,
)
_BY_NAME["rows"] = lists(
    st.tuples(patterns, level(_OVERRIDE, 2), st.booleans()).map(
        lambda row: {"when": row[0], **row[1]} if row[2] else {**row[0], **row[1]}
    ),
    3,
)
_IMAGE = {name: _BY_NAME.get(name, texts) for name in keys(ImageOptions)}
_VALUE = {
    name: patterns if name == "only" else _BY_NAME.get(name, texts) for name in keys(ValueOptions)
}
_WORDS = {name for name in (*_IMAGE, *_VALUE) if name not in _BY_NAME} - {"tag"}
assert all(ROWS[name].kind is Kind.TEXT for name in _WORDS), "each other key has a strategy"
images = level(_IMAGE, 6)
_axis = st.one_of(
    lists(st.sampled_from(["3.9", "3.10", "3.11", "a", True, False, None]), 4),
    lists(scalars, 4),
    mappings(scalars, level(_VALUE, 2), 4),
    lists(st.tuples(scalars, level(_VALUE, 2)).map(lambda one: {"value": one[0], **one[1]}), 3),
    texts,
)
_DERIVED = st.sampled_from([r"(\d+)", r"^(\w)\w*$", "(", "a", "(?P<n>a)", "(?i)(x)", "(é|😀)+", ""])
_KEYLESS = st.fixed_dictionaries({}, optional={"identity": texts, "issuer": texts})
_SIGNERS = st.fixed_dictionaries(
    {},
    optional={
        "key": st.sampled_from(["env://COSIGN_KEY", "data.yaml", "../x", "", "{{ py }}"]),
        "public": st.sampled_from(["data.yaml", "nope.pub", ".", ""]),
        "keyless": spoilt(_KEYLESS),
    },
)
_LOCK = st.fixed_dictionaries(
    {},
    optional={
        "mirror": st.one_of(texts, st.sampled_from(["${R}/bases", "r.x/b", "R/b", "r.x:1/b:t"])),
        "policy": spoilt(st.booleans()),
        "verify": mappings(st.sampled_from(["docker.io/*", "**", "[", ""]), spoilt(_SIGNERS), 2),
    },
)
_LIMITS = st.sampled_from(["12GB", "10%", "0", "-1", "1e3", "1GiB", "", "{{ py }}", "9" * 40])
_PUBLISH = st.fixed_dictionaries(
    {"version": st.sampled_from(["${V}", "${R}", "V", "${x}"])},
    optional={
        "checks": mappings(
            st.sampled_from(["scan", "a b", "gpu"]),
            st.one_of(
                texts,
                st.fixed_dictionaries(
                    {"run": texts},
                    optional={
                        "when": patterns,
                        "needs": lists(st.sampled_from(["scan", "gpu", "x"])),
                        "timeout": _LIMITS,
                        "jobs": _LIMITS,
                    },
                ),
            ),
            2,
        ),
        "sign": spoilt(_SIGNERS),
        "size": mappings(st.sampled_from(["max", "growth", "x"]), _LIMITS, 2),
        "keep": mappings(st.sampled_from(["releases", "days", "x"]), _LIMITS, 2),
    },
)
_TOP: dict[str, st.SearchStrategy[Any]] = {
    "include": lists(
        st.sampled_from(
            ["part.yaml", "p*.yaml", "nope.yaml", "**/*.yaml", "[", "..", "", "{{ d }}"]
        ),
        2,
    ),
    "data": mappings(texts, st.sampled_from(["data.yaml", "nope.yaml", "data.toml", ".", ""]), 2),
    "variables": mappings(
        st.one_of(st.sampled_from(["R", "V"]), texts),
        st.one_of(
            texts,
            mappings(st.sampled_from(["from", "match", "x"]), texts, 2),
            st.fixed_dictionaries({"from": st.sampled_from(["R", "V", "x"]), "match": _DERIVED}),
        ),
        3,
    ),
    "axes": st.fixed_dictionaries(
        {"py": spoilt(_axis), "gpu": spoilt(_axis)}, optional={"nope": _axis}
    ),
    "set": mappings(texts, anything, 2),
    "exclude": lists(patterns, 2),
    "overrides": _BY_NAME["overrides"],
    "defaults": images,
    "images": mappings(st.sampled_from(["one", "two", "base", "T.x"]), spoilt(images), 3),
    "groups": mappings(texts, patterns, 2),
    "lock": _LOCK,
    "publish": st.one_of(
        mappings(st.sampled_from(["version", "staging", "x"]), texts, 2), _PUBLISH
    ),
    "output": texts,
}
assert set(_TOP) == set(keys(MatrixFile))
documents = st.fixed_dictionaries(
    {
        "images": st.one_of(
            _TOP["images"],
            st.fixed_dictionaries({"one": images}, optional={"two": images, "base": images}),
        )
    },
    optional={name: spoilt(made) for name, made in _TOP.items() if name != "images"},
).map(
    lambda made: {
        "data": {"d": "d.json"},
        "variables": {"R": "r.x"},
        "defaults": {"template": "a.j2"},
        **made,
    }
)


def written(value: Any, styles: Random, depth: int = 0) -> str:
    """Write a document as text: block or flow style, quoted or plain, sometimes invalid YAML."""
    if isinstance(value, dict | list) and value and depth < 3 and styles.random() < 0.5:
        pad = "  " * depth
        lines = []
        pairs = value.items() if isinstance(value, dict) else [(None, item) for item in value]
        for key, item in pairs:
            mark = "- " if isinstance(value, list) else f"{written(key, styles, 9)}: "
            lines.append(f"\n{pad}{mark}{written(item, styles, depth + 1)}")
        return "".join(lines)
    if isinstance(value, dict):
        pairs_ = [
            f"{written(key, styles, 9)}: {written(item, styles, 9)}" for key, item in value.items()
        ]
        return "{" + ", ".join(pairs_) + "}"
    if isinstance(value, list):
        return "[" + ", ".join([written(item, styles, 9) for item in value]) + "]"
    if isinstance(value, str):
        how = styles.randrange(100)
        return (
            value
            if how == 99
            else json.dumps(
                value, ensure_ascii=how % 2 == 0 and max(value, default="") < "\U00010000"
            )
        )
    return {None: "null", True: "true", False: "false"}[value]


_SEEDS = st.integers(0, 2**32 - 1)
_ONE_OF_10 = st.integers(0, 9)
_INSERTED = st.one_of(texts, st.sampled_from(RAW))


@st.composite
def files(draw: st.DrawFn) -> str:
    """Generate the text of a matrix.yaml, sometimes cut or with lines exchanged.

    One seed decides the style of all values, because to draw each decision takes longer than to
    compile the document.
    """
    document = draw(documents)
    styles = Random(draw(_SEEDS))  # noqa: S311 - not for secrets
    text = written(document, styles).lstrip("\n")
    how = draw(_ONE_OF_10)
    if how == 8:
        at = draw(st.integers(0, len(text)))
        return text[:at] + draw(_INSERTED) + text[at:]
    if how == 9:
        return text[: draw(st.integers(0, len(text)))]
    return text
