"""Warnings about generated files: axes without effect, and targets that are the same image."""

import itertools
import json
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.codes import Code
from compiler.errors import Diagnostic, Problems, Severity
from compiler.pipeline import plan_matrix
from compiler.render.render import render
from compiler.render.templates import Templates
from compiler.render.unused_axes import effects
from compiler.source.project_files import Files
from compiler.targets.plan import Plan


GPU = """
axes:
  python: [3.11, 3.12, 3.13]
  gpu: {false: {}, true: {}}
images:
  server:
    template: Dockerfile.j2
    tags: ["acme/server:{{ variant }}"]
"""


def looked(
    folder: Path, matrix: str, template: str | Mapping[str, str], *, shown: str = ""
) -> tuple[Plan, tuple[Diagnostic, ...]]:
    """Render the Dockerfiles of a project, and return its plan and warnings."""
    (folder / "templates").mkdir(exist_ok=True)
    (folder / "matrix.yaml").write_text(matrix)
    texts = {"Dockerfile.j2": template} if isinstance(template, str) else template
    for name, text in texts.items():
        (folder / "templates" / name).write_text(text)
    files = Files(folder, shown)
    plan = plan_matrix(files, "matrix.yaml")
    problems = Problems()
    dockerfiles = render(plan.matrix, plan.targets, Templates(files), problems)
    problems.refuse()
    return plan, effects(plan.matrix, dockerfiles)


def messages(folder: Path, matrix: str, template: str | Mapping[str, str]) -> list[str]:
    """Return the messages alone."""
    return [warning.message for warning in looked(folder, matrix, template)[1]]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("FROM a:{{ python }}-{{ gpu }}", []),
        ("FROM a:{{ gpu }}", ["axis 'python' has no effect: 6 tags, 2 images"]),
        (
            "FROM a:{% if not gpu %}{{ python }}{% else %}gpu{% endif %}",
            ["axis 'python' has no effect when gpu is true: 3 tags, 1 image"],
        ),
        (
            "FROM a:{{ python }}{{ '-gpu' if gpu and python is version('>=3.12') else '' }}",
            ["axis 'gpu' has no effect when python is 3.11: 2 tags, 1 image"],
        ),
        (
            "FROM a",
            [
                "axis 'python' has no effect: 6 tags, 1 image",
                "axis 'gpu' has no effect: 6 tags, 1 image",
            ],
        ),
        (
            "FROM a:{{ 'b' if gpu or python == '3.13' else python }}",
            [
                "axis 'python' has no effect when gpu is true: 3 tags, 1 image",
                "axis 'gpu' has no effect when python is 3.13: 2 tags, 1 image",
            ],
        ),
        (
            "FROM a:{{ gpu }}-{{ '3.11' if python == '3.11' else 'newer' }}",
            ["targets 'server-3_12' and 'server-3_13' are the same image (and 1 pair like them)"],
        ),
    ],
)
def test_what_a_template_makes_of_two_axes(
    tmp_path: Path, template: str, expected: list[str]
) -> None:
    """Each axis without effect is reported, with the shortest condition."""
    assert messages(tmp_path, GPU, template) == expected


def test_places_and_remedy(tmp_path: Path) -> None:
    """An axis without effect is located at its name; image and template are shown."""
    _, (warning,) = looked(tmp_path, GPU, "FROM a:{{ python if not gpu }}", shown="sub/")

    assert warning == Diagnostic(
        code=Code.AXIS_WITHOUT_EFFECT,
        message="axis 'python' has no effect when gpu is true: 3 tags, 1 image",
        location=warning.location,
        help="see sub/templates/Dockerfile.j2: it does not use python there; exclude the "
        "combinations, or remove the axis from the image",
        severity=Severity.WARNING,
        related=warning.related,
    )
    place, ((note, image),) = warning.file_location, warning.related
    assert (place.path, place.line, place.column, place.length) == ("sub/matrix.yaml", 3, 3, 6)
    assert (note, image.line, image.text.strip()) == ("in this image", 6, "server:")


def test_idle_everywhere_is_remedied_by_fewer_axes(tmp_path: Path) -> None:
    """An axis without any effect has no condition; the help names each template."""
    matrix = GPU.replace("Dockerfile.j2", '"{{ gpu }}.j2"')
    _, (warning,) = looked(tmp_path, matrix, {"false.j2": "FROM a", "true.j2": "FROM b"})

    assert warning.help == (
        "see templates/false.j2 and templates/true.j2: they do not use python; "
        "remove the axis from the image"
    )


CUDA = """
axes:
  python: [3.11, 3.12]
  cuda: [null, 12.4, 12.6, 12.8, 13.0, 13.2]
  job: [a, b, c]
images:
  server: {template: Dockerfile.j2, tags: ["acme/server:{{ variant }}"]}
"""


@pytest.mark.parametrize(
    ("idle", "when", "tags"),
    [
        ("cuda is none", "cuda is null", 6),
        ("cuda in ('12.4', '12.8')", "cuda is 12.4 or 12.8", 12),
        ("cuda in ('12.4', '12.8', '13.0')", "cuda is 12.4, 12.8 or 13.0", 18),
        ("cuda is not none", "cuda is not null", 30),
        ("cuda not in ('12.4', '13.0')", "cuda is neither 12.4 nor 13.0", 24),
        ("cuda is none and job == 'b'", "cuda is null and job is b", 2),
        ("cuda is none and job != 'b'", "cuda is null and job is a or c", 4),
        ("cuda == '12.4' or job == 'b'", None, 16),
        (
            "(cuda or '') ~ job in ('12.4a', '12.6b')",
            "cuda is 12.4 and job is a and when cuda is 12.6 and job is b",
            4,
        ),
    ],
)
def test_conditions(tmp_path: Path, idle: str, when: str | None, tags: int) -> None:
    """A condition is one value, several, two axes, or a list of combinations."""
    template = "FROM a:{{ cuda or 'cpu' }}-{{ job }}{% if not (IDLE) %}-{{ python }}{% endif %}"
    expected = f"axis 'python' has no effect when {when}: {tags} tags, {tags // 2} images"
    if when is None:
        expected = (
            "axis 'python' has no effect when cuda is null and job is b, when cuda is 12.4 and job "
            "is a, when cuda is 12.4 and job is b and 5 more: 16 tags, 8 images"
        )
    if tags == 2:
        expected = expected.replace("images", "image")

    assert messages(tmp_path, CUDA, template.replace("IDLE", idle)) == [expected]


def test_three_axes_in_a_condition(tmp_path: Path) -> None:
    """A condition may need three axes; it lists at most five values."""
    matrix = (
        "axes: {p: [1, 2], a: [x, y], b: [x, y], c: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}\n"
        "images: {i: {template: Dockerfile.j2}}\n"
    )
    template = (
        "FROM {{ a }}/{{ b }}/{{ c }}{% if not (a ~ b == 'xx' and c < '7') %}/{{ p }}{% endif %}"
    )

    (message,) = messages(tmp_path, matrix, template)
    assert message == (
        "axis 'p' has no effect when a is x and b is x and c is 0, 1, 2, 3, 4 or 2 more: "
        "14 targets, 7 images"
    )


def test_the_shortest_of_two_conditions(tmp_path: Path) -> None:
    """If two axes give the same condition, the one with fewer values is used."""
    matrix = """
axes:
  python: [3.11, 3.12]
  cuda: [null, 12.4, 12.8]
  gpu: {false: {only: {cuda: null}}, true: {only: {cuda: ["12.4", "12.8"]}}}
images: {i: {template: Dockerfile.j2}}
"""

    assert messages(tmp_path, matrix, "FROM a:{{ cuda if gpu else python }}") == [
        "axis 'python' has no effect when gpu is true: 4 targets, 2 images"
    ]


def test_single_targets_are_no_line(tmp_path: Path) -> None:
    """An axis with a single remaining value is not reported."""
    matrix = GPU.replace("true: {}", "true: {only: {python: 3.13}}")

    assert messages(tmp_path, matrix, "FROM a:{{ gpu }}") == [
        "axis 'python' has no effect: 3 tags, 1 image"
    ]


def test_each_image_is_looked_at_alone(tmp_path: Path) -> None:
    """The message names the image if other images have that axis, too."""
    matrix = """
axes: {python: [3.11, 3.12], gpu: [false, true], job: [a, b]}
defaults: {template: "{{ image }}.j2"}
images:
  server: {axes: [python, gpu]}
  worker: {axes: [python]}
  batch: {axes: [job, gpu]}
  one: {axes: []}
"""
    templates = {
        "server.j2": "FROM a:{{ gpu }}",
        "worker.j2": "FROM b:{{ python }}",
        "batch.j2": "FROM c:{{ gpu }}",
        "one.j2": "FROM d",
    }
    _, warnings = looked(tmp_path, matrix, templates)

    assert [warning.message for warning in warnings] == [
        "server: axis 'python' has no effect: 4 targets, 2 images",
        "axis 'job' has no effect: 4 targets, 2 images",
    ]
    assert [warning.related[0][1].line for warning in warnings] == [5, 7]


@pytest.mark.parametrize(
    "field",
    [
        "description: 'for {{ python }}'",
        "cache-from: ['type=registry,ref=acme/cache:{{ variant }}']",
        "cache-to: ['type=registry,ref=acme/cache:{{ variant }}']",
        "moving: ['acme/server:{{ variant }}-latest']",
        "tests: ['python{{ python }} --version']",
        "attest: ['type=provenance,builder-id={{ python }}']",
    ],
)
def test_what_is_no_part_of_the_image(tmp_path: Path, field: str) -> None:
    """Tags, descriptions, caches and tests do not affect the image."""
    assert messages(tmp_path, f"{GPU}    {field}\n", "FROM a:{{ gpu }}") == [
        "axis 'python' has no effect: 6 tags, 2 images"
    ]


@pytest.mark.parametrize(
    "field",
    [
        "context: '{{ python }}'",
        "contexts: {base: 'docker-image://python:{{ python }}'}",
        "target: 'stage{{ python }}'",
        "secret: ['id=s,src={{ python }}']",
        "ssh: ['{{ python }}']",
        'network: \'{{ "host" if python == "3.11" else "none" if python == "3.12" }}\'',
        "output: ['type=local,dest={{ python }}']",
        'shm-size: \'{{ python | replace(".", "") }}\'',
        'extra-hosts: {h: \'1.1.1.{{ python | replace("3.", "") }}\'}',
        "labels: {python: '{{ python }}'}",
        "annotations: {python: '{{ python }}'}",
    ],
)
def test_what_is_part_of_the_image(tmp_path: Path, field: str) -> None:
    """Fields that affect the build make a different image, even with one Dockerfile."""
    for python in ("3.11", "3.12", "3.13"):
        (tmp_path / python).mkdir()

    assert messages(tmp_path, f"{GPU}    {field}\n", "FROM a:{{ gpu }}") == []


@pytest.mark.parametrize(
    ("name", "instructions", "images"),
    [
        ("PYTHON", "ARG PYTHON", 6),
        ("PYTHON", "ONBUILD ARG PYTHON", 6),
        ("PYTHN", "ARG PYTHON", 6),
        ("SOURCE_DATE_EPOCH", "ARG PYTHON", 6),
        ("BUILDKIT_CONTEXT_KEEP_GIT_DIR", "ARG PYTHON", 6),
        ("BUILDKIT_INLINE_CACHE", "ARG PYTHON", 2),
        ("HTTP_PROXY", "ARG PYTHON", 2),
        ("TARGETARCH", "ARG PYTHON", 6),
        ("TARGETARCH", "FROM --platform=linux/${TARGETARCH} b", 6),
        ("PYTHON", "COPY --from=other . /\nFROM b AS other\nARG PYTHON\nFROM a", 2),
    ],
)
def test_arguments_that_are_read_are_part_of_the_image(
    tmp_path: Path, name: str, instructions: str, images: int
) -> None:
    """An argument makes another image if the stage that is built declares it, or BuildKit reads it.

    An `ONBUILD ARG` of the base image may declare any that no stage declares.
    """
    field = f"    args: {{{name}: '{{{{ python }}}}'}}\n"
    texts = messages(tmp_path, GPU + field, f"FROM a:{{{{ gpu }}}}\n{instructions}")
    effects = [text for text in texts if "has no effect" in text]

    assert effects == (["axis 'python' has no effect: 6 tags, 2 images"] if images == 2 else [])


def test_platforms_are_part_of_the_image(tmp_path: Path) -> None:
    """A value that only narrows the platforms changes the image."""
    matrix = GPU.replace("true: {}", "true: {platforms: [linux/amd64]}").replace(
        "    tags", "    platforms: [linux/amd64, linux/arm64]\n    tags"
    )

    assert messages(tmp_path, matrix, "FROM a:{{ python }}") == []


def test_overrides_that_name_the_default_context(tmp_path: Path) -> None:
    """The default context, written explicitly, does not make a different image."""
    matrix = GPU + "overrides: [{when: {gpu: true}, context: .}]\n"

    assert messages(tmp_path, matrix, "FROM a:{{ python }}") == [
        "axis 'gpu' has no effect: 6 tags, 3 images"
    ]


PARENTS = """
axes: {python: [3.11, 3.12], gpu: [false, true], reload: [false, true]}
defaults: {template: "{{ image }}.j2"}
images:
  top: {from: server, axes: [python, gpu, reload]}
  server: {from: base, axes: [python, gpu]}
  base: {axes: [python, gpu]}
"""


@pytest.mark.parametrize(
    ("base", "server", "expected"),
    [
        ("FROM a:{{ python }}-{{ gpu }}", "FROM {{ parent }}", []),
        (
            "FROM a:{{ gpu }}",
            "# {{ parent }}.\nARG B={{ parent }}\nFROM $B\nCOPY --from={{ parent }} /a /b\n\
RUN --mount=type=bind,from={{ parent }},source=/ a",
            [
                "top: axis 'python' has no effect: 8 targets, 4 images",
                "server: axis 'python' has no effect: 4 targets, 2 images",
                "base: axis 'python' has no effect: 4 targets, 2 images",
            ],
        ),
        (
            "FROM a:{{ gpu }}",
            "FROM {{ parent }}\nRUN echo {{ parent }}",
            ["base: axis 'python' has no effect: 4 targets, 2 images"],
        ),
        (
            "FROM a:{{ gpu }}",
            "FROM acme/{{ parent }}",
            ["base: axis 'python' has no effect: 4 targets, 2 images"],
        ),
        (
            "FROM a:{{ gpu }}",
            "FROM {{ parent }} AS {{ parent }}-x\nRUN {{ python }}",
            ["base: axis 'python' has no effect: 4 targets, 2 images"],
        ),
    ],
)
def test_parents(tmp_path: Path, base: str, server: str, expected: list[str]) -> None:
    """Children of equal parents are equal, at any depth."""
    top = "FROM {{ parent }}\n{{ 'RUN reload' if reload }}"
    templates = {"base.j2": base, "server.j2": server, "top.j2": top}

    assert messages(tmp_path, PARENTS, templates) == expected


def test_named_contexts_of_targets(tmp_path: Path) -> None:
    """Equal targets that are only copied from count as equal."""
    matrix = """
axes: {python: [3.11, 3.12]}
defaults: {template: "{{ image }}.j2"}
images:
  tool: {contexts: {files: "target:{{ 'files-%s' % python | replace('.', '_') }}"}}
  files: {}
"""
    templates = {"tool.j2": "FROM a\nCOPY --from=files /a /", "files.j2": "FROM b"}

    assert messages(tmp_path, matrix, templates) == [
        "tool: axis 'python' has no effect: 2 targets, 1 image",
        "files: axis 'python' has no effect: 2 targets, 1 image",
    ]


def test_images_that_are_one(tmp_path: Path) -> None:
    """Two images that are the same are reported once, at their names."""
    matrix = """
axes: {python: [3.11, 3.12, 3.13]}
defaults: {template: Dockerfile.j2, description: "{{ image }}"}
images:
  server: {}
  worker: {}
  third: {only: [{python: 3.11}]}
"""
    _, (warning,) = looked(tmp_path, matrix, "FROM a:{{ python }}")

    assert warning.message == (
        "targets 'server-3_11' and 'worker-3_11' are the same image "
        "(and 1 more, and 2 pairs like them)"
    )
    assert (warning.code, warning.severity) == ("same-image", Severity.WARNING)
    assert warning.help == "keep one of them, or make templates/Dockerfile.j2 distinguish them"
    assert warning.file_location.text == "  server: {}"
    assert [(note, place.text) for note, place in warning.related] == [
        ("the other target", "  worker: {}")
    ]


def test_values_that_are_one(tmp_path: Path) -> None:
    """Two values of an axis that give one image are both shown."""
    template = "FROM a:{{ gpu }}-{{ 'old' if python != '3.13' else python }}"
    _, (warning,) = looked(tmp_path, GPU, template)

    assert warning.message == (
        "targets 'server-3_11' and 'server-3_12' are the same image (and 1 pair like them)"
    )
    assert (warning.file_location.column, warning.file_location.length) == (12, 4)
    assert [(place.column, place.length) for _, place in warning.related] == [(18, 4)]


def test_targets_that_differ_in_two_axes(tmp_path: Path) -> None:
    """Targets that differ in several axes are reported at the image."""
    template = "FROM a:{{ 'x' if python ~ gpu in ('3.11true', '3.12false') else python ~ gpu }}"
    _, (warning,) = looked(tmp_path, GPU, template)

    assert warning.message == "targets 'server-3_11-gpu' and 'server-3_12' are the same image"
    assert warning.file_location.text == "  server:"
    assert warning.related == ()


def test_the_nearest_of_many(tmp_path: Path) -> None:
    """Of several equal targets, two that differ in a single value are named."""
    same = "('3.11true', '3.12false', '3.13true')"
    template = f"FROM a:{{{{ 'x' if python ~ gpu in {same} else python ~ gpu }}}}"
    _, (warning,) = looked(tmp_path, GPU, template)

    assert warning.message == (
        "targets 'server-3_11-gpu' and 'server-3_13-gpu' are the same image (and 1 more)"
    )
    assert (warning.file_location.column, warning.related[0][1].column) == (12, 24)


COMBINATION = st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 1))
AXES = ("a", "b", "c")
Row: TypeAlias = tuple[int, ...]


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(built=st.dictionaries(COMBINATION, st.integers(0, 3), min_size=1))
def test_as_defined(built: dict[Row, int]) -> None:
    """The warnings equal those found by trying each axis and each pair of targets."""
    rows = [dict(zip(AXES, map(str, row), strict=True)) for row in built]
    content = {"-".join(map(str, row)): number for row, number in built.items()}
    matrix = {
        "axes": {"a": ["0", "1", "2"], "b": ["0", "1", "2"], "c": ["0", "1"]},
        "set": {"content": {key: str(number) for key, number in content.items()}},
        "images": {"i": {"template": "Dockerfile.j2", "only": rows}},
    }
    with tempfile.TemporaryDirectory() as folder:
        template = "FROM x:{{ content[a ~ '-' ~ b ~ '-' ~ c] }}"
        plan, warnings = looked(Path(folder), json.dumps(matrix), template)

    said = {w.message.split("'")[1]: w.message for w in warnings if w.code == "axis-without-effect"}
    explained: list[list[Row]] = []
    for n, axis in enumerate(AXES):
        lines: dict[Row, list[Row]] = {}
        for row in built:
            lines.setdefault((*row[:n], -1, *row[n + 1 :]), []).append(row)
        several = {rest: line for rest, line in lines.items() if len(line) > 1}
        idle = {r: line for r, line in several.items() if len({built[row] for row in line}) == 1}
        assert (axis in said) == bool(idle)
        if idle:
            head, _, counts = said[axis].partition(": ")
            told = [int(number) for number in re.findall(r"\d+", counts)]
            images = {built[row] for line in idle.values() for row in line}
            assert told == [sum(map(len, idle.values())), len(images)]
            _, *conditions = head.split(" when ")
            _check_conditions(conditions, n, set(several), set(idle))
        explained += idle.values()
    _check_twice([w.message for w in warnings if w.code == "same-image"], built, explained)
    assert len(plan.targets) == len(built)


def _check_conditions(conditions: list[str], axis: int, several: set[Row], idle: set[Row]) -> None:
    """Compare the conditions in a message with all possible conditions."""
    others = [n for n in range(3) if n != axis]
    used = [sorted({rest[n] for rest in several}) for n in others]
    exact = [
        sum(len(some) < len(every) for some, every in zip(box, used, strict=True))
        for box in itertools.product(*map(_subsets, used))
        if {
            rest
            for rest in several
            if all(rest[n] in some for n, some in zip(others, box, strict=True))
        }
        == idle
    ]
    if several == idle:
        assert conditions == []
    elif exact:
        (condition,) = conditions
        wanted = [
            (AXES.index(word[0]), {int(value) for value in re.findall(r"\d", word)})
            for word in condition.split(" and ")
        ]
        assert {r for r in several if all(r[n] in values for n, values in wanted)} == idle
        assert len(wanted) == min(exact)
    else:
        more = re.search(r" and (\d+) more$", conditions[-1])
        assert len(conditions) + (int(more[1]) if more else 0) == len(idle)


def _subsets(values: list[int]) -> list[tuple[int, ...]]:
    return [c for size in range(len(values)) for c in itertools.combinations(values, size + 1)]


def _check_twice(said: list[str], built: dict[Row, int], explained: list[list[Row]]) -> None:
    """Compare the reported pairs with all equal rows that no axis explains."""
    blocks = {row: {row} for row in built}
    for line in explained:
        whole = set().union(*(blocks[row] for row in line))
        for row in whole:
            blocks[row] = whole
    left = {built[row] for row in built if len(blocks[row]) < [*built.values()].count(built[row])}
    pairs = 0
    for message in said:
        one, other = ((*map(int, name.split("-")),) for name in re.findall(r"'i-(\S+)'", message))
        assert built[one] == built[other]
        assert blocks[one] is not blocks[other]
        like = re.search(r"(\d+) pairs? like them", message)
        pairs += 1 + (int(like[1]) if like else 0)
    assert pairs == len(left)


def test_distinct_texts_are_left_alone(tmp_path: Path) -> None:
    """Without equal Dockerfiles there are no warnings, whatever their fields."""
    plan, warnings = looked(tmp_path, GPU, "FROM a:{{ target }}")

    assert len(plan.targets) == 6
    assert warnings == ()


@pytest.mark.parametrize("same", ["a ~ b ~ c", "a", "a ~ b", "''"])
def test_work_is_linear(tmp_path: Path, same: str) -> None:
    """Four times the targets take about four times as long, not sixteen times."""

    def steps(count: int) -> int:
        values = ", ".join(str(n) for n in range(count))
        matrix = (
            f"axes: {{a: [{values}], b: [0, 1, 2, 3], c: [0, 1, 2]}}\n"
            "images: {i: {template: Dockerfile.j2, args: {X: '{{ a }}'}}}\n"
        )
        plan, _ = looked(tmp_path, matrix, f"FROM x:{{{{ {same} }}}}")
        dockerfiles = render(plan.matrix, plan.targets, Templates(Files(tmp_path)), Problems())
        calls = 0

        def count_line(*_: object) -> None:
            nonlocal calls
            calls += 1

        sys.setprofile(count_line)
        try:
            effects(plan.matrix, dockerfiles)
        finally:
            sys.setprofile(None)
        return calls

    assert steps(80) < 6 * steps(20)
