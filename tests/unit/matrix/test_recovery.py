"""All mistakes in one run: each planted mistake is reported, in file order, and nothing else."""

from itertools import combinations
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from compiler.errors import CompileError, Diagnostic
from compiler.matrix.load import load
from compiler.pipeline import plan_matrix
from compiler.source.document import Source
from compiler.source.project_files import Files


VALID = """\
variables:
  REGISTRY: docker.io/acme
  VERSION: v1
axes:
  python: [3.10, 3.11]
  gpu:
    false: {}
    true:
      tag: gpu
      only: {python: ">=3.11"}
  size: [small, large]
set: {pip: 26}
exclude:
  - {python: 3.10, size: large}
defaults:
  template: Dockerfile.j2
images:
  base:
    axes: [python]
    context: .
    tags: ["${REGISTRY}/base:{{ variant }}-${VERSION}"]
  server:
    from: {image: base}
    overrides:
      - {when: {gpu: true}, args: {CUDA: 12}}
    labels: {team: serving}
    aliases:
      "${REGISTRY}/server:latest": {python: 3.11, gpu: true, size: small}
  tool:
    axes: [size]
    platforms: [linux/amd64, linux/arm64]
    labels: {version: "${VERSION}"}
    cache-to: ["type=registry,ref=${REGISTRY}/cache:{{ target }}"]
groups:
  smoke: {python: 3.11, gpu: false}
publish: {version: "${VERSION}"}
output: dockerfiles
"""


class Mistake(NamedTuple):
    """A change of the valid document, and the one error that it causes."""

    old: str
    new: str
    code: str
    at: str
    """The text at which the error points."""


MISTAKES = [
    # Keys and types.
    Mistake("    context: .", "    contxt: .", "unknown-key", "contxt"),
    Mistake("  template: D", "  tmplate: D", "unknown-key", "tmplate"),
    Mistake("      tag: gpu", "      tga: gpu", "unknown-key", "tga: gpu"),
    Mistake("    labels: {team", "    quux: {team", "unknown-key", "quux"),
    Mistake("exclude:", "excludes:", "unknown-key", "excludes"),
    Mistake("[linux/amd64, linux/arm64]", "linux/amd64", "wrong-type", "linux/amd64"),
    Mistake("{team: serving}", "{team: [serving]}", "wrong-type", "[serving]"),
    Mistake("args: {CUDA: 12}", "args: [CUDA]", "wrong-type", "[CUDA]"),
    Mistake("VERSION: v1", "VERSION: {a: v1}", "wrong-type", "{a: v1}"),
    Mistake("[small, large]", "true", "wrong-type", "true\nset"),
    Mistake("set: {pip: 26}", "set: 26", "wrong-type", "26\nexclude"),
    Mistake("{when: {gpu: true}, args", "{args", "missing-key", "{args"),
    # Names.
    Mistake("axes: [python]", "axes: [pithon]", "unknown-axis", "pithon"),
    Mistake("{image: base}", "{image: bsae}", "unknown-image", "{image: bsae}"),
    Mistake("set: {pip", "set: {self", "reserved-name", "self"),
    Mistake("  smoke:", "  _smoke:", "bad-group-name", "_smoke"),
    Mistake("output: dockerfiles", "output: ../x", "bad-path", "../x"),
    # Patterns.
    Mistake('only: {python: ">=3.11"}', "only: {pyhton: 3.11}", "unknown-axis", "pyhton: 3.11"),
    Mistake("{python: 3.10, size", "{python: 3.1, size", "unknown-value", "3.1, size"),
    Mistake("when: {gpu: true}", "when: {gpu: yes}", "unknown-value", "yes"),
    Mistake("{python: 3.11, gpu: false}", "{python: '>=4'}", "matches-nothing", "'>=4'"),
    # Interpolation.
    Mistake("-${VERSION}", "-${VERSOIN}", "undeclared-variable", "${VERSOIN}"),
    Mistake("ref=${REGISTRY}", "ref=${REG}", "undeclared-variable", "${REG}"),
    Mistake(
        '{version: "${VERSION}"}\noutput', "{version: v}\noutput", "undeclared-variable", "v}\n"
    ),
    Mistake("server:latest", "server:{{ x + }}", "template-syntax", '"${REGISTRY}/server'),
]


def project(folder: Path, text: str) -> Files:
    """Write a project with this matrix."""
    (folder / "matrix.yaml").write_text(text)
    return Files(folder)


def errors(folder: Path, text: str) -> list[Diagnostic]:
    """Return every error up to the plan."""
    try:
        plan_matrix(project(folder, text), "matrix.yaml")
    except CompileError as error:
        return list(error.diagnostics)
    return []


def planted(mistakes: list[Mistake]) -> tuple[str, list[tuple[int, int, str]]]:
    """Return the document with these mistakes, and line, column and code of each, in file order."""
    text = VALID
    for mistake in mistakes:
        assert text.count(mistake.old) == 1, mistake
        text = text.replace(mistake.old, mistake.new)
    expected = []
    for mistake in mistakes:
        start = text.index(mistake.new)
        # The text on the next line makes the position unique.
        at = text.index(mistake.at, max(0, start - len(mistake.at)))
        line = text.count("\n", 0, at) + 1
        expected.append((line, at - text.rfind("\n", 0, at), mistake.code))
    return text, sorted(expected)


def found(diagnostics: list[Diagnostic]) -> list[tuple[int, int, str]]:
    """Return line, column and code of each error."""
    return [(one.file_location.line, one.file_location.column, one.code) for one in diagnostics]


def test_the_document_is_valid(tmp_path: Path) -> None:
    """Without mistakes there is no error."""
    assert errors(tmp_path, VALID) == []


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.new)
def test_one_mistake_is_one_error(mistake: Mistake, tmp_path: Path) -> None:
    """A mistake causes exactly one error."""
    text, expected = planted([mistake])

    assert found(errors(tmp_path, text)) == expected


def apart(mistakes: tuple[Mistake, ...]) -> bool:
    """Return whether mistakes change different lines, so that each is independent of the others."""
    lines = [VALID[: VALID.index(one.old)].count("\n") for one in mistakes]
    return len(set(lines)) == len(lines)


PAIRS = [pair for pair in combinations(MISTAKES, 2) if apart(pair)]
TRIPLES = [triple for triple in combinations(MISTAKES, 3) if apart(triple)]


@pytest.mark.slow
def test_two_mistakes_are_two_errors(tmp_path: Path) -> None:
    """Whatever two mistakes a document has, both are reported, in file order, and no other."""
    for pair in PAIRS:
        text, expected = planted(list(pair))

        assert found(errors(tmp_path, text)) == expected, pair


@pytest.mark.slow
def test_three_mistakes_are_three_errors(tmp_path: Path) -> None:
    """Three mistakes of any kinds are three errors."""
    for triple in Random(9).sample(TRIPLES, 150):  # noqa: S311 - the same on each run
        text, expected = planted(list(triple))

        assert found(errors(tmp_path, text)) == expected, triple


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (
            '{version: "${VERSION}"}\n    cache',
            "{version: '{{ pyp }}'}\n    cache",
            "undefined-name",
        ),
        ("linux/arm64", "linux/arm46", "unknown-platform"),
    ],
)
@pytest.mark.parametrize(
    "other",
    [
        mistake
        for mistake in MISTAKES
        if mistake.new.startswith(("    contxt", "{image: bs", "  _s"))
    ],
    ids=lambda mistake: mistake.new,
)
def test_images_without_errors_are_resolved(
    old: str, new: str, code: str, other: Mistake, tmp_path: Path
) -> None:
    """An error in one image does not hide errors of resolving another image."""
    text, _ = planted([other])

    assert sorted(one.code for one in errors(tmp_path, text.replace(old, new))) == sorted(
        [other.code, code]
    )


def test_schema_errors_do_not_hide_each_other(tmp_path: Path) -> None:
    """A key that is not text hides no errors in or below the other keys."""
    text = "images:\n  a: {template: x, null: c, pul: yes, tags: {t: u}}\n  true: {}\n"

    assert [(one.code, one.file_location.column) for one in errors(tmp_path, text)] == [
        ("wrong-type", 20),
        ("unknown-key", 29),
        ("wrong-type", 45),
        ("wrong-type", 3),
    ]


def test_locations_behind_a_removed_entry(tmp_path: Path) -> None:
    """An invalid entry of a list does not change the locations of later entries."""
    text = "axes: {a: [x]}\nimages: {i: {template: t}}\nexclude:\n  - 1\n  - {b: x}\n  - {c: x}\n"

    assert [(one.code, one.file_location.line) for one in errors(tmp_path, text)] == [
        ("wrong-type", 4),
        ("unknown-axis", 5),
        ("unknown-axis", 6),
    ]


def test_load_raises_every_error(tmp_path: Path) -> None:
    """`load` returns no partial matrix."""
    text, expected = planted([MISTAKES[0], MISTAKES[13]])

    with pytest.raises(CompileError) as caught:
        load(Source.parse(text, "matrix.yaml"), Files(tmp_path))

    assert found(list(caught.value.diagnostics)) == expected


def test_a_single_pattern_needs_no_list(tmp_path: Path) -> None:
    """`only` of an image may be one pattern; a mistake in it is the only error."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "t").write_text("FROM x\n")
    text = "axes: {py: [a, b]}\nimages: {i: {template: t, tags: ['r/i:{{ py }}'], only: {py: a}}}\n"
    (tmp_path / "matrix.yaml").write_text(text)
    kept = plan_matrix(Files(tmp_path), "matrix.yaml").targets
    (tmp_path / "matrix.yaml").write_text(text.replace("only: {py", "only: {yp"))
    with pytest.raises(CompileError) as caught:
        plan_matrix(Files(tmp_path), "matrix.yaml")

    assert [target.name for target in kept] == ["i-a"]
    assert [one.code for one in caught.value.diagnostics] == ["unknown-axis"]
