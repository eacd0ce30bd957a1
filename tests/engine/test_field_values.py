"""Bake accepts and rejects values of fields as compiling does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.engine import Engine
from support.field_values import ACCEPTED, REJECTED


def rejection(engine: Engine, folder: Path, field: str, value: object) -> str:
    """Return why bake cannot check a target with this value of a field; empty if it can."""
    if field == "annotations" and isinstance(value, dict):
        value = [f"{key}={text}" for key, text in value.items()]
    (folder / "context").mkdir(exist_ok=True)
    (folder / "context/index.json").touch()
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    target = {"dockerfile": "../Dockerfile", "context": "context", field: value}
    (folder / "docker-bake.json").write_text(json.dumps({"target": {"default": target}}))
    done = engine.docker("buildx", "bake", "--call=check", "--allow=fs=*", cwd=folder, check=False)
    return done.stderr if done.returncode else ""


@pytest.mark.parametrize("field", ACCEPTED)
def test_bake_accepts(engine: Engine, tmp_path: Path, field: str) -> None:
    """The values that unit tests accept are valid for bake."""
    found = {str(value): rejection(engine, tmp_path, field, value) for value in ACCEPTED[field]}

    assert found == dict.fromkeys(found, "")


@pytest.mark.parametrize("field", REJECTED)
def test_bake_rejects(engine: Engine, tmp_path: Path, field: str) -> None:
    """The values that unit tests reject are invalid for bake."""
    found = {str(value): rejection(engine, tmp_path, field, value) for value in REJECTED[field]}

    assert [value for value, reason in found.items() if not reason] == []
