"""`set` of a variant: higher levels replace lower ones before anything is rendered."""

from pathlib import Path
from typing import Any

import pytest
from bake.oracle import lay, plan_json

from compiler.errors import CompileError


def _bases(folder: Path, **more: Any) -> list[str]:
    """Return what `base` is in each variant along `cuda`, which is null or 12.8."""
    image = {"template": "Dockerfile.j2", "args": {"BASE": "{{ base }}"}}
    set_ = {"base": "cuda:{{ cuda }}"}
    lay(folder, {"set": set_, "axes": {"cuda": [None, "12.8"]}, "images": {"a": image}, **more})
    return [entry["args"]["BASE"] for entry in plan_json(folder)["targets"]]


def test_an_override_spares_what_it_replaces(tmp_path: Path) -> None:
    """A setting that an override replaces is not rendered."""
    overrides = [{"when": {"cuda": None}, "set": {"base": "debian"}}]

    assert _bases(tmp_path, overrides=overrides) == ["debian", "cuda:12.8"]


def test_a_value_spares_what_it_replaces(tmp_path: Path) -> None:
    """A setting that a value replaces is not rendered."""
    axes = {"cuda": {None: {"set": {"base": "debian"}}, "12.8": {}}}

    assert _bases(tmp_path, axes=axes) == ["debian", "cuda:12.8"]


def test_an_override_decides_between_values(tmp_path: Path) -> None:
    """Two values may differ in a name that an override sets."""
    axes = {
        "cuda": {"12.8": {"set": {"base": "cuda"}}},
        "ubuntu": {"24.04": {"set": {"base": "ubuntu"}}},
    }
    overrides = [{"when": {"ubuntu": "24.04"}, "set": {"base": "both"}}]

    assert _bases(tmp_path, axes=axes, overrides=overrides) == ["both"]
    with pytest.raises(CompileError) as caught:
        _bases(tmp_path, axes=axes)
    assert [one.code for one in caught.value.diagnostics] == ["set-conflict"]


def test_two_values_that_both_fail(tmp_path: Path) -> None:
    """Two values whose settings cannot be rendered are two errors."""
    axes = {
        "cuda": {None: {"set": {"base": "y{{ cuda }}"}}},
        "ubuntu": {"24.04": {"set": {"base": "x{{ cuda }}"}}},
    }
    with pytest.raises(CompileError) as caught:
        _bases(tmp_path, axes=axes)

    assert [one.code for one in caught.value.diagnostics] == ["unprintable", "unprintable"]


def _printed(folder: Path, set_: dict[str, Any], text: str, **more: Any) -> list[str]:
    """Return what a text prints in each variant of an image `a`."""
    image = {"template": "Dockerfile.j2", "args": {"A": text}, "tags": ["r/a:{{ target }}"]}
    lay(folder, {"set": set_, "images": {"a": image}, **more})
    return [entry["args"]["A"] for entry in plan_json(folder)["targets"]]


def test_strings_see_final_values(tmp_path: Path) -> None:
    """A string of a low level sees what a higher level sets, in any order, at any depth."""
    set_ = {
        "base": "debian:{{ debian }}",
        "debian": "{{ first.name }}",
        "first": {"name": "trixie"},
        "names": {"list": ["{{ image }}", {"a": "{{ base }}"}]},
    }
    axes = {"os": {"new": {"set": {"debian": "forky"}}, "old": {}}}

    found = _printed(tmp_path, set_, "{{ base }} {{ names.list[1].a }}", axes={**axes})

    assert found == ["debian:forky debian:forky", "debian:trixie debian:trixie"]


def test_one_expression_keeps_its_type(tmp_path: Path) -> None:
    """A list, a number, true and null stay what they are; with other text it is text."""
    set_ = {
        "short": "{{ [version, go] }}",
        "go": "1.25",
        "count": "{{ 1 + 1 }}",
        "is_new": "{{ go == '1.25' }}",
        "nothing": "{{ none }}",
        "spaced": " {{ is_new }}",
        "lines": "{{ [1, 2] | map('string') }}\n",
    }
    text = (
        "{{ short | join('+') }} {{ count + 1 }} {{ is_new is true }} {{ nothing is none }}"
        "{{ spaced }} {{ lines | length }}{{ lines | join }}"
    )
    found = _printed(tmp_path, set_, text, axes={"version": ["1.25.3", "1.25.4"]})

    assert found == [f"{one}+1.25 3 true true true 212" for one in ("1.25.3", "1.25.4")]


def test_numbers_and_flags_are_kept_apart(tmp_path: Path) -> None:
    """Values that are equal in Python are printed as what they are in each variant."""
    values = {"a": "{{ 1 }}", "b": True, "c": "{{ 1.0 }}"}
    axes = {"kind": {name: {"set": {"x": value}} for name, value in values.items()}}

    assert _printed(tmp_path, {}, "{{ x }}", axes=axes) == ["1", "true", "1.0"]


@pytest.mark.parametrize("name", ["target", "variant", "parent", "platform"])
def test_names_that_set_does_not_see(name: str, tmp_path: Path) -> None:
    """`set` is evaluated before the target has a name."""
    with pytest.raises(CompileError) as caught:
        _printed(tmp_path, {"x": f"a{{{{ {name} }}}}"}, "{{ x }}")

    assert [one.code for one in caught.value.diagnostics] == ["undefined-name"]


def test_a_failure_is_reported_once(tmp_path: Path) -> None:
    """What uses a value that cannot be evaluated is not reported."""
    with pytest.raises(CompileError) as caught:
        _printed(tmp_path, {"x": "{{ nowhere }}", "y": "{{ x }}", "z": "{{ y }}"}, "{{ z }}")

    (error,) = caught.value.diagnostics
    assert error.code == "undefined-name"


def test_a_replaced_value_is_part_of_no_cycle(tmp_path: Path) -> None:
    """Only the final values of a variant count."""
    axes = {"os": {"a": {"set": {"x": "1"}}, "b": {"set": {"y": "2"}}}}

    assert _printed(tmp_path, {"x": "{{ y }}", "y": "{{ x }}"}, "{{ x }}{{ y }}", axes=axes) == [
        "11",
        "22",
    ]


@pytest.mark.slow
def test_a_long_chain_is_evaluated(tmp_path: Path) -> None:
    """The depth of a chain is not that of Python's stack."""
    set_: dict[str, Any] = {f"n{n}": f"{{{{ n{n + 1} }}}}" for n in range(2000)}

    assert _printed(tmp_path, {**set_, "n2000": "end"}, "{{ n0 }}") == ["end"]
