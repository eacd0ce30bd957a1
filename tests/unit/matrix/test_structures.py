"""Structures that expressions over data supply, and where their errors are located."""

import json
from pathlib import Path
from typing import Any

import pytest
from bake.oracle import lay, plan_json

from compiler.errors import CompileError


IMAGE = "images: {a: {template: Dockerfile.j2, tags: ['r/a:{{ target }}']}}\n"
TABLE = {
    "axes": {
        "go": {"1.25": {"tag": "g", "platforms": ["linux/amd64"]}, "1.26": {}},
        "gpu": {"true": {"only": {"go": "1.26"}}, "false": {}, "null": {"tag": "n"}},
        "listed": [{"value": 3, "set": {"word": "{{ go }}"}}, {"value": "4.10"}],
    },
    "exclude": [{"go": "1.25", "listed": 3}],
    "versions": ["1.25", "1.26"],
    "word": "1.25",
}


def built(
    folder: Path, text: str, table: Any = TABLE, name: str = "t.json"
) -> list[dict[str, Any]]:
    """Return the targets of a matrix with a data file `t`."""
    content = table if isinstance(table, str) else json.dumps(table)
    lay(folder, f"data: {{t: {name}}}\n{text}", {name: content})
    found: list[dict[str, Any]] = plan_json(folder)["targets"]
    return found


def errors(folder: Path, text: str, table: Any = TABLE, name: str = "t.json") -> list[str]:
    """Return the errors of a matrix with a data file, each as `FILE:LINE:COLUMN code`."""
    with pytest.raises(CompileError) as caught:
        built(folder, text, table, name)
    return [
        f"{one.location.path}:{one.location.line}:{one.location.column} {one.code}"  # type: ignore[union-attr]
        for one in caught.value.diagnostics
    ]


def test_the_axes_are_those_of_the_data(tmp_path: Path) -> None:
    """Keys `true`, `false` and `null` are values; numbers are text; a list has values as keys."""
    image = IMAGE.replace("}}\n", ", args: {W: '{{ word | default(1) }}'}}}\n")
    found = built(tmp_path, f"axes: '{{{{ t.axes }}}}'\nexclude: '{{{{ t.exclude }}}}'\n{image}")

    assert [tuple(one["axes"].values()) for one in found] == [
        *(("1.25", gpu, "4.10") for gpu in (False, None)),
        *(("1.26", gpu, listed) for gpu in (True, False, None) for listed in ("3", "4.10")),
    ]
    assert [one["platforms"] for one in found[:2]] == [["linux/amd64"]] * 2
    assert [one["args"]["W"] for one in found[2:4]] == ["{{ go }}", "1"]  # texts of data are values


@pytest.mark.parametrize(
    "text",
    [
        "axes: {go: '{{ t.axes.go }}'}",
        "axes: {go: {1.25: '{{ t.axes.go[t.word] }}', 1.26: {}}}",
        "axes: {go: [{value: 1.25, tag: g, platforms: [linux/amd64]}, 1.26]}",
        "axes: {go: '{{ [dict(t.axes.go[t.word], value=t.word), t.versions[1]] }}'}",
        "axes: {go: {1.25: {tag: g, platforms: \"{{ ['linux/' ~ 'amd64'] }}\"}, 1.26: {}}}",
    ],
)
def test_forms_of_an_axis(text: str, tmp_path: Path) -> None:
    """An axis, or the attributes of a value, may come from the data."""
    found = built(tmp_path, f"{text}\nset: {{x: '{{{{ t }}}}'}}\n{IMAGE}")

    assert [one["target"] for one in found] == ["a-g", "a-1_26"]
    assert [one["platforms"] for one in found] == [["linux/amd64"], []]


def test_every_rule_may_come_from_the_data(tmp_path: Path) -> None:
    """Patterns see data only: whole, or the values of one axis."""
    table = {
        "versions": ["1", "2", "3"],
        "first": {"go": "1"},
        "rows": [{"when": {"go": "2"}, "args": {"A": "${X}{{ y }}"}}],
        "aliases": {"r/a:${X}": {"go": "3"}},
    }
    found = built(
        tmp_path,
        """
axes: {go: "{{ t.versions }}", os: [x, y]}
exclude: ["{{ t.first }}", {go: "{{ t.versions[2:] }}", os: x}]
groups: {some: {go: "{{ t.versions | reject('eq', '1') | list }}"}}
overrides: "{{ t.rows }}"
images:
  a:
    template: Dockerfile.j2
    only: {os: "{{ 'xy' | list }}"}
    tags: "{{ ['r/a:' ~ target, 'q:' ~ variant ~ ' p:' ~ variant] }}"
    moving: "{{ ['m:' ~ target] if go == '3' else [] }}"
    aliases: "{{ t.aliases | default({}) if false else {} }}"
    platforms: "{{ ['linux/amd64', 'linux/arm64'][:go | int - 1] }}"
""",
        table,
    )
    assert [(one["axes"]["go"], one["axes"]["os"]) for one in found] == [
        ("2", "x"),
        ("2", "y"),
        ("3", "y"),
    ]
    assert found[0]["args"] == {"A": "$${X}{{ y }}"}
    assert found[0]["tags"] == ["r/a:a-2-x", "q:2-x", "p:2-x"]
    assert [one["moving"] for one in found] == [[], [], ["m:a-3-y"]]
    assert [len(one["platforms"]) for one in found] == [1, 1, 2]
    assert plan_json(tmp_path)["groups"]["some"] == ["a-2-x", "a-2-y", "a-3-y"]


TOML = """
[images]
go = [
  1.25,
  "1,26",
]
"""
YAML = "images:\n  go: [1.25, '1,26']\n"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("t.json", '{"images": {\n "go": [1.25, "1,26"]}}', "t.json:2:15 bad-value"),
        ("t.toml", TOML, "t.toml:5:3 bad-value"),
        ("t.yaml", YAML, "t.yaml:2:14 bad-value"),
    ],
)
@pytest.mark.parametrize(
    "expression",
    [
        "t.images.go",
        "t.images.go[:]",
        "t['images'].go | list",
        "[t.images.go[1]]",
        "t.images.go | sort",
    ],
)
def test_an_unchanged_value_is_located_in_its_file(
    expression: str, name: str, content: str, expected: str, tmp_path: Path
) -> None:
    """Each format has positions; a new list of the same values has them, too."""
    found = errors(tmp_path, f'axes: {{go: "{{{{ {expression} }}}}"}}\n{IMAGE}', content, name)

    assert found == [expected]


def test_a_computed_value_is_located_at_the_expression(tmp_path: Path) -> None:
    """A value that the expression makes is in no file."""
    text = f"axes: {{go: \"{{{{ [t.word ~ ',1'] }}}}\"}}\n{IMAGE}"

    assert errors(tmp_path, text) == ["matrix.yaml:2:12 bad-value"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("axes: '{{ t.versions }}'", ["matrix.yaml:2:7 axis-expression"]),
        ("axes: {go: '{{ t.word }}'}", ["matrix.yaml:2:12 axis-expression"]),
        ("axes: {go: '{{ t.nowhere }}'}", ["matrix.yaml:2:18 undefined-name"]),
        ("axes: {go: '{{ x }}'}\nset: {x: [a]}", ["matrix.yaml:2:16 undefined-name"]),
        ("axes: {go: [a]}\nexclude: '{{ t.word }}'", ["matrix.yaml:3:10 axis-expression"]),
        ("axes: {go: [a]}\nexclude: '{{ [t.word] }}'", ["t.json:1:316 wrong-type"]),
        ("axes: {go: [a]}\ngroups: '{{ 1 + }}'", ["matrix.yaml:3:9 template-syntax"]),
    ],
)
def test_a_wrong_expression_is_one_error(text: str, expected: list[str], tmp_path: Path) -> None:
    """Another type, an unknown name and bad syntax are reported once, without consequences."""
    found = errors(tmp_path, f"{text}\n{IMAGE}")

    assert found == expected
