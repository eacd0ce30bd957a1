"""Undefined names after the first one, in strings and in templates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.phases import faults

from compiler.errors import CompileError
from compiler.pipeline import compile_matrix


if TYPE_CHECKING:
    from pathlib import Path


def named(text: str) -> list[str]:
    """Return the messages and the help of the errors of an image with these tags."""
    found = faults(f"axes: {{py: [3.9]}}\nimages: {{one: {{template: t, tags: [{text}]}}}}\n")
    return [f"{fault.message}; {fault.help}" for fault in found]


def test_each_undefined_name_of_a_field() -> None:
    """All undefined names of a text are reported; the help names none of them."""
    known = "known names: image, parent, py, target, variant"
    assert named("'{{ zzz }}{{ imgae }}{{ qqq }}'") == [
        f"'zzz' is undefined (in one-3_9); {known}",
        "'imgae' is undefined (in one-3_9); did you mean 'image'?",
        f"'qqq' is undefined (in one-3_9); {known}",
    ]


def test_what_follows_from_an_undefined_name() -> None:
    """An error that may follow from the value of an undefined name is not reported."""
    assert len(named("'{{ zzz.a.b }}'")) == 1
    assert len(named("'{{ zzz | round }}'")) == 1
    assert len(named("'{{ zzz.a }}{{ py.minor }}'")) == 1


@pytest.mark.parametrize(
    ("expression", "message", "help_"),
    [
        ("d.pyhton", "the mapping has no key 'pyhton'", "did you mean 'python'?"),
        ("d['pyhton']", "the mapping has no key 'pyhton'", "did you mean 'python'?"),
        ("d.python.verson", "the mapping has no key 'verson'", "did you mean 'version'?"),
        ("d.xyz", "the mapping has no key 'xyz'", "check the data, or add a fallback"),
        ("py.splt('.')", "text has no attribute 'splt'", "did you mean 'split'?"),
        ("py._split", "text has no attribute '_split'", "did you mean 'split'?"),
        ("namespace(a=1).b", "the value has no attribute 'b'", "check the data, or add"),
    ],
)
def test_keys_and_attributes_have_near_misses(
    expression: str, message: str, help_: str, tmp_path: Path
) -> None:
    """The help for an unknown key or attribute is the most similar one that the value has."""
    (tmp_path / "d.yaml").write_text("python: {version: 3}\n")
    (tmp_path / "matrix.yaml").write_text(
        "data: {d: d.yaml}\naxes: {py: [3.9]}\n"
        f'images: {{one: {{template: t, tags: ["acme/a:{{{{ {expression} }}}}"]}}}}\n'
    )
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/t").write_text("FROM scratch\n")

    with pytest.raises(CompileError) as caught:
        compile_matrix(tmp_path / "matrix.yaml")

    (error,) = caught.value.diagnostics
    assert error.message == f"{message} (in one-3_9)"
    assert error.help.startswith(help_)


def test_a_name_is_reported_once() -> None:
    """A name that stays undefined ends the search."""
    assert len(named("'{% macro m(a) %}{{ a }}{{ zzz }}{% endmacro %}{{ m(1) }}{{ m(2) }}'")) == 1
    assert len(named("'{{ self }}{{ self }}'")) == 1


def test_at_most_ten_further_names() -> None:
    """The search is bounded."""
    assert len(named("'" + "".join(f"{{{{ zzz{n} }}}}" for n in range(50)) + "'")) == 11


def errors(folder: Path, template: str) -> list[str]:
    """Return the messages of the errors of a template."""
    (folder / "templates").mkdir()
    (folder / "templates/t").write_text(template)
    (folder / "matrix.yaml").write_text(
        "axes: {py: [3.9, 3.10]}\nset: {data: {a: 1}}\nimages: {one: {template: t}}\n"
    )
    with pytest.raises(CompileError) as caught:
        compile_matrix(folder / "matrix.yaml")
    return [one.message for one in caught.value.diagnostics]


def test_each_undefined_name_of_a_template(tmp_path: Path) -> None:
    """Names on other lines and in other variants are reported, with the number of targets."""
    template = "FROM a:{{ pyy }}\nENV A={{ data.b }}\n{% if py == '3.10' %}{{ dta }}{% endif %}\n"
    assert errors(tmp_path, template) == [
        "'pyy' is undefined (in one-3_9 and 1 more)",
        "the mapping has no key 'b' (in one-3_9 and 1 more)",
    ]


def test_a_name_that_one_branch_sets(tmp_path: Path) -> None:
    """A text that was rendered with other names is not used for another target."""
    template = "FROM a\n{% if false %}\n{% set x = 1 %}\n{% endif %}\nENV A={{ x }}\n"
    assert errors(tmp_path, template) == ["'x' is undefined (in one-3_9 and 1 more)"]
