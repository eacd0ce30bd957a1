"""Explanations: where everything of a target was written, and why a combination is none."""

import json
import os
import re
import subprocess
from itertools import product
from pathlib import Path

import pytest
from support import command

from compiler.errors import CompileError
from compiler.pipeline import plan_matrix
from compiler.reports.explain.explain import explain
from compiler.reports.explain.json_output import as_json
from compiler.reports.explain.rule_effects import Effect
from compiler.reports.explain.text_output import as_text
from compiler.source.project_files import Files
from compiler.targets.plan import Plan


PROJECT = Path(__file__).parents[3]

FAMILY = """\
variables: {R: acme, V: v1}
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
    tags: ["${R}/base:{{ variant }}"]
  server:
    from: base
    only:
      - {python: ">=3.10", gpu: true}
      - {gpu: false}
    overrides:
      - when: {python: 3.11, gpu: true}
        platforms: [linux/amd64, linux/s390x]
        tags: ["${R}/fast:{{ variant }}-${V}"]
    tags:
      - ${R}/server:{{ variant }}-${V}
      - "{{ '' }}"
    moving: ["${R}/server:{{ variant }}"]
    aliases:
      "${R}/server:latest": {python: 3.11, gpu: true, reload: false}
    cache: {type: registry, ref: "${R}/cache:{{ target }}"}
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
    assert (
        told(tmp_path, FAMILY, "server-3_11-gpu")
        == """\
target      server-3_11-gpu
image       server                              matrix.yaml:29
variant     3.11-gpu
dockerfile  dockerfiles/server-3_11-gpu.Dockerfile
template    templates/Dockerfile.j2  defaults   matrix.yaml:21
parent      base-3_11                from base  matrix.yaml:30  with the same python
groups      default, server, smoke (matrix.yaml:53), test, python-3_11, gpu-true,
            reload-false

axes
  python  3.11   fragment 3.11: the value itself           matrix.yaml:3
  gpu     true   fragment gpu: true gives the axis's name  matrix.yaml:6
  reload  false  no fragment: false gives none             matrix.yaml:10

rules
  kept     only              {python: >=3.10, gpu: true}  matrix.yaml:32
  kept     only of gpu=true  {python: >=3.10}             matrix.yaml:8
           exclude           none of 3 matches
  changed  override          {gpu: true}                  matrix.yaml:17  changes set.pip, args.CUDA
  changed  override          {python: 3.11, gpu: true}    matrix.yaml:35  changes tags, platforms

set
  pip   25.0           override   matrix.yaml:18
        replaces 25.9  defaults   matrix.yaml:24
        replaces 26.0  top level  matrix.yaml:11
  cuda  12.8           gpu=true   matrix.yaml:9
        replaces null  top level  matrix.yaml:11

tags
  tags     ${R}/fast:3.11-gpu-${V}                            override      matrix.yaml:37
           replaces ${R}/server:{{ variant }}-${V}, {{ '' }}  image server  matrix.yaml:38
  moving   ${R}/server:3.11-gpu                               image server  matrix.yaml:41
  aliases  ${R}/server:latest                                 image server  matrix.yaml:43

platforms
  listed   linux/amd64, linux/s390x           override  matrix.yaml:36
           replaces linux/amd64, linux/arm64  defaults  matrix.yaml:22
  allowed  linux/amd64                        gpu=true  matrix.yaml:7
  result   linux/amd64

fields
  cache-from  type=gha                               image server  matrix.yaml:47
              type=local,src=a                       image server  matrix.yaml:47
  pull        false                                  image server  matrix.yaml:48
  cache       ${R}/cache:server-3_11-gpu (mode=max)  image server  matrix.yaml:44
  tests       python -V                              image server  matrix.yaml:49

annotations
  b  y=z  image server  matrix.yaml:46

args
  CUDA  12          override  matrix.yaml:19
        replaces 0  defaults  matrix.yaml:23
  PIP   25.0        defaults  matrix.yaml:23

labels
  a.3.11  x  image server  matrix.yaml:45
"""
    )


def test_a_combination_that_rows_drop(tmp_path: Path) -> None:
    """Each row of `exclude` that drops a combination is named, and what is nearest to it."""
    assert (
        told(tmp_path, FAMILY, "python=3.10", "gpu=true", "reload=true")
        == """\
no target: dropped by exclude at matrix.yaml:13, and by 1 more rule
server (python=3.10, gpu=true, reload=true)

axes
  python  3.10  matrix.yaml:3
  gpu     true  matrix.yaml:6
  reload  true  matrix.yaml:10

rules
  kept     only              {python: >=3.10, gpu: true}   matrix.yaml:32
  kept     only of gpu=true  {python: >=3.10}              matrix.yaml:8
  dropped  exclude           {python: 3.10, reload: true}  matrix.yaml:13
  dropped  exclude           {python: 3.10, gpu: true}     matrix.yaml:15

nearest targets
  server-3_11-gpu-live  has python=3.11
"""
    )


def test_a_combination_that_values_do_not_go_with(tmp_path: Path) -> None:
    """`only` of an image and of a value say what does not go with what; open values are stars."""
    assert (
        told(tmp_path, FAMILY, "python=3.9", "gpu=true")
        == """\
no target: dropped by only at matrix.yaml:31, and by 1 more rule
server (python=3.9, gpu=true, reload=*)

axes
  python  3.9   matrix.yaml:3
  gpu     true  matrix.yaml:6
  reload  *     matrix.yaml:10

rules
  dropped  only              none of 2 rows matches       matrix.yaml:31
           only              {python: >=3.10, gpu: true}  matrix.yaml:32  not for python=3.9
           only              {gpu: false}                 matrix.yaml:33  not for gpu=true
  dropped  only of gpu=true  {python: >=3.10}             matrix.yaml:8   not with python=3.9
           exclude           none of 3 matches

nearest targets
  server-3_9       has gpu=false
  server-3_9-live  has gpu=false
  server-3_11-gpu  has python=3.11
"""
    )


def test_a_parent(tmp_path: Path) -> None:
    """A parent names its children; rules that are about others are counted."""
    text = told(tmp_path, FAMILY, "base-3_11")

    assert (
        "children    server-3_11, server-3_11-live, server-3_11-gpu, server-3_11-gpu-live\n" in text
    )
    assert part(text, "rules") == ("  exclude    none of 3 matches\n  overrides  does not match")


def test_a_parent_by_with(tmp_path: Path) -> None:
    """A fixed value of the parent is shown as written, with the location of `from`."""
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
        "parent      base-3_9-24_04           from base  matrix.yaml:7  "
        "with the same python and with {ubuntu: 24.04}\n" in text
    )


def test_no_rules_no_platforms(tmp_path: Path) -> None:
    """A matrix of one image without axes and rules has a short explanation."""
    matrix = "images:\n  a:\n    template: Dockerfile.j2\n"

    assert (
        told(tmp_path, matrix, "a")
        == """\
target      a
image       a                                 matrix.yaml:2
variant     (no fragment)
dockerfile  dockerfiles/a.Dockerfile
template    templates/Dockerfile.j2  image a  matrix.yaml:3
groups      default, a

rules
  no rule applies to this image

platforms
  not specified: the builder's default
"""
    )


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
        "  python  3.10  fragment 3.10: the value itself  p.json:1\n"
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
        "  x  2           override  matrix.yaml:10\n     replaces 1  defaults  matrix.yaml:2"
    )
    assert part(text, "fields") == (
        "  context  .                          override  matrix.yaml:11\n"
        "  tests    (renders to nothing here)  override  matrix.yaml:8\n"
        "           replaces c                 image a   matrix.yaml:5\n"
        "           replaces a, b              defaults  matrix.yaml:2"
    )


RELEASED = """\
axes:
  os: {a: {platforms: [linux/amd64, linux/arm64/v8]}, b: {platforms: [linux/s390x]}}
defaults:
  template: Dockerfile.j2
  repositories: [r.example/x, s.example/x]
  shared: {tags: ["0"]}
images:
  one:
    tags: ["1-{{ os }}"]
    shared: {tags: ["1"], moving: [latest]}
    platform-tags: {moving: ["{{ os }}-{{ platform.arch }}"]}
"""


def test_tags_that_publish_creates(tmp_path: Path) -> None:
    """Shared tags and platform tags, as written, with their levels and what they replace."""
    explained = told(tmp_path, RELEASED, "one-a")

    assert [re.split("  +", line.strip()) for line in part(explained, "tags").splitlines()] == [
        ["tags", "1-a", "image one", "matrix.yaml:9"],
        ["repositories", "r.example/x", "defaults", "matrix.yaml:5"],
        ["s.example/x", "defaults", "matrix.yaml:5"],
        ["shared", "1", "image one", "matrix.yaml:10"],
        ["shared moving", "latest", "image one", "matrix.yaml:10"],
        ['replaces {"tags": ["0"]}', "defaults", "matrix.yaml:6"],
        ["platform-tags moving", "a-amd64", "image one", "matrix.yaml:11"],
        ["a-arm64", "image one", "matrix.yaml:11"],
    ]


def test_what_is_long_or_odd_is_one_line(tmp_path: Path) -> None:
    """A `set` of many lines or of a list is one line, without what could steer a terminal."""
    text = told(
        tmp_path,
        'set:\n  esc: "a\\u202eb\\nc"\n  list: [1, {b: true}]\n'
        f"  long: {'x' * 99}\n  no: ~\n  empty: ''\n"
        "images: {a: {template: Dockerfile.j2}}\n",
        "a",
    )

    assert part(text, "set").splitlines() == [
        f"  {name:<5}  {value:<60}  top level  matrix.yaml:{line}"
        for line, (name, value) in enumerate(
            {
                "esc": "a\\u202eb\\nc",
                "list": '["1", {"b": true}]',
                "long": f"{'x' * 57}...",
                "no": "null",
                "empty": '""',
            }.items(),
            2,
        )
    ]


def test_several_images_fit(tmp_path: Path) -> None:
    """Without `image=` every image that fits is explained, and one that fits by half is named."""
    told, left = explain(planned(tmp_path, FAMILY), ["gpu=false"])

    assert [one.build.target for one in told if one.build] == ["other"]
    assert [(one.image.name, one.targets) for one in left] == [("server", 5)]
    assert as_text(told, left).endswith(
        "\n---\nimage server: 5 targets match; also specify python and reload\n"
    )
    assert json.loads(as_json(told, left))["incomplete"] == [
        {"image": "server", "targets": 5, "axes": ["python", "reload"]}
    ]


def test_several_targets(tmp_path: Path) -> None:
    """Each target that is named is explained, in that order and once."""
    text = told(tmp_path, FAMILY, "other", "base-3_9", "other")

    assert [line.split()[1] for line in text.splitlines() if line.startswith("target ")] == [
        "other",
        "base-3_9",
    ]
    assert text.count("\n---\n") == 1


def test_one_value_goes_without_saying(tmp_path: Path) -> None:
    """An axis with a single value need not be named."""
    matrix = "axes: {a: [x], b: [y, z]}\nimages: {i: {template: Dockerfile.j2}}\n"

    assert told(tmp_path, matrix, "b=z").startswith("target      i-x-z\n")


def test_for_programs(tmp_path: Path) -> None:
    """JSON says the same: each thing with level, path, line and column, and what it replaced."""
    plan = planned(tmp_path, FAMILY)

    document = json.loads(as_json(*explain(plan, ["server-3_11-gpu"])))
    (one,) = document["explanations"]

    assert list(document) == ["version", "explanations", "incomplete"]
    assert (one["target"], one["variant"], one["platforms"]) == (
        "server-3_11-gpu",
        "3.11-gpu",
        ["linux/amd64"],
    )
    assert [(rule["effect"], rule["rule"], rule.get("line")) for rule in one["rules"]] == [
        ("kept", "only", 32),
        ("kept", "only of gpu=true", 8),
        ("passed", "exclude", None),
        ("changed", "override", 17),
        ("changed", "override", 35),
    ]
    place = {"path": "matrix.yaml", "line": 11, "column": 18}
    assert one["set"][1] == {
        "name": "set",
        "key": "cuda",
        "value": "12.8",
        "level": "gpu=true",
        **place,
        "line": 9,
        "column": 13,
        "replaces": [{"name": "set", "key": "cuda", "value": None, "level": "top level", **place}],
    }


def test_a_dropped_combination_for_programs(tmp_path: Path) -> None:
    """JSON has no target for a combination that is out, but the rules and what is nearest."""
    plan = planned(tmp_path, FAMILY)

    (one,) = json.loads(as_json(*explain(plan, ["gpu=true", "image=other"])))["explanations"]

    assert one["target"] is None
    assert [rule["pattern"] for rule in one["rules"] if rule["effect"] == "dropped"] == [
        "{image: other, gpu: true}"
    ]
    assert one["nearest"] == [{"target": "other", "value": "gpu=false"}]


# --- Whatever is explained ------------------------------------------------------------------------

MATRICES = [PROJECT / "matrix.yaml", *sorted((PROJECT / "examples").glob("*/matrix.yaml"))]


@pytest.fixture(params=["family", *MATRICES], ids=lambda one: Path(one).parent.name or "family")
def plan(request: pytest.FixtureRequest, tmp_path: Path) -> Plan:
    """Give the plan of a matrix: the one above, the sample, the examples."""
    if request.param == "family":
        return planned(tmp_path, FAMILY)
    path: Path = request.param
    return plan_matrix(Files(path.parent), path.name)


def test_what_is_told_is_what_is_built(plan: Plan) -> None:
    """The parts of an explanation, put together again, are the very fields of the target."""
    for target in plan.targets:
        (one,), left = explain(plan, [target.name])
        build = one.build
        assert build is not None
        lists: dict[str, list[object]] = {}
        mappings: dict[str, dict[str, object]] = {}
        for part in build.fields:
            if part.key:
                mappings.setdefault(part.name, {})[part.key] = part.value
            elif part.value is not None:
                lists.setdefault(part.name, []).append(part.value)
        linked = {target.parent: f"target:{target.parent}"} if target.parent else {}

        assert left == ()
        assert {part.key: part.value for part in build.settings} == {
            name: target.scope[name]
            for name in target.scope
            if name in {part.key for part in build.settings}
        }
        assert build.platforms == target.platforms
        assert tuple(lists.pop("moving", ())) == target.moving
        assert tuple(lists.pop("aliases", ())) == target.aliases
        assert lists.pop("tests", []) == [one.value for one in target.tests]
        assert lists.pop("cache", [None]) == [target.cache]
        lists.pop("platforms", None)  # what values leave of them is another test's
        for name, value in target.fields.items():
            if name == "annotations":
                assert value == tuple(f"{k}={v}" for k, v in mappings.pop(name).items())
            elif isinstance(value, dict):
                assert {**linked, **mappings.pop(name, {})} == value or name != "contexts"
                linked = {} if name == "contexts" else linked
            elif name != "platforms":
                given = lists.pop(name)
                assert value == (tuple(given) if isinstance(value, tuple) else given[0])


def test_every_place_holds_what_it_is_said_to(plan: Plan) -> None:
    """Each location is that of the named key, or of the list entry if it is known."""
    for target in plan.targets:
        ((one,), _) = explain(plan, [target.name])
        assert one.build is not None
        for part in (*one.build.settings, one.build.template, *one.build.fields):
            for given in (part, *part.replaces):
                assert given.place is not None
                here = given.place.text[given.place.column - 1 :].lstrip("\"'")
                assert here.startswith((given.key or given.name, str(given.value))) or (
                    any(mark in here for mark in ("{{", "{%", "{type:"))
                ), given
        for rule in one.rules:
            assert (rule.place is None) == (rule.effect is Effect.PASSED)


def test_every_combination_is_a_target_or_dropped(plan: Plan) -> None:
    """Whatever exact values are named, there is a target, or a rule that drops it, and why."""
    names = {(target.image, target.values): target.name for target in plan.targets}
    for image in plan.matrix.images.values():
        for values in product(*(axis.values for axis in image.axes)):
            words = [f"image={image.name}"]
            words += [f"{a.name}={v.text}" for a, v in zip(image.axes, values, strict=True)]
            (one,), left = explain(plan, words)

            assert left == ()
            assert (one.build.target if one.build else None) == names.get((image.name, values))
            assert bool(one.dropped) == (one.build is None)
            assert all(rule.place is not None for rule in one.dropped)
            assert all(near.target in names.values() for near in one.near)


# --- What cannot be explained ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "message", "help_"),
    [
        ("servre-3_9", "unknown-target", "no target is named 'servre-3_9'", "'server-3_9'?"),
        ("server", "unknown-target", "'server'; it is a group of 7", "compile-matrix list server"),
        ("pyhton=3.9", "unknown-axis", "no axis is named 'pyhton'", "did you mean 'python'?"),
        ("python=3.1", "unknown-value", "'python' has no value '3.1'", "did you mean '3.10'?"),
        ("gpu=yes", "unknown-value", "'gpu' has no value 'yes'", "use one of false, true"),
        ("python>=3.9", "unknown-value", "has no value '>=3.9'", "did you mean '3.9'?"),
        ("python=3.9,3.10", "unknown-value", "has no value '3.9,3.10'", "'3.10'?"),
        ("python=", "unknown-value", "'python' has no value ''", "use one of 3.9, 3.10, 3.11"),
        ("image=bsae", "unknown-image", "no image is named 'bsae'", "did you mean 'base'?"),
        ("gpu=true gpu=false", "duplicate-value", "duplicate value for 'gpu'", "use one value"),
        (
            "other gpu=true",
            "duplicate-value",
            "'other' already sets the value of",
            "remove one of them",
        ),
        (
            "gpu=false reload=true",
            "incomplete-combination",
            "2 targets of image 'server'",
            "python",
        ),
        (
            "image=server python=3.9",
            "incomplete-combination",
            "2 targets of image 'server'",
            "specify gpu and",
        ),
        (
            "image=base gpu=true",
            "no-variant-matches",
            "'base' has no axis 'gpu'",
            "remove gpu=true",
        ),
        ("image=base python=null", "no-variant-matches", "is never null", "3.9, 3.10, 3.11"),
        (
            "python=null gpu=null",
            "no-variant-matches",
            "none of 3 images supports",
            "'base' has the",
        ),
    ],
)
def test_words_that_say_nothing(
    words: str, code: str, message: str, help_: str, tmp_path: Path
) -> None:
    """A slip, a group, a range, too little or too much: a diagnostic with what to say instead."""
    ((given, told, remedy),) = refused(tmp_path, FAMILY, *words.split())

    assert given == code
    assert message in told
    assert help_ in remedy


def test_all_slips_at_once(tmp_path: Path) -> None:
    """Every invalid argument is reported, not only the first."""
    found = refused(tmp_path, FAMILY, "pyhton=3.9", "gpu=yes", "image=x")

    assert [code for code, _, _ in found] == ["unknown-axis", "unknown-value", "unknown-image"]


# --- The command ----------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give the matrix above with a template."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/Dockerfile.j2").write_text("FROM scratch\n")
    (tmp_path / "matrix.yaml").write_text(FAMILY)
    return tmp_path


def run(folder: Path, *words: str, code: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
    """Run compile-matrix in a folder and expect an exit code."""
    return command.call(folder, *words, env={**os.environ, **env}, code=code)


def test_the_command(project: Path) -> None:
    """What is explained goes to stdout with exit code 0, a target or not; nothing is written."""
    before = sorted(project.rglob("*"))
    target = run(project, "explain", "server-3_9")
    dropped = run(project, "explain", "image=other", "gpu=true")
    document = json.loads(run(project, "explain", "base-3_9", "--format", "json").stdout)

    assert target.stdout.startswith("target      server-3_9\n")
    assert dropped.stdout.startswith("no target: dropped by exclude at matrix.yaml:14\n")
    assert (target.stderr, dropped.stderr) == ("", "")
    assert document["explanations"][0]["target"] == "base-3_9"
    assert sorted(project.rglob("*")) == before


def test_the_command_refuses(project: Path) -> None:
    """Unknown words exit with 1 and no output, none at all with 2."""
    wrong = run(project, "explain", "server-3_99", code=1)

    assert "FILTER: error[unknown-target]" in wrong.stderr
    assert not wrong.stdout
    assert "error[usage]: missing argument" in run(project, "explain", code=2).stderr


def test_places_are_named_as_the_user_does(project: Path) -> None:
    """With -f every file is named from where the user stands."""
    other = project / "elsewhere"
    other.mkdir()

    said = run(other, "-f", "../matrix.yaml", "explain", "other")

    assert "\ndockerfile  ../dockerfiles/other.Dockerfile\n" in said.stdout
    assert "\ntemplate    ../templates/Dockerfile.j2  defaults" in said.stdout
    assert "  ../matrix.yaml:5\n" in said.stdout


def test_completion(project: Path) -> None:
    """The shell completes targets, axes and values, and no groups."""

    def offered(word: str) -> list[str]:
        said = run(
            project,
            _COMPILE_MATRIX_COMPLETE="bash_complete",
            COMPILE_MATRIX_LINE=f"compile-matrix explain {word}",
        )
        return [line.split("\t")[1] for line in said.stdout.splitlines()]

    assert offered("base") == ["base-3_9", "base-3_10", "base-3_11"]
    assert offered("gpu=") == ["gpu=false", "gpu=true"]


def test_what_counts_as_a_whole_is_said(tmp_path: Path) -> None:
    """If the read files cannot be determined, the whole context counts, with the reason."""
    (tmp_path / "matrix.yaml").write_text("images: {i: {template: t.j2}}\n")
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/t.j2").write_text("FROM scratch\nCOPY . /all\n")

    def said(*words: str) -> str:
        return command.call(tmp_path, "explain", "i", *words).stdout

    text, document = said(), json.loads(said("--format=json"))

    assert "  fingerprint   sha256:" in text
    assert text.endswith("  all files of  ./  because of COPY . /all\n")
    (one,) = document["explanations"]
    assert one["whole"] == [{"folder": "./", "because": "COPY . /all"}]
    assert one["fingerprint"].removeprefix("sha256:") in text


def test_tests_are_listed_by_what_they_check(tmp_path: Path) -> None:
    """Each part of the mapping form has a line of its own, with its place."""
    text = told(
        tmp_path,
        """\
images:
  a:
    template: Dockerfile.j2
    tests:
      files: [/a, /b]
      labels: {k: v}
      entrypoint: []
""",
        "a",
    )

    assert [line.split() for line in part(text, "fields").splitlines()] == [
        ["tests", "files", "/a", "image", "a", "matrix.yaml:5"],
        ["/b", "image", "a", "matrix.yaml:5"],
        ["tests", "labels", "k", "v", "image", "a", "matrix.yaml:6"],
        ["tests", "entrypoint", "[]", "image", "a", "matrix.yaml:7"],
    ]
