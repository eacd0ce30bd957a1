"""Checks of Dockerfiles: shapes, near names, and what saved state records."""

import time
from pathlib import Path

import pytest
from e2b_dockerfile_utils import ShellLex
from hypothesis import given
from hypothesis import strategies as st
from support.dockerfile_verdicts import verdicts

from compiler.errors import CompileError
from compiler.pipeline import compile_matrix
from compiler.render.dockerfile import read_once
from compiler.render.matrix_references import one_edit
from compiler.render.shapes import Shapes
from compiler.render.word_syntax import expand_word


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ("biuld", "build", True),
        ("buil", "build", True),
        ("build2", "build", True),
        ("xuild", "build", True),
        ("build", "build", False),
        ("bxxld", "build", False),
        ("dlibu", "build", False),
    ],
)
def test_one_edit(one: str, other: str, near: bool) -> None:  # noqa: FBT001
    """One insertion, deletion, replacement or swap is an edit, in both directions."""
    assert one_edit(one, other) is near
    assert one_edit(other, one) is near


DEEP = "${A:-" * 5_000 + "x" + "}" * 5_000
EXPENSIVE = {
    "a value that doubles": (
        "ARG A0=xx\n" + "".join(f"ARG A{n + 1}=$A{n}$A{n}\n" for n in range(59)) + "FROM scratch\n",
        "",
    ),
    "a name that doubles": (
        "ARG A0=xx\n"
        + "".join(f"ARG A{n + 1}=$A{n}$A{n}\n" for n in range(10))
        + "FROM $A10$A10$A10\n",
        "",
    ),
    "a value that is replaced": (
        "ARG A0=aaaaaaaa\n"
        + "".join(f"ARG A{n + 1}=${{A{n}//a/aaaaaaaa}}\n" for n in range(59))
        + "FROM scratch\n",
        "",
    ),
    "a pattern that needs backtracking": (
        f"ARG A={'a' * 4_000}\nFROM ${{A##*a*a*ab}}\n",
        "",
    ),
    "a pattern in a value": (
        f"ARG A={'a' * 4_000}\nARG B=*a*a*ab\nFROM ${{A##$B}}\n",
        "",
    ),
    "a pattern with stars": (
        "ARG A=r.example:5000/a/b:3.12-slim\nFROM -${A%%/*:*-*}\n",
        "invalid name of an image: '-r.example:5000'",
    ),
    "variables of a stage": (
        "FROM scratch\n"
        + "".join(f"ENV A{n}={n + 1}\nEXPOSE $A{n}\n" for n in range(5_000))
        + "STOPSIGNAL ${A1:+9}\n",
        "",
    ),
    "variables of many stages": (
        "FROM scratch AS s0\n"
        + "".join(f"ENV A{n}=1\nFROM s{n} AS s{n + 1}\n" for n in range(900))
        + "STOPSIGNAL ${A1:+no}\n",
        "invalid signal 'no'",
    ),
    "ports of a variable": (f"FROM scratch\nARG P='{'1 ' * 2_000}'\n" + "EXPOSE $P\n" * 2_000, ""),
    "a value of a stage that doubles": (
        "FROM scratch\nENV A0=xx\n"
        + "".join(f"ENV A{n + 1}=$A{n}$A{n}\n" for n in range(59))
        + "STOPSIGNAL $A59\n",
        "",
    ),
    "folders": ("FROM scratch\n" + f"WORKDIR {'a' * 100}\n" * 5_000, ""),
    "nested variables": (f"FROM scratch\nENV A={DEEP}\n", "variables are nested too deeply, in "),
    "nested variables in a name": (f"FROM {DEEP}\n", "variables are nested too deeply, in "),
}
"""What would take all time or memory -> a Dockerfile, and the start of its error."""


@pytest.mark.parametrize("case", EXPENSIVE)
def test_expansion_is_limited(tmp_path: Path, case: str) -> None:
    """A Dockerfile of a few lines cannot take all time and memory; its errors stay short."""
    text, message = EXPENSIVE[case]
    begin = time.process_time()
    [errors] = verdicts(tmp_path, [text])

    assert time.process_time() - begin < 20
    assert len(errors) == bool(message)
    assert "".join(error.message for error in errors).startswith(message)
    assert all(len(error.message) < 500 for error in errors)


@given(
    st.lists(
        st.sampled_from(["$A", "${A}", "$", "{", "}", "a", "_", "1", "$Bc", "${C}", "é", "-"])
    ),
    st.text("$ab'\"\\ ", max_size=3),
)
def test_plain_words_are_expanded_as_by_the_lexer(pieces: list[str], value: str) -> None:
    """The short way for frequent words gives what the lexer gives."""
    word, values = "".join(pieces), {"A": value, "Bc": "x"}
    try:
        expected = ShellLex("\\", env=values, skip_unset_env=False).process_word(word)
    except ValueError:
        return
    assert expand_word(word, values, "\\") == expected


def test_a_shape_restores_the_text() -> None:
    """Printed words become marks; other pieces stay."""
    shapes = Shapes()
    pieces = ["FROM python:", "3.11", "\nRUN echo ", "two words", " ", "3.11", "\n"]
    shapes.note("".join(pieces), pieces)
    printed = shapes.of("".join(pieces))

    assert printed.words == ("3.11", "3.11")
    assert "\nRUN echo two words " in printed.shape.text
    assert "3.11" not in printed.shape.text
    assert printed.restore(printed.shape.text) == "".join(pieces)


def test_texts_of_other_words_have_one_shape() -> None:
    """A shape does not depend on the words that it replaces, not even where they are equal."""
    shapes = Shapes()
    for first, second in (("a", "b"), ("a", "a")):
        pieces = ["FROM ", first, "\nRUN ", second]
        shapes.note("".join(pieces), pieces)

    assert shapes.of("FROM a\nRUN b").shape is shapes.of("FROM a\nRUN a").shape


@pytest.mark.parametrize("piece", ["\U000f0000", "a\U000f0000"])
def test_a_text_with_marks_has_no_shape(piece: str) -> None:
    """Characters that would be marks keep the text as it is."""
    shapes = Shapes()
    shapes.note(f"{piece}3.11\n", [piece, "3.11", "\n"])

    assert shapes.of(f"{piece}3.11\n").shape.text == f"{piece}3.11\n"
    assert shapes.of(f"{piece}3.11\n").words == ()


def test_a_word_that_looks_like_a_flag_stays() -> None:
    """Whether `{{ flag }}` is a flag or a path decides how the instruction is parsed."""
    shapes = Shapes()
    shapes.note("--link-x", ["--link", "-x"])

    assert shapes.of("--link-x").words == ()


def test_variants_share_one_parse(tmp_path: Path) -> None:
    """A hundred variants that differ in printed words need one parse."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/t.j2").write_text("FROM python:{{ python }}\nRUN echo {{ target }}\n")
    values = ", ".join(f"3.{n}" for n in range(100))
    (tmp_path / "matrix.yaml").write_text(
        f"axes: {{python: [{values}]}}\nimages: {{a: {{template: t.j2}}}}\n"
    )
    before = read_once.cache_info().misses

    assert len(compile_matrix(tmp_path / "matrix.yaml").dockerfiles) == 100
    assert read_once.cache_info().misses - before == 1


def test_a_printed_instruction_is_parsed_in_each_variant(tmp_path: Path) -> None:
    """A word that affects the parse is not replaced: `{{ word }} a /` may be valid."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/t.j2").write_text("FROM python\n{{ word }} https://a.example/b /\n")
    (tmp_path / "matrix.yaml").write_text(
        "axes: {word: [ADD, RUN]}\nimages: {a: {template: t.j2}}\n"
    )

    assert compile_matrix(tmp_path / "matrix.yaml").plan.warnings == ()


@pytest.mark.parametrize(
    ("stage", "line", "near"),
    [
        ("dev", "COPY --from=dve /a /a", True),
        ("dev", "RUN --mount=type=bind,from=dve,target=/a true", True),
        ("go", "COPY --from=og /a /a", True),
        ("dev", "COPY --from=acme/dve /a /a", False),
        ("dev", "COPY --from=dve:1 /a /a", False),
        ("dev", "COPY --from=alp /a /a", False),
        ("pip", "COPY --from=php /a /a", False),
        ("b", "COPY --from=a /a /a", False),
        ("dev", "FROM dve", False),
        ("dev", "ONBUILD COPY --from=dve /a /a", False),
    ],
)
def test_short_names_are_near_only_after_from_option(
    stage: str,
    line: str,
    near: bool,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    """What `--from` names is nearly always a stage; a `FROM` may name any short image."""
    (tmp_path / "templates").mkdir()
    text = f"FROM busybox AS {stage}\nFROM busybox\n{line}\n"
    (tmp_path / "templates/t.j2").write_text(text)
    (tmp_path / "matrix.yaml").write_text("images: {image: {template: t.j2}}\n")

    found = [one.code for one in compile_matrix(tmp_path / "matrix.yaml").plan.warnings]
    assert ("near-stage" in found) is near


@pytest.mark.parametrize(
    ("modifier", "is_error"),
    [
        *((text, False) for text in (":-1.36", "-x", ":+-musl", "+x", ":-${W}")),
        *((text, True) for text in ("%x", "#x", "/a/b", ":?x", "?x")),
    ],
)
def test_a_late_argument_with_a_modifier(
    modifier: str,
    is_error: bool,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    """BuildKit ignores the argument; it builds if the modifier gives it another text."""
    (tmp_path / "templates").mkdir()
    text = f"FROM busybox:1.36\nARG V\nFROM busybox:1${{V{modifier}}}\n"
    (tmp_path / "templates/t.j2").write_text(text)
    (tmp_path / "matrix.yaml").write_text("images: {a: {template: t.j2, args: {V: '1.37'}}}\n")

    if is_error:
        with pytest.raises(CompileError) as error:
            compile_matrix(tmp_path / "matrix.yaml")
        assert "late-arg" in [found.code for found in error.value.diagnostics]
    else:
        (found,) = compile_matrix(tmp_path / "matrix.yaml").plan.warnings
        assert found.code == "late-arg"
        assert found.message.startswith("argument 'V' is ignored in this FROM")


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("FROM python {{ word }} build\nRUN a\n", "[as]"),
        ("ARG VERSION=3\nFROM python:$VER{{ word }}\nARG VER\n", "[SION]"),
        ("# {{ word }}=example.com/frontend\nFROM python\nCOPPY a b\n", "[syntax]"),
        ("FROM python\nFROM python\nCOPY --from={{ word }} /a /\n", "[python, '0']"),
        ("FROM python\nRUN <<{{ word }}\necho\nEOF\n", "[EOF]"),
    ],
)
def test_a_valid_text_is_valid_whatever_its_shape_says(
    template: str, words: str, tmp_path: Path
) -> None:
    """A finding in a shape is confirmed in the text of the variant."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/t.j2").write_text(template)
    (tmp_path / "matrix.yaml").write_text(
        f"axes: {{word: {words}}}\nimages: {{a: {{template: t.j2}}}}\n"
    )

    assert compile_matrix(tmp_path / "matrix.yaml").plan.warnings == ()


def test_an_invalid_line_is_invalid_only_in_some_variants(tmp_path: Path) -> None:
    """Each text whose invalid line contains a printed word is parsed."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/t.j2").write_text("FROM python\n{{ word }} https://a.example/b /\n")
    (tmp_path / "matrix.yaml").write_text(
        "axes: {word: [RUN, COPPY, ADD, ADDD]}\nimages: {a: {template: t.j2}}\n"
    )

    with pytest.raises(CompileError) as error:
        compile_matrix(tmp_path / "matrix.yaml")
    assert [d.message for d in error.value.diagnostics] == [
        "invalid Dockerfile: unknown instruction: COPPY (in a-COPPY and 1 more)"
    ]


def test_only_the_existence_of_context_files_is_an_input(tmp_path: Path) -> None:
    """A path that exists is recorded without its content; a missing one as missing."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/t.j2").write_text("FROM python\nCOPY a b /\n")
    (tmp_path / "matrix.yaml").write_text("images: {a: {template: t.j2}}\n")
    (tmp_path / "a").write_text("content")

    compiled = compile_matrix(tmp_path / "matrix.yaml")

    assert compiled.inputs["a"] == "present"
    assert compiled.inputs["b"] is None
    assert [warning.code for warning in compiled.plan.warnings] == ["missing-source"]


def errors(folder: Path, template: str, words: str) -> list[tuple[int, str]]:
    """Return the line and the message of each error for a template with `word`."""
    (folder / "templates").mkdir()
    (folder / "templates/t.j2").write_text(template)
    (folder / "matrix.yaml").write_text(
        f"axes: {{word: {words}}}\nimages: {{a: {{template: t.j2}}}}\n"
    )
    with pytest.raises(CompileError) as error:
        compile_matrix(folder / "matrix.yaml")
    return [(one.file_location.line, one.message) for one in error.value.diagnostics]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("EXPOSE {{ word }}", "invalid port 'x1': write for instance `80` or `80-90/udp`"),
        ("EXPOSE 80/{{ word }}", "invalid port '80/x1': write for instance `80` or `80-90/udp`"),
        ("STOPSIGNAL {{ word }}", "invalid signal 'x1'"),
        ("RUN --mount=type={{ word }},target=/t a", None),
        ("RUN --{{ word }} a", "RUN does not have the flag --x1"),
        ("USER --{{ word }} a", "USER does not have the flag --x1"),
        ("COPY --chmod={{ word }} a /", None),
        ("HEALTHCHECK --interval={{ word }} CMD a", None),
        ("HEALTHCHECK {{ word }} a", "HEALTHCHECK requires CMD or NONE, not 'x1'"),
        ("ONBUILD RUN --mount=type={{ word }},target=/t a\nFROM a", None),
        ("ONBUILD ENV a=b {{ word }}", None),
        ("{{ word }} a", "invalid Dockerfile: unknown instruction: x1"),
        ("ENV {{ word }}", None),
    ],
)
def test_a_printed_word_is_an_example(line: str, message: str | None, tmp_path: Path) -> None:
    """Variants in which other words are printed share one error, with the words of the first."""
    found = errors(tmp_path, f"FROM scratch AS a\n{line}\n", "[x1, y2, z3]")

    assert len(found) == 1
    assert found[0][1].endswith(" (in a-x1 and 2 more)")
    assert "x1" in found[0][1]
    assert message is None or found[0][1].startswith(message)


def test_errors_of_other_instructions_are_not_examples(tmp_path: Path) -> None:
    """Two errors of one line, of two lines, and of literal words are all reported."""
    mount = "--mount=type={{ word }},target=/t --mount=type=no,target=/u"
    template = f"FROM scratch\nRUN {mount} a\nEXPOSE {{{{ word }}}}\nEXPOSE {{{{ word }}}}/x y\n"
    found = errors(tmp_path, template, "[x1, y2]")

    assert [line for line, _ in found] == [2, 2, 3, 4]
    assert all(message.endswith(" (in a-x1 and 1 more)") for _, message in found)
    assert "'no'" in found[1][1]


def test_one_line_of_several_shapes_has_one_error(tmp_path: Path) -> None:
    """Variants of which other lines are left out share the error of a line."""
    template = "FROM scratch\n{% if word == 'x1' %}\nRUN a\n{% endif %}\nEXPOSE {{ word }}\n"

    found = errors(tmp_path, template, "[x1, y2, z3]")

    assert [(line, message.rpartition(" (")[2]) for line, message in found] == [
        (5, "in a-x1 and 2 more)")
    ]


def _errors_of(folder: Path, matrix: str, template: str) -> list[str]:
    (folder / "templates").mkdir()
    (folder / "templates/t.j2").write_text(template)
    (folder / "matrix.yaml").write_text(matrix)
    try:
        compile_matrix(folder / "matrix.yaml")
    except CompileError as error:
        return [diagnostic.message for diagnostic in error.diagnostics]
    return []


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        ("args: {S: '{{ n }}'}", ["invalid signal 'a' (in i-a)"]),
        ("args: {S: '{{ n }}', T: '9'}", []),
        ("args: {S: '${V}'}", []),  # a bake variable decides
        ("args: {T: '${V}'}", []),
        ("args: {S: a}, target: other", []),  # the stage is not built
        ("args: {S: a}, contexts: {base: 'docker-image://x'}", []),  # its ENV decides
    ],
)
def test_build_arguments_decide_values(tmp_path: Path, value: str, messages: list[str]) -> None:
    """A value that the arguments of a target decide is checked; bake variables are unknown."""
    matrix = (
        f"variables: {{V: a}}\naxes: {{n: [a, '9']}}\nimages: {{i: {{template: t.j2, {value}}}}}\n"
    )
    template = (
        "ARG S\nFROM scratch AS other\nFROM scratch AS base\nARG S\nENV E=$S\n"
        "FROM base\nARG T=$E\nSTOPSIGNAL $T\n"
    )
    assert _errors_of(tmp_path, matrix, template) == messages


def test_printed_words_decide_values(tmp_path: Path) -> None:
    """A value that the template printed into another instruction is that of its variant."""
    matrix = "axes: {n: [a, '9', b, '15']}\nimages: {i: {template: t.j2}}\n"
    template = "FROM scratch\nARG S={{ n }}\nLABEL a=b\nSTOPSIGNAL $S\n"
    assert _errors_of(tmp_path, matrix, template) == [
        "invalid signal 'a' (in i-a)",
        "invalid signal 'b' (in i-b)",
    ]
