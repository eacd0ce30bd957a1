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
        "cuda": {None: {"set": {"base": "{{ cuda }}"}}},
        "ubuntu": {"24.04": {"set": {"base": "x{{ cuda }}"}}},
    }
    with pytest.raises(CompileError) as caught:
        _bases(tmp_path, axes=axes)

    assert [one.code for one in caught.value.diagnostics] == ["unprintable", "unprintable"]
