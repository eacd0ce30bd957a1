"""Lines of templates are found for lines of Dockerfiles, in linear time also for hostile ones."""

import time
from pathlib import Path

import pytest
from support import calls

from compiler.errors import CompileError
from compiler.pipeline import compile_matrix
from compiler.render.line_origins import LineOrigins
from compiler.render.line_parts import line_parts
from compiler.render.template_lines import origin
from compiler.render.templates import Templates
from compiler.source.project_files import Files


def templates(folder: Path, text: str) -> Templates:
    """Return the templates of a project with one, `t.j2`."""
    (folder / "templates").mkdir()
    (folder / "templates/t.j2").write_text(text)
    return Templates(Files(folder))


def test_a_line_has_words_between_tags() -> None:
    """Spaces inside a tag do not separate words, and separators outside do."""
    whole, *words = line_parts('  RUN a={{ "b c" }}d, {% if e %}f{% endif %} {# g #} {{ h')

    assert whole.text == 'RUN a={{ "b c" }}d, {% if e %}f{% endif %} {# g #} {{ h'
    assert [word.text for word in words] == [
        *("RUN", "a", '{{ "b c" }}d', "{% if e %}f{% endif %}", "{# g #}", "{{", "h")
    ]
    assert [word.size for word in words] == [3, 1, 1, 1, 0, 2, 1]


@pytest.mark.parametrize(
    ("line", "word", "inner", "column", "length"),
    [
        ("FROM python:{{ v }}-slim", "FROM python:3-slim", "python:3-slim", 6, 19),
        ("FROM python:{{ v }}-slim", "python:3-slim", "", 6, 19),
        ("COPY {{ a }} {{ b }} /", "COPY x y.txt /", "y.txt", 1, 22),
        ("COPY {{ a }} y{{ b }} /", "COPY x y.txt /", "y.txt", 14, 8),
    ],
)
def test_a_word_is_found(
    line: str, word: str, inner: str, column: int, length: int, tmp_path: Path
) -> None:
    """The location is the word of the template that renders to the word."""
    place = origin(templates(tmp_path, f"FROM a\n{line}\n"), "t.j2", word, inner)

    assert place is not None
    assert (place.line, place.column, place.length) == (2, column, length)


_BRANCHES = "{% if x %}\nRUN b\nEXPOSE x\n{% else %}\nRUN a\nEXPOSE x\n{% endif %}\n"
_LOOP = "{% for n in [1, 2] %}\nEXPOSE x\n{% endfor %}\nUSER a\nEXPOSE x\n"


@pytest.mark.parametrize(
    ("template", "lines"),
    [
        ("EXPOSE x\nRUN a\nEXPOSE x\n", [2, 4]),
        ("EXPOSE x\nEXPOSE x\nEXPOSE x\n", [2, 3, 4]),
        (f"{{% set x = false %}}\n{_BRANCHES}USER a\n", [8]),
        (f"{{% set x = true %}}\n{_BRANCHES}USER a\n", [5]),
        ("CPOY a /\nRUN a\nCPOY a /\n", [2, 4]),
        (_LOOP, [3, 6]),
        ("{% include 'part.j2' %}\nEXPOSE x\n", [2, 3]),
    ],
)
def test_equal_errors_are_located_at_their_own_lines(
    template: str, lines: list[int], tmp_path: Path
) -> None:
    """The lines above and below decide which of two equal lines of a template is wrong."""
    templates(tmp_path, f"FROM scratch\n{template}")
    (tmp_path / "templates/part.j2").write_text("RUN a\nEXPOSE x\n")
    (tmp_path / "matrix.yaml").write_text("images: {a: {template: t.j2}}\n")

    with pytest.raises(CompileError) as error:
        compile_matrix(tmp_path / "matrix.yaml")

    assert sorted(one.file_location.line for one in error.value.diagnostics) == lines


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit",
    ["{{a}}", "{{", "{%a%}", "{%a%} ", "{%", "{#", "{#a#}", "a={{b}}", "{{a}}b", "%}", "}} "],
)
def test_hostile_lines_take_linear_time(unit: str) -> None:
    """Four times as many characters that nearly match take about four times as long.

    The time is measured again where it is too long, because other programs run as well.
    """

    def seconds(size: int) -> float:
        line = unit * (size // len(unit))
        lines = ["FROM a", f"RUN {line}!", f"{line}X", f"{line} RUN{line}"]
        start = time.process_time()
        assert LineOrigins([("t.j2", lines)]).find(f"RUX {'b' * (size // 5)}?") is None
        return time.process_time() - start

    # Quadratic time would be 16 times as much.
    assert any(seconds(40_000) < 10 * seconds(10_000) for _ in range(3))


@pytest.mark.slow
@pytest.mark.parametrize("line", ["EXPOSE {port}", "EXPOSE 99999", 'EXPOSE {port}{{{{ "" }}}}'])
def test_thousands_of_errors_are_located_in_a_few_steps(line: str, tmp_path: Path) -> None:
    """Each line with an error is looked up; a run compares a limited number of lines with tags."""
    lines = [line.format(port=70_000 + n) for n in range(1500)]
    templates(tmp_path, "\n".join(["FROM scratch", *lines, ""]))
    (tmp_path / "matrix.yaml").write_text("images: {a: {template: t.j2}}\n")

    with calls.at_most(8_000_000), pytest.raises(CompileError) as error:
        compile_matrix(tmp_path / "matrix.yaml")

    assert len(error.value.diagnostics) == len(lines)
