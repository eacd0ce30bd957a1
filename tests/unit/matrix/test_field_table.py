"""The field table has one row for each field, and every package supports each row."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from bake.oracle import lay, plan_json

from compiler.constants import OLDEST_BUILDX
from compiler.fingerprint.set_overrides import DECIDING, override
from compiler.matrix.field_table import BAKE_ROWS, ROWS, TABLE, FieldRow, Kind, Syntax
from compiler.matrix.json_schema import schema
from compiler.matrix.model import ImageOptions, Override, keys
from compiler.output.bake_fields import COMPARED, PASSED, normal
from compiler.output.bake_resolved import ResolvedPlan
from compiler.pipeline import compile_matrix
from compiler.targets.field_syntax import CHECKS


DOCS = Path(__file__).parents[3] / "docs"

SAMPLES = {
    "target": "final",
    "annotations": {"org.example.a": "x"},
    "attest": ["type=sbom"],
    "cache": {"type": "registry", "ref": "acme/cache:{{ target }}"},
    "cache-from": ["type=registry,ref=acme/cache:a"],
    "cache-to": ["type=registry,ref=acme/cache:a"],
    "context": "templates",
    "contexts": {"other": "templates"},
    "entitlements": ["network.host"],
    "extra-hosts": {"example.org": "10.0.0.1"},
    "network": "none",
    "output": ["type=cacheonly"],
    "platforms": ["linux/arm64"],
    "policy": ["filename=extra.rego,strict=true"],
    "resources": ["memory=2g", "cpuset-cpus=0-3"],
    "secret": ["id=token,env=TOKEN"],
    "shm-size": "2g",
    "ssh": ["default"],
    "ulimits": ["nofile=1024:2048"],
}
"""Valid values of fields with a syntax."""

BY_KIND = {
    Kind.TEXT: "text",
    Kind.FLAG: True,
    Kind.LIST: ["a"],
    Kind.RECORDS: ["type=a"],
    Kind.MAPPING: {"a": "b"},
    Kind.PAIRS: {"a": "b"},
    Kind.TAGS: {"tags": ["acme/a:1"], "moving": ["acme/a:2"]},
    Kind.TESTS: {"shell": ["a"], "labels": {"b": "c"}},
}


def sample(row: FieldRow) -> object:
    """Return a valid value of a field."""
    return SAMPLES.get(row.name, BY_KIND.get(row.kind))


def each(*rows: FieldRow) -> pytest.MarkDecorator:
    """Run a test for each of these rows."""
    return pytest.mark.parametrize("row", rows, ids=[row.name for row in rows])


def test_names_are_unique() -> None:
    """No name has two rows."""
    assert len(ROWS) == len(TABLE)


@each(*TABLE)
def test_the_schema_knows_the_row(row: FieldRow) -> None:
    """Images and overrides accept the field; schema and documentation describe it."""
    assert keys(ImageOptions)[row.name] == row.description
    assert keys(Override)[row.name] == row.description
    properties = schema()["definitions"]["image"]["properties"]
    assert properties[row.name]["description"] == row.description
    assert f"`{row.name}`" in (DOCS / "matrix.md").read_text()


@each(*TABLE)
def test_a_row_without_description_is_incomplete(row: FieldRow) -> None:
    """A description is one line that ends with a full stop."""
    assert row.description.endswith(".")
    assert "\n" not in row.description


@each(*TABLE)
def test_a_target_has_the_field(row: FieldRow, tmp_path: Path) -> None:
    """The field is compiled into matrix.json, and those of bake into the bake file as well."""
    image = {"template": "Dockerfile.j2", "platforms": ["linux/arm64"], row.name: sample(row)}
    lay(tmp_path, {"images": {"a": image}}, {"templates/Dockerfile.j2": "FROM scratch AS final\n"})
    (target,) = plan_json(tmp_path)["targets"]

    key = {"target": "stage", "platform-tags": "platform_tags"}.get(row.name, row.name)
    assert target[key]
    if row.in_bake:
        assert f"  {row.name} = " in (tmp_path / "docker-bake.hcl").read_text()


@each(*BAKE_ROWS)
def test_comparison_knows_the_row(row: FieldRow) -> None:
    """A field is compared, or is listed as one that does not change an image."""
    assert row.name in COMPARED or row.name in PASSED


@each(*(row for row in BAKE_ROWS if row.name in COMPARED))
def test_a_default_means_nothing(row: FieldRow) -> None:
    """A field with its default value equals a missing field."""
    if row.default:
        assert normal({row.name: row.default}) == normal({})


@each(*BAKE_ROWS)
def test_fingerprints_know_the_row(row: FieldRow, tmp_path: Path) -> None:
    """A field is an input of the fingerprint, or `--set` of it does not change the fingerprint."""
    if not row.decides and row.name != "description":
        key = {"secret": "secrets"}.get(row.name, row.name)
        name = ".a" if row.kind is Kind.MAPPING else ""
        lay(tmp_path, {"images": {"t": {"template": "Dockerfile.j2"}}})
        resolved = ResolvedPlan(compile_matrix(tmp_path / "matrix.yaml").plan, {})
        assert override(resolved, [f"t.{key}{name}=x"]).fields == resolved.fields
    assert (row.name in DECIDING) == row.decides


def test_every_syntax_has_a_check() -> None:
    """Each syntax is checked, and used by a row."""
    used = {syntax for row in TABLE for syntax in (row.syntax, row.keys)}
    assert set(CHECKS) == set(Syntax) == used - {None}


@each(*(row for row in TABLE if row.since))
def test_a_newer_field_names_its_version(row: FieldRow) -> None:
    """A version is newer than the oldest that is supported."""
    assert tuple(map(int, row.since.split("."))) > OLDEST_BUILDX


def test_the_table_loads_nothing_slow() -> None:
    """`--help` loads the table, so it imports no library and no dataclass."""
    program = "import compiler.output.bake_fields, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    ).stdout.split()

    assert not {"pydantic_core", "jinja2", "yaml", "requests", "dataclasses"} & set(loaded)
