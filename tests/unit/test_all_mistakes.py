"""All mistakes of all phases in one run: two mistakes give the errors of both, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from compiler.errors import CompileError
from compiler.pipeline import compile_matrix


if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "matrix.yaml": """\
data: {project: project.json}
variables: {REGISTRY: docker.io/acme, VERSION: v1}
axes:
  python: [3.10, 3.11, 3.12]
  gpu:
    false: {}
    true: {platforms: [linux/amd64], only: {python: ">=3.11"}, set: {cuda: 12.8}}
set: {pip: "26.0"}
exclude: [{python: 3.12, gpu: true}]
overrides:
  - when: {python: 3.10, image: [base, tool]}
    annotations: {support: "old {{ python }}"}
defaults:
  template: Dockerfile.j2
  platforms: [linux/amd64, linux/arm64]
images:
  base:
    tags: ["${REGISTRY}/base:{{ variant }}-${VERSION}"]
    moving: ["${REGISTRY}/base:{{ variant }}"]
    aliases: {"${REGISTRY}/base:latest": {python: 3.12, gpu: false}}
    tests: ["python --version"]
  worker:
    from: base
    template: worker.j2
    context: worker
    shm-size: 2g
    labels: {team: serving}
    secret: ["id=token,env=TOKEN"]
    tags: ["${REGISTRY}/worker:{{ variant }}-${VERSION}"]
  tool:
    axes: [python]
    template: tool.j2
    contexts: {code: "target:worker-3_12"}
groups:
  smoke: {python: 3.11}
  workers: {image: worker, python: 3.12}
publish: {version: "${VERSION}"}
""",
    "templates/Dockerfile.j2": """\
FROM python:{{ python }}-slim-bookworm
RUN pip install pip=={{ pip }}
{% if gpu %}
ENV CUDA={{ cuda }}
{% endif %}
LABEL variant="{{ variant }}"
USER {{ project.name }}
""",
    "templates/worker.j2": """\
FROM {{ parent }}
RUN --mount=type=secret,id=token true
COPY worker.py /worker.py
""",
    "templates/tool.j2": """\
FROM python:{{ python }} AS build
ENV TARGET={{ target }}
FROM scratch
COPY --from=code /worker.py /
COPY --from=build /tool /
""",
    "worker/worker.py": "print('working')\n",
    "project.json": '{"name": "demo"}\n',
    "docker-bake.hcl.j2": "{% for line in usage %}\n{{ line | trim }}\n{% endfor %}\n",
}


class Mistake(NamedTuple):
    """A change of the valid project, and the codes of its errors."""

    file: str
    old: str
    new: str
    code: str


MATRIX, BASE, WORKER, TOOL = list(FILES)[:4]
BAKE = list(FILES)[-1]
MISTAKES = [
    # The document.
    Mistake(MATRIX, "    context: worker", "    contxt: worker", "unknown-key"),
    Mistake(MATRIX, "labels: {team: serving}", "labels: [team]", "wrong-type"),
    Mistake(MATRIX, "  smoke: {python", "  smoke: {pyton", "unknown-axis"),
    Mistake(MATRIX, "from: base", "from: bse", "unknown-image"),
    Mistake(MATRIX, 'publish: {version: "${VERSION}"}', "publish: {version: x}", "undeclared-vari"),
    Mistake(MATRIX, "3.12]\n  gpu", "3.12, 3.11]\n  gpu", "duplicate-value"),
    Mistake(MATRIX, "VERSION: v1", "VERSION: v1, NEXT: '${VERSON}'", "undeclared-variable"),
    Mistake(MATRIX, "exclude: [{python", "exclude: [{pyton", "unknown-axis"),
    Mistake(MATRIX, "exclude: [{python: 3.12", "exclude: [{python: 3.13", "unknown-value"),
    Mistake(MATRIX, "when: {python", "when: {pyton", "unknown-axis"),
    Mistake(MATRIX, "old {{ python }}", "old {{ python + }}", "template-syntax"),
    Mistake(MATRIX, 'pip: "26.0"', "pip: '{{ 26 + }}'", "template-syntax"),
    Mistake(MATRIX, "project.json", "projct.json", "missing-file"),
    Mistake(MATRIX, "cuda: 12.8", "cuda: '{{ 12 + }}'", "template-syntax"),
    # Variants and targets.
    Mistake(MATRIX, 'pip: "26.0"', "pip: '{{ cudda }}'", "undefined-name"),
    Mistake(MATRIX, "{support:", "{support: a, '{{ x }}':", "undefined-name"),
    Mistake(MATRIX, "worker:{{ variant }}-", "Worker:{{ variant }}-", "illegal-tag"),
    Mistake(MATRIX, "base:{{ variant }}-", "base:", "duplicate-tag"),
    Mistake(MATRIX, "-${VERSION}", "-${VERSON}", "undeclared-variable"),
    Mistake(MATRIX, "moving: [", "moving: ['{{ varaint }}', ", "undefined-name"),
    Mistake(MATRIX, "python: 3.12, gpu: false}}", "python: 3.11}}", "alias-mismatch"),
    Mistake(MATRIX, "image: worker, python: 3.12", "image: tool, gpu: true", "empty-group"),
    Mistake(MATRIX, "shm-size: 2g", "shm-size: big", "bad-field"),
    Mistake(MATRIX, "id=token,env=TOKEN", "token", "bad-field"),
    Mistake(MATRIX, "target:worker-3_12", "target:workr-3_12", "unknown-target"),
    Mistake(MATRIX, "template: tool.j2", "template: tol.j2", "missing-template"),
    # Templates.
    Mistake(BASE, "{{ pip }}", "{{ pipp }}", "undefined-name"),
    Mistake(BASE, "{{ project.name }}", "{{ project.nam }}", "undefined-name"),
    Mistake(BASE, "CUDA={{ cuda }}", "CUDA={{ cdua }}", "undefined-name"),
    Mistake(TOOL, "{{ target }}", "{{ target + }}", "template-syntax"),
    # Dockerfiles.
    Mistake(WORKER, "COPY", "CPOY", "dockerfile-syntax"),
    Mistake(WORKER, "RUN", "RNU", "dockerfile-syntax"),
    Mistake(TOOL, "FROM scratch", "FORM scratch", "dockerfile-syntax"),
    Mistake(TOOL, "--from=build", "--from=4", "unknown-stage"),
    # The bake template.
    Mistake(BAKE, "{% endfor %}", "{% endfr %}", "template-syntax"),
    Mistake(BAKE, "line | trim", "line | trmi", "template-syntax"),
]


def write(folder: Path, mistakes: tuple[Mistake, ...]) -> None:
    """Write the project with these mistakes."""
    files = dict(FILES)
    for file, old, new, _ in mistakes:
        assert old in files[file], (file, old)
        files[file] = files[file].replace(old, new, 1)
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def found(folder: Path, *mistakes: Mistake) -> list[tuple[str, int, int, str]]:
    """Return file, line, column and text of each error, without the targets that have it."""
    write(folder, mistakes)
    try:
        compile_matrix(folder / "matrix.yaml")
    except CompileError as error:
        places = [one.file_location for one in error.diagnostics]
        return [
            (place.path, place.line, place.column, f"{one.code}: {one.message.split(' (in ')[0]}")
            for place, one in zip(places, error.diagnostics, strict=True)
        ]
    return []


def files_with_errors(folder: Path) -> list[str]:
    """Return the file of each error of the project that is written."""
    with pytest.raises(CompileError) as caught:
        compile_matrix(folder / "matrix.yaml")
    return [one.file_location.path for one in caught.value.diagnostics]


def test_the_project_is_valid(tmp_path: Path) -> None:
    """Without mistakes there is no error."""
    assert found(tmp_path) == []


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.new)
def test_one_mistake_is_one_error(mistake: Mistake, tmp_path: Path) -> None:
    """A mistake causes exactly one error."""
    (error,) = found(tmp_path, mistake)

    assert error[3].startswith(mistake.code)


@pytest.fixture(scope="module")
def alone(
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[Mistake, list[tuple[str, int, int, str]]]:
    """Return the errors of each mistake."""
    folder = tmp_path_factory.mktemp("alone")
    return {mistake: found(folder, mistake) for mistake in MISTAKES}


HIDES = {
    # An image with an unknown part has no targets: its template is not rendered.
    "from: bse": {"CPOY", "RNU", "Worker:{{ variant }}-", "shm-size: big", "token"},
    # Rendering ends where a template uses an unknown value.
    "pip: '{{ 26 + }}'": {"{{ project.nam }}", "CUDA={{ cdua }}"},
    "pip: '{{ cudda }}'": {"{{ project.nam }}", "CUDA={{ cdua }}", "target:workr-3_12", "--from=4"},
    "projct.json": {"{{ project.nam }}"},
    # Links are not checked for an image of which a target has an error.
    "old {{ python + }}": {"target:workr-3_12"},
    "{support: a, '{{ x }}':": {"target:workr-3_12"},
    # A file that is not read has no errors, and neither has one that is not parsed.
    "template: tol.j2": {"{{ target + }}", "FORM scratch", "--from=4"},
    "{{ target + }}": {"FORM scratch", "--from=4"},
    "FORM scratch": {"--from=4"},
    "{% endfr %}": {"line | trmi"},
    # The Dockerfile of a target with errors is only parsed.
    "target:workr-3_12": {"--from=4"},
}
"""Mistake -> the mistakes whose errors it may hide, because they may be a consequence."""


@pytest.mark.slow
@pytest.mark.parametrize("one", MISTAKES[:-1], ids=lambda mistake: mistake.new)
def test_two_mistakes_are_two_errors(
    one: Mistake, alone: dict[Mistake, list[tuple[str, int, int, str]]], tmp_path: Path
) -> None:
    """With any other mistake, the errors are those of both, in the order of the file."""
    for other in MISTAKES[MISTAKES.index(one) + 1 :]:
        if _overlap(one, other):
            continue
        expected = {*alone[one], *([] if other.new in HIDES.get(one.new, ()) else alone[other])}

        errors = found(tmp_path, one, other)

        assert set(errors) == expected, (one.new, other.new)
        order = [MATRIX, *dict.fromkeys(error[0] for error in errors)]
        assert errors == sorted(errors, key=lambda error: (order.index(error[0]), error[1:3]))


def _overlap(one: Mistake, other: Mistake) -> bool:
    """Return whether two mistakes change one line, so that columns and words differ."""
    if one.file != other.file:
        return False
    lines = FILES[one.file].splitlines()
    return any(one.old in line and other.old in line for line in lines)


@pytest.mark.parametrize(
    ("new", "hidden"),
    [
        ("VERSION: v1, NEXT: '${NEXT}'", set()),
        ("VERSION: '${NEXT}', NEXT: '${VERSON}'", {BASE, WORKER}),
        ("VERSION: v1, NEXT: {from: VERSION, match: '('}", set()),
        ("VERSION: {from: REGISTRY, match: '('}", {BASE, WORKER}),
    ],
)
def test_an_invalid_variable_hides_only_what_uses_it(
    new: str, hidden: set[str], tmp_path: Path
) -> None:
    """Images that do not use it are checked; their strings decide, and other variables."""
    chosen = [one for one in MISTAKES if one.new in {"{{ pipp }}", "CPOY", "{{ target + }}"}]

    errors = found(tmp_path, Mistake(MATRIX, "VERSION: v1", new, ""), *chosen)

    assert [error[0] for error in errors] == [
        MATRIX,
        *(file for file in (BASE, TOOL, WORKER) if file not in hidden),
    ]


@pytest.mark.parametrize("form", ['"{{ project.gpus }}"', "{{ + }}", "[[1]]", "5", "{}"])
def test_a_rule_about_an_invalid_axis_applies_to_no_other_image(form: str, tmp_path: Path) -> None:
    """An override for values of an invalid axis does not concern images without that axis."""
    files = dict(FILES)
    axis = FILES[MATRIX].partition("  gpu:\n")[2].partition("set: {pip")[0]
    override = "overrides:\n  - {when: {gpu: true}, labels: {gpu: '{{ cuda }}'}}\n"
    files[MATRIX] = FILES[MATRIX].replace(f"  gpu:\n{axis}", f"  gpu: {form}\n")
    files[MATRIX] = files[MATRIX].replace("overrides:\n", override)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    with pytest.raises(CompileError) as caught:
        compile_matrix(tmp_path / "matrix.yaml")

    assert {one.file_location.line for one in caught.value.diagnostics} == {5}


def test_many_mistakes_of_all_phases(tmp_path: Path) -> None:
    """Mistakes in all files and phases are reported together, those of matrix.yaml first."""
    wanted = {"  smoke: {pyton", "shm-size: big", "{{ pipp }}", "CDUA={{ cdua }}", "CPOY", "RNU"}
    chosen = [mistake for mistake in MISTAKES if mistake.new in wanted]

    errors = found(tmp_path, *chosen)

    assert [(error[0], error[3].partition(":")[0]) for error in errors] == [
        (MATRIX, "bad-field"),
        (MATRIX, "unknown-axis"),
        (BASE, "undefined-name"),
        (WORKER, "dockerfile-syntax"),
        (WORKER, "dockerfile-syntax"),
    ]


def test_a_broken_lock_and_bake_template(tmp_path: Path) -> None:
    """Files that are read last are checked, too."""
    write(tmp_path, (MISTAKES[0],))
    (tmp_path / "matrix.lock").write_text("{")
    (tmp_path / "docker-bake.hcl.j2").write_bytes(b"\xff")

    assert files_with_errors(tmp_path) == [MATRIX, BAKE, "matrix.lock"]


def test_a_broken_lock_and_the_syntax_of_the_bake_template(tmp_path: Path) -> None:
    """The syntax of the bake template is checked before matrix.lock is needed."""
    write(tmp_path, (MISTAKES[-1],))
    (tmp_path / "matrix.lock").write_text("{")

    assert files_with_errors(tmp_path) == [BAKE, "matrix.lock"]


def write_part(folder: Path, text: str, template: str = "FROM scratch\n") -> None:
    """Write the project with a mistake in a template, and with a part that has one of its own."""
    write(folder, (MISTAKES[-3],))
    with (folder / "matrix.yaml").open("a") as matrix:
        matrix.write("include: [part.yaml]\n")
    (folder / "templates/part.j2").write_text(template)
    (folder / "part.yaml").write_text(text)


def test_a_part_comes_after_the_matrix(tmp_path: Path) -> None:
    """The errors of parts follow those of matrix.yaml, before those of templates."""
    write_part(tmp_path, "images: {other: {axes: [], template: part.j2, shm-size: x}}\n")
    with (tmp_path / "matrix.yaml").open("a") as matrix:
        matrix.write("output: ../x\n")

    assert files_with_errors(tmp_path) == [MATRIX, "part.yaml", TOOL]


def test_an_invalid_rule_of_a_part_concerns_only_its_images(tmp_path: Path) -> None:
    """What a part sets for its images does not hide the errors of the others."""
    part = "exclude: [{color: red}]\nimages: {other: {axes: [], template: part.j2}}\n"
    write_part(tmp_path, part, template="FORM scratch\n")

    assert files_with_errors(tmp_path) == ["part.yaml", TOOL]


def test_the_targets_with_an_error_are_counted(tmp_path: Path) -> None:
    """An error of a context, a secret and a size names the first target and the number."""
    changes = {"context: worker": "context: wroker", "id=token,env": "env", "2g": "big"}
    write(tmp_path, tuple(Mistake(MATRIX, old, new, "") for old, new in changes.items()))

    with pytest.raises(CompileError) as caught:
        compile_matrix(tmp_path / "matrix.yaml")

    messages = [one.message for one in caught.value.diagnostics]
    assert len(messages) == len(changes)
    assert all(message.endswith("(in worker-3_10 and 3 more)") for message in messages)


@pytest.mark.parametrize(
    ("old", "new", "code", "help_"),
    [
        (
            "[linux/amd64, linux/arm64]",
            "linux/amd64,linux/arm64",
            "wrong-type",
            "write [linux/amd64, linux/arm64]",
        ),
        (
            "[linux/amd64, linux/arm64]",
            "linux/amd64 linux/arm64",
            "wrong-type",
            "write [linux/amd64, linux/arm64]",
        ),
        ('["id=token,env=TOKEN"]', "token,a", "wrong-type", "write [token, a]"),
        ("[3.10, 3.11, 3.12]", "[[3.10, 3.11], 3.12]", "wrong-type", "write text"),
        (
            "[3.10, 3.11, 3.12]",
            "[{3.10: {tag: a}}, {3.11: {}}, 3.12]",
            "wrong-type",
            "write text, or a mapping with the key `value`",
        ),
        (
            "[linux/amd64, linux/arm64]",
            "['linux/amd64 {{ python }}{{ \" linux/arm64\" if gpu }}']",
            "unknown-platform",
            "write one platform in each entry, or one expression that results in a list",
        ),
    ],
)
def test_one_cause_is_one_error(old: str, new: str, code: str, help_: str, tmp_path: Path) -> None:
    """What follows from a value of the wrong type is not reported; the help has the list."""
    write(tmp_path, (Mistake(MATRIX, old, new, code),))

    with pytest.raises(CompileError) as caught:
        compile_matrix(tmp_path / "matrix.yaml")

    assert {(one.code, one.help) for one in caught.value.diagnostics} == {(code, help_)}
    assert len({one.location for one in caught.value.diagnostics}) == len(caught.value.diagnostics)


def test_one_warning_for_a_parent_that_is_named_by_its_tag(tmp_path: Path) -> None:
    """A Dockerfile that names a tag of its parent has one warning, with the remedy."""
    mistake = Mistake(WORKER, "{{ parent }}", "docker.io/acme/base:{{ variant }}", "")
    write(tmp_path, (mistake,))

    warnings = compile_matrix(tmp_path / "matrix.yaml").plan.warnings

    assert [(one.code, one.help) for one in warnings] == [
        ("unlinked-target", "write `FROM {{ parent }}`")
    ]


def test_one_warning_for_an_axis_that_an_expression_supplies(tmp_path: Path) -> None:
    """Values that one expression supplies have one location, and one warning."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/t").write_text("FROM a:{{ os[:1] }}\n")
    (tmp_path / "os.json").write_text('{"os": ["aa", "ab", "ba", "bb", "ca", "cb"]}')
    (tmp_path / "matrix.yaml").write_text(
        "data: {d: os.json}\naxes: {os: \"{{ d.os | map('lower') | list }}\"}\n"
        "images: {one: {template: t}}\n"
    )

    (warning,) = compile_matrix(tmp_path / "matrix.yaml").plan.warnings

    assert warning.message == (
        "targets 'one-aa' and 'one-ab' are the same image (and 2 pairs like them)"
    )
    assert warning.related == ()
