"""Warnings about build arguments that no Dockerfile declares."""

from pathlib import Path

import pytest
from bake.oracle import lay

from compiler.codes import Code
from compiler.pipeline import compile_matrix


ONE = "images: {{app: {{template: app.j2, args: {{{name}: x}}}}}}\n"
TWO = """\
images:
  base: {template: base.j2}
  app: {from: base, template: app.j2, args: {NAME: x}}
"""


def unused(folder: Path, matrix: str, **templates: str) -> list[str]:
    """Return the messages and the help of the warnings."""
    lay(folder, matrix, {f"templates/{name}.j2": text for name, text in templates.items()})
    warnings = compile_matrix(folder / "matrix.yaml").plan.warnings
    return [f"{one.message}; {one.help}" for one in warnings if one.code is Code.UNUSED_ARG]


@pytest.mark.parametrize(
    "text",
    [
        "FROM scratch\nARG NAME",
        "ARG NAME=x\nFROM a:${NAME}",
        "FROM scratch AS a\nARG NAME\nFROM scratch",
        "FROM scratch\narg OTHER NAME=x",
        "FROM scratch\nARG \\\n# a comment\n  NAME",
        "# escape=`\nFROM scratch\nARG `\n  NAME",
        "FROM scratch\nONBUILD ARG NAME",
        "# syntax=example.com/other\nFROM scratch",
        # Not typing errors, and the base can declare any argument by ONBUILD.
        "FROM python\nARG VERSION",
        "ARG BASE=scratch\nFROM ${BASE}",
    ],
)
def test_declared_arguments(tmp_path: Path, text: str) -> None:
    """An argument that a Dockerfile declares, or may declare, is not reported."""
    assert unused(tmp_path, ONE.format(name="NAME"), app=text) == []


@pytest.mark.parametrize(
    ("name", "text", "help_"),
    [
        ("NAME", "FROM scratch\nENV X=${NAME}", "declare it with `ARG NAME`, or remove it"),
        ("NMAE", "FROM python\nARG NAME=x", "did you mean 'NAME'?"),
        ("name", "FROM python\nARG NAME=x", "did you mean 'NAME'?"),
        ("NAME", "FROM scratch AS a\nFROM a", "declare it with `ARG NAME`, or remove it"),
        ("NAME", "FROM scratch\nCOPY <<E /\nARG NAME\nE", ""),
    ],
)
def test_undeclared_arguments(tmp_path: Path, name: str, text: str, help_: str) -> None:
    """A name that no `ARG` declares is reported; a line of a here-document counts as an `ARG`."""
    message = f"unused build argument {name!r}: no Dockerfile declares it; {help_}"

    assert unused(tmp_path, ONE.format(name=name), app=text) == ([message] if help_ else [])


@pytest.mark.parametrize(
    "name", ["http_proxy", "NO_PROXY", "SOURCE_DATE_EPOCH", "BUILDKIT_SYNTAX", "TARGETPLATFORM"]
)
def test_arguments_of_buildkit(tmp_path: Path, name: str) -> None:
    """BuildKit uses some arguments without a declaration."""
    assert unused(tmp_path, ONE.format(name=name), app="FROM scratch") == []


def test_a_parent_declares_arguments_of_its_children(tmp_path: Path) -> None:
    """An `ONBUILD ARG` of a parent runs in the child; an `ARG` of the parent does not."""
    child = "FROM {{ parent }}"

    assert unused(tmp_path, TWO, base="FROM scratch\nONBUILD ARG NAME", app=child) == []
    assert len(unused(tmp_path, TWO, base="FROM scratch\nARG NAME", app=child)) == 1


@pytest.mark.parametrize(
    ("base", "args"),
    [
        ("# syntax=example.com/other\nFROM scratch", "{}"),
        ('{"syntax": "example.com/other"}', "{}"),
        ("FROM scratch", "{BUILDKIT_SYNTAX: example.com/other}"),
        ("FROM scratch", "{BUILDKIT_SYNTAX: '${SYNTAX}'}"),
    ],
)
def test_another_frontend_may_build_the_parent(tmp_path: Path, base: str, args: str) -> None:
    """Such a parent may have any `ONBUILD`; so may one whose frontend a variable names."""
    matrix = TWO.replace("template: base.j2", f"template: base.j2, args: {args}")
    matrix = f"variables: {{SYNTAX: docker/dockerfile:1}}\n{matrix}"
    if args == "{}":
        matrix = matrix.partition("\n")[2]

    assert unused(tmp_path, matrix, base=base, app="FROM {{ parent }}") == []


@pytest.mark.parametrize(
    ("text", "contexts", "is_unused"),
    [
        ("FROM scratch AS a\nFROM a", "{a: 'docker-image://x'}", False),
        ("FROM scratch AS A\nFROM a", "{a: '../x'}", False),
        ("FROM scratch AS a\nFROM a", "{'a::linux/arm64': 'docker-image://x'}", False),
        ("FROM scratch AS a\nFROM a", "{b: 'docker-image://x'}", True),
        ("FROM scratch AS a\nFROM a", "{a: 'target:base'}", True),
        ("FROM a\nFROM scratch AS a", "{}", False),
        ("FROM python AS a\nFROM scratch", "{a: 'docker-image://x'}", True),
    ],
)
def test_a_context_may_replace_a_stage(
    tmp_path: Path,
    text: str,
    contexts: str,
    is_unused: bool,  # noqa: FBT001
) -> None:
    """An image outside the matrix may have any `ONBUILD`, also in place of a stage."""
    (tmp_path / "x").mkdir()
    matrix = f"""\
images:
  base: {{template: base.j2}}
  app: {{template: app.j2, args: {{NAME: x}}, contexts: {contexts.replace("../x", "./x")}}}
"""

    assert bool(unused(tmp_path, matrix, base="FROM scratch", app=text)) is is_unused


def test_one_dockerfile_suffices(tmp_path: Path) -> None:
    """An inherited argument is reported once, and only if no image that inherits it declares it."""
    matrix = "defaults: {args: {NAME: x, NMAE: x}}\nimages:\n"
    matrix += "  a: {template: a.j2, args: {A: x}}\n  b: {template: b.j2, args: {B: x}}\n"

    (message,) = unused(
        tmp_path, matrix, a="FROM scratch\nARG A NAME", b="FROM scratch AS b\nARG B\nLABEL b="
    )

    assert message.startswith("unused build argument 'NMAE'")
