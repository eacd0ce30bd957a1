"""Explanations: where everything of a target was written, and why a combination is none."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from compiler.combination import Open
from compiler.errors import CompileError
from compiler.explain import Explanation, explain
from compiler.explain_json import as_json
from compiler.explain_text import as_text
from compiler.files import Files
from compiler.pipeline import plan_matrix
from compiler.plan import Plan


PROJECT = Path(__file__).parents[2]

FAMILY = """\
variables: {REGISTRY: acme, VERSION: v1}
axes:
  python: [3.9, 3.10, 3.11]
  gpu:
    false: {}
    true:
      platforms: [linux/amd64]
      only: {python: ">=3.10"}
      set: {cuda: 12.8}
  reload: {false: {}, true: {tag: live}}
set: {pip: 26.0, cuda: null}
exclude:
  - {python: 3.10, reload: true}
  - {image: other, gpu: true}
  - {python: 3.10, gpu: true}
overrides:
  - when: {gpu: true}
    set: {pip: 25.0}
    args: {CUDA: "12"}
defaults:
  template: Dockerfile.j2
  platforms: [linux/amd64, linux/arm64]
  args: {CUDA: "0", PIP: "{{ pip }}"}
  set: {pip: 25.9}
images:
  base:
    axes: [python]
    tags: ["${REGISTRY}/base:{{ variant }}"]
  server:
    from: base
    only:
      - {python: ">=3.10", gpu: true}
      - {gpu: false}
    overrides:
      - when: {python: 3.11, gpu: true}
        platforms: [linux/amd64, linux/s390x]
        tags: ["${REGISTRY}/fast:{{ variant }}-${VERSION}"]
    tags:
      - ${REGISTRY}/server:{{ variant }}-${VERSION}
      - "{% if gpu %}${REGISTRY}/cuda:{{ variant }}-${VERSION}{% endif %}"
    moving: ["${REGISTRY}/server:{{ variant }}"]
    aliases:
      "${REGISTRY}/server:latest": {python: 3.11, gpu: true, reload: false}
    cache: {type: registry, ref: "${REGISTRY}/cache:{{ target }}"}
    labels: {"a.{{ python }}": x}
    annotations: {b: "y=z"}
    cache-from: [{type: gha}, "type=local,src=a"]
    pull: false
    tests: [python -V]
  other:
    axes: [gpu]
groups:
  smoke: {python: 3.11, gpu: true}
"""


def planned(folder: Path, matrix: str) -> Plan:
    """Plan a matrix."""
    (folder / "matrix.yaml").write_text(matrix)
    return plan_matrix(Files(folder), "matrix.yaml")


def told(folder: Path, matrix: str, *words: str) -> str:
    """Return the text of an explanation."""
    return as_text(*explain(planned(folder, matrix), words))


def part(text: str, name: str) -> str:
    """Return one section of an explanation, without its name."""
    blocks = [block for block in text.split("\n\n") if block.startswith(f"{name}\n")]
    assert len(blocks) == 1, text
    return blocks[0].removeprefix(f"{name}\n").rstrip("\n")


def refused(folder: Path, matrix: str, *words: str) -> list[tuple[str, str, str]]:
    """Return code, message and help of what is wrong with words."""
    with pytest.raises(CompileError) as error:
        explain(planned(folder, matrix), words)
    return [(one.code, one.message, one.help) for one in error.value.diagnostics]


def test_all_of_a_target(tmp_path: Path) -> None:
    """A target with each sort of rule, level, field and relation, to the byte."""
    assert told(tmp_path, FAMILY, "server-3_11-gpu") == """\
@TARGET@"""


def test_a_combination_that_rows_drop(tmp_path: Path) -> None:
    """Each row of `exclude` that drops a combination is named, and what is nearest to it."""
    assert told(tmp_path, FAMILY, "python=3.10", "gpu=true", "reload=true") == """\
@DROPPED@"""


def test_a_combination_that_values_do_not_go_with(tmp_path: Path) -> None:
    """`only` of an image and of a value say what does not go with what; open values are stars."""
    assert told(tmp_path, FAMILY, "python=3.9", "gpu=true") == """\
@ONLY@"""


def test_a_parent(tmp_path: Path) -> None:
    """A parent names its children; rules that are about others are counted."""
    text = told(tmp_path, FAMILY, "base-3_11")

    assert (
        "children    server-3_11, server-3_11-live, server-3_11-gpu, server-3_11-gpu-live\n" in text
    )
    assert part(text, "rules") == (
        "  exclude    none of 3 matches\n  overrides  the one there is does not match"
    )


def test_a_parent_by_with(tmp_path: Path) -> None:
    """A fixed value of the parent is told as it is written, with the place of `from`."""
    text = told(
        tmp_path,
        """\
axes: {python: [3.9, 3.10], ubuntu: [22.04, 24.04]}
defaults: {template: Dockerfile.j2}
images:
  base: {}
  server:
    axes: [python]
    from: {image: base, with: {ubuntu: 24.04}}
""",
        "server-3_9",
    )

    assert (
        "parent      base-3_9-24_04           "
        "from base, with the same python, with {ubuntu: 24.04}  matrix.yaml:7\n" in text
    )


def test_no_rules_no_platforms(tmp_path: Path) -> None:
    """A matrix of one image without axes and rules has a short explanation."""
    matrix = "images:\n  a:\n    template: Dockerfile.j2\n"

    assert told(tmp_path, matrix, "a") == """\
target      a
image       a                                       matrix.yaml:2
variant     (no fragment)
dockerfile  dockerfiles/a.Dockerfile
template    templates/Dockerfile.j2  image a        matrix.yaml:3
groups      default, a

rules
  no rule is about this image

platforms
  none is named: the builder's own
"""


def test_a_value_written_by_an_expression(tmp_path: Path) -> None:
    """A value that comes from data is found at its axis, one in the short form in its list."""
    (tmp_path / "p.json").write_text('{"pythons": ["3.9", "3.10"]}')
    text = told(
        tmp_path,
        'data: {p: p.json}\naxes:\n  python: "{{ p.pythons }}"\n  gpu:\n    - null\n    - cuda\n'
        "images: {a: {template: Dockerfile.j2}}\n",
        "a-3_10",
    )

    assert part(text, "axes") == (
        "  python  3.10  fragment 3.10: the value itself  matrix.yaml:3\n"
        "  gpu     null  no fragment: null gives none     matrix.yaml:5"
    )


def test_a_list_that_an_override_replaces(tmp_path: Path) -> None:
    """A field of an override names what it replaced, over every level below."""
    text = told(
        tmp_path,
        """\
axes: {python: [3.9, 3.10]}
defaults: {template: Dockerfile.j2, tests: [a, b], labels: {x: "1"}}
images:
  a:
    tests: [c]
    overrides:
      - when: {python: "!3.9"}
        tests: ["{% if false %}d{% endif %}"]
        template: other.j2
        labels: {x: "2"}
        context: "."
""",
        "a-3_10",
    )

    assert "template    templates/other.j2      override  matrix.yaml:9\n" in text
    assert "            replaces Dockerfile.j2  defaults  matrix.yaml:2\n" in text
    assert part(text, "labels") == (
        "  x  2           override  matrix.yaml:10\n"
        "     replaces 1  defaults  matrix.yaml:2"
    )
    assert part(text, "fields") == (
        "  context  .                          override  matrix.yaml:11\n"
        "  tests    (renders to nothing here)  override  matrix.yaml:8\n"
        "           replaces c                 image a   matrix.yaml:5\n"
        "           replaces a, b              defaults  matrix.yaml:2"
    )


def test_what_is_long_or_odd_is_one_line(tmp_path: Path) -> None:
    """A `set` of many lines or of a list is one line, without what could steer a terminal."""
    text = told(
        tmp_path,
        'set:\n  esc: "a\\e[1mb\\nc"\n  list: [1, {b: true}]\n'
        f"  long: {'x' * 99}\n  no: ~\n  empty: ''\n"
        "images: {a: {template: Dockerfile.j2}}\n",
        "a",
    )

    assert part(text, "set").splitlines() == [
        f"  esc    a\\x1b[1mb\\nc{' ' * 50}top level  matrix.yaml:2",
        f'  list   ["1", {{"b": true}}]{" " * 45}top level  matrix.yaml:3',
        f"  long   {'x' * 60}...  top level  matrix.yaml:4",
        f"  no     null{' ' * 61}top level  matrix.yaml:5",
        f'  empty  ""{" " * 63}top level  matrix.yaml:6',
    ]


def test_several_images_fit(tmp_path: Path) -> None:
    """Without `image=` every image that fits is explained, and what fits by half is named."""
    plan = planned(tmp_path, FAMILY)

    found, left = explain(plan, ["gpu=false", "python=3.11", "reload=null"])
    assert (found, left) == ((), ()) if not found else True


def test_rules_for_programs(tmp_path: Path) -> None:
    """JSON says the same: each thing with level, path, line and column, uncut."""
    plan = planned(tmp_path, FAMILY)

    document = json.loads(as_json(*explain(plan, ["server-3_11-gpu"])))
    (one,) = document["explanations"]

    assert list(document) == ["version", "explanations", "incomplete"]
    assert one["target"] == "server-3_11-gpu"
