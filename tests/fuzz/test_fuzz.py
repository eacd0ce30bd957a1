"""Any input compiles or ends in diagnostics.

`FUZZ` is the number of documents; `make fuzz` tries many.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from fuzz.grammar import files, texts
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from compiler import CompileError, compile_matrix
from compiler.cli.diagnostic_output import DiagnosticFormat, report
from compiler.errors import Diagnostic
from compiler.matrix.matcher import match


IN_CI = os.environ.get("CI") == "true"
DOCUMENTS = int(os.environ.get("FUZZ", "250"))
FUZZED = settings(
    deadline=None,
    database=None,
    derandomize=IN_CI and "FUZZ" not in os.environ,
    max_examples=DOCUMENTS,
    suppress_health_check=[*HealthCheck],
)
MOST_LINES = 6
LIMIT = 200
"""The maximum number of variants: these tests do not measure speed."""

DATA = {
    "templates/a.j2": "FROM scratch\n",
    "templates/one.j2": "FROM {{ parent }}\nENV A={{ py }}\n",
    "data.yaml": "a: [1, 2]\nb: {c: d}\n",
    "data.toml": "x = [1.5, true]\n",
    "d.json": '{"axes": {"py": {"3.9": {}, "true": {"tag": "x"}}, "gpu": [1, {"value": null}]},\n'
    ' "rows": [{"py": "3.9"}, {"gpu": [true, "{{ x }}${R}"]}], "text": "a b",\n'
    ' "versions": ["3.9", "3.10", "x", 4]}\n',
    "templates/m.j2": "{% macro m(x) %}{{ x }}${R}{% endmacro %}{% set n = py %}\n",
    "part.yaml": "axes: {part: [a, b]}\nset: {own: 1}\nexclude: [{py: 3.9, part: a}]\n"
    "defaults: {labels: &l {a: b}}\nimages: {part: {labels: *l}}\n",
    "Dockerfile": "# syntax=x\nFROM a\n",
}


@pytest.fixture(scope="module")
def project() -> Iterator[Path]:
    """Create a project whose matrix is replaced by each example."""
    with TemporaryDirectory() as name:
        for path, text in DATA.items():
            (Path(name) / path).parent.mkdir(exist_ok=True)
            (Path(name) / path).write_text(text)
        yield Path(name)


def check(diagnostics: Iterable[Diagnostic], folder: Path) -> None:
    """Check that each diagnostic has a location in a file, a message, and a short text form."""
    for one in diagnostics:
        assert one.code
        assert one.message.strip()
        for place in (one.file_location, *(place for _, place in one.related)):
            _check_place(folder / place.path, place.line, place.column, place.length, place.text)
        said = report([one], DiagnosticFormat.TEXT)
        assert said.endswith("\n")
        lines = said.splitlines()
        assert len(lines) <= MOST_LINES, said
        assert all(line.isprintable() or "\t" in line for line in lines)
        assert report([one], DiagnosticFormat.JSON)
        assert report([one], DiagnosticFormat.GITHUB).count("\n") == 1


def _check_place(file: Path, line: int, column: int, length: int, text: str) -> None:
    if line == 0:
        return  # the file as a whole
    assert column >= 1
    assert length >= 1
    if not file.is_file():
        return  # the packaged template
    raw = file.read_bytes().decode("utf-8", "replace")
    lines = raw.splitlines() or [""]
    assert line <= max(len(lines), raw.count("\n") + 1)
    assert column <= len(text) + 1, (column, text)
    assert column - 1 + length <= len(text) + 1, (column, length, text)


@FUZZED
@given(text=files())
@example(text="")
@example(text="\ufeff")
@example(text="images: {one: {template: a.j2}}")
def test_any_document_is_compiled_or_refused(project: Path, text: str) -> None:
    """Any document compiles, or ends in diagnostics with a location and a message."""
    (project / "matrix.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    found: tuple[Diagnostic, ...] = ()
    try:
        done = compile_matrix(project / "matrix.yaml", limit=LIMIT)
    except CompileError as error:
        found = error.diagnostics
    else:
        event("compiled")
        assert done.artifacts
        check(done.plan.warnings, project)
        return
    assert found
    event(found[0].code)
    check(found, project)


@FUZZED
@given(st.lists(texts, max_size=4), st.lists(texts, max_size=5, unique=True))
def test_any_words_are_matched_or_refused(words: list[str], known: list[str]) -> None:
    """Any pattern over any values matches some of them, or ends in a diagnostic."""
    found = match(words, known)
    assert found.values <= set(range(len(known)))
    assert set(found.unversioned) <= set(known)
    for fault in found.faults:
        assert fault.word in words
        assert fault.message
        assert fault.code in ("unknown-value", "matches-nothing", "bad-range")
