"""The frontend that reads a Dockerfile is found as BuildKit finds it."""

from pathlib import Path

import pytest

from compiler.codes import Code
from compiler.errors import CompileError
from compiler.lock.base_images import Build, find
from compiler.pipeline import compile_matrix
from compiler.render.context_reads import reads
from compiler.render.dockerfile import read
from compiler.render.frontends import syntax_directive


@pytest.mark.parametrize(
    "text",
    [
        "# syntax=a/b\nFROM x\n",
        "#\tSYNTAX\t=\ta/b c\nFROM x\n",
        "\ufeff# syntax=a/b\n",
        "#!/usr/bin/env -S docker build -f\n# syntax=a/b\nFROM x\n",
        "\ufeff#!/bin/x\n# check=skip=all\n# syntax=a/b\n",
        "// syntax=a/b\n",
        "//escape=`\n//syntax=a/b",
        '{"syntax": "a/b", "x": 1}\n',
        '#!/bin/x\n{"syntax": "a/b"}\n',
        "# syntax=a/b\n// syntax=c\n",
    ],
)
def test_a_text_names_its_frontend(text: str) -> None:
    """A directive may follow a shebang, begin with `//`, or be a key of a text in JSON."""
    directive = syntax_directive(text)

    assert directive is not None
    assert directive.word == "a/b"
    assert text.split("\n")[directive.line - 1].count("a/b") == 1
    if directive.end >= 0:
        assert text[: directive.end].endswith("a/b")
    assert reads(text).args is None


@pytest.mark.parametrize(
    "text",
    [
        "\n# syntax=a/b\n",
        " # syntax=a/b\n",
        "#\u00a0syntax=a/b\n",
        "#syntax\u00a0=a/b\n",
        "#!/x\n#!/y\n# syntax=a/b\n",
        "# x=y\n# syntax=a/b\n",
        " # escape=`\n# syntax=a/b\n",
        '{"Syntax": "a/b"}\n',
        '{"syntax": 1}\n',
        '["syntax"]\n',
        '{"syntax": "a/b"}\nFROM x\n',
        '{"syntax": "a/b", "x": NaN}\n',
        '{"syntax": "a/b", "x": 1e999}\n',
    ],
)
def test_other_lines_name_no_frontend(text: str) -> None:
    """Only the first lines count, without white space before them."""
    assert syntax_directive(text) is None


@pytest.mark.parametrize(
    ("text", "frontend", "foreign"),
    [
        ("FROM x\n", "a/b", True),
        ("# syntax=a/b\nFROM x\n", "docker/dockerfile:1", False),
        ("# syntax=docker/dockerfile\nFROM x\n", "a/b", True),
        ("INCLUDE x\n", "a/b", True),
        ("FROM x\n", "", False),
    ],
)
def test_the_argument_decides(text: str, frontend: str, foreign: bool) -> None:  # noqa: FBT001
    """BUILDKIT_SYNTAX wins over the text; a foreign frontend can read any argument and file."""
    assert read(text, frontend).foreign is foreign
    found = reads(text, frontend=frontend)
    assert (found.args is None, bool(found.main.whole)) == (foreign, foreign)
    named = [base.image for base in find(text, Build(args={"BUILDKIT_SYNTAX": frontend}))]
    assert not frontend or frontend in named


@pytest.mark.parametrize(
    ("text", "argument", "is_valid"),
    [
        ("FROM scratch\nCOPY --newer a.txt /\n", "docker/dockerfile:1-labs", True),
        ("FROM scratch\nCOPY --newer a.txt /\n", "acme/frontend --x", True),
        ("INCLUDE a\n", "acme/frontend", True),
        ("INCLUDE a\n", "docker/dockerfile", False),
        ("INCLUDE a\n", "${FRONTEND}", True),
        ("#!/x\n# syntax=acme/frontend\nINCLUDE a\n", "", True),
        ("// syntax=acme/frontend\nINCLUDE a\n", "", True),
        ('{"syntax": "acme/frontend"}\n', "", True),
        ("# syntax=acme/frontend\nFROM scratch\nCOPPY a\n", "docker/dockerfile:1", False),
    ],
)
def test_only_texts_of_buildkit_are_checked(
    text: str,
    argument: str,
    is_valid: bool,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    """Another frontend may read what BuildKit rejects."""
    (tmp_path / "a.Dockerfile").write_text(text)
    (tmp_path / "a.txt").touch()
    args = f"args: {{BUILDKIT_SYNTAX: '{argument}'}}" if argument else ""
    (tmp_path / "matrix.yaml").write_text(
        "variables: {FRONTEND: acme/frontend}\n"
        f"images: {{a: {{dockerfile: a.Dockerfile, {args}}}}}\n"
    )

    if is_valid:
        compile_matrix(tmp_path / "matrix.yaml")
    else:
        with pytest.raises(CompileError, match="unknown instruction"):
            compile_matrix(tmp_path / "matrix.yaml")


@pytest.mark.parametrize(
    ("text", "args", "count"),
    [
        ("FROM scratch", "{}", 1),
        ("# syntax=docker/dockerfile:1\nFROM scratch", "{}", 1),
        ("# syntax=a/b\nFROM scratch", "{}", 0),
        ("// syntax=a/b\nFROM scratch", "{}", 0),
        ("# syntax=a/b\nFROM scratch", "{BUILDKIT_SYNTAX: docker/dockerfile:1}", 1),
        ("FROM scratch", "{BUILDKIT_SYNTAX: a/b}", 0),
        ("FROM scratch", "{BUILDKIT_SYNTAX: '${F}'}", 0),
    ],
)
def test_another_frontend_may_look_for_any_context(
    text: str, args: str, count: int, tmp_path: Path
) -> None:
    """Which names are never looked up is known of BuildKit's own frontend only."""
    (tmp_path / "a.Dockerfile").write_text(f"{text}\n")
    contexts = "{Assets: 'docker-image://x'}"
    (tmp_path / "matrix.yaml").write_text(
        "variables: {F: docker/dockerfile:1}\nimages:\n  a: "
        f"{{dockerfile: a.Dockerfile, contexts: {contexts}, args: {args}}}\n"
    )
    warnings = compile_matrix(tmp_path / "matrix.yaml").plan.warnings

    assert [one.code for one in warnings].count(Code.UNUSED_CONTEXT) == count


@pytest.mark.parametrize(
    ("frontend", "expected"),
    [("docker/dockerfile:1", ["dockerfile-syntax"]), ("a/b", [])],
)
def test_the_frontend_of_a_parent_may_be_a_variable(
    frontend: str, expected: list[str], tmp_path: Path
) -> None:
    """The default of the variable decides whether the parent's `ONBUILD` is known."""
    (tmp_path / "p.Dockerfile").write_text("FROM scratch\nONBUILD EXPOSE x\n")
    (tmp_path / "c.Dockerfile").write_text("FROM p\nLABEL a=b\n")
    (tmp_path / "matrix.yaml").write_text(
        f"variables: {{F: '{frontend}'}}\nimages:\n"
        "  p: {dockerfile: p.Dockerfile, args: {BUILDKIT_SYNTAX: '${F}'}}\n"
        "  c: {dockerfile: c.Dockerfile, from: p}\n"
    )

    assert errors(tmp_path) == expected


def test_a_stage_that_a_context_replaces_triggers_nothing(tmp_path: Path) -> None:
    """The image of a parent is then that of the context."""
    (tmp_path / "p.Dockerfile").write_text("FROM scratch AS s\nONBUILD EXPOSE x\n")
    (tmp_path / "c.Dockerfile").write_text("FROM p\nLABEL a=b\n")
    contexts = "{s: 'docker-image://x'}"
    (tmp_path / "matrix.yaml").write_text(
        f"images:\n  p: {{dockerfile: p.Dockerfile, contexts: {contexts}}}\n"
        "  c: {dockerfile: c.Dockerfile, from: p}\n"
    )

    assert errors(tmp_path) == []


def errors(folder: Path) -> list[str]:
    """Return the codes of the errors."""
    try:
        compile_matrix(folder / "matrix.yaml")
    except CompileError as error:
        return [one.code for one in error.diagnostics]
    return []
