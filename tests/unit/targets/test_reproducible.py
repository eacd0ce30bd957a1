"""`reproducible: true`: the fields that it sets, below those of the matrix."""

from __future__ import annotations

from pathlib import Path

import pytest
from bake.oracle import lay, plan_json


SET = {
    "args": {"SOURCE_DATE_EPOCH": "315619200"},
    "attest": ["type=provenance,disabled=true"],
    "output": ["type=image,rewrite-timestamp=true,store=false"],
}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, SET),
        (
            {"args": {"A": "1", "SOURCE_DATE_EPOCH": "7"}},
            {**SET, "args": {"SOURCE_DATE_EPOCH": "7", "A": "1"}},
        ),
        (
            {"attest": ["type=sbom"]},
            {**SET, "attest": ["type=sbom", "type=provenance,disabled=true"]},
        ),
        (
            {"attest": ["type=provenance,mode=max"]},
            {**SET, "attest": ["type=provenance,mode=max"]},
        ),
        (
            {
                "output": [
                    "type=registry,compression=zstd",
                    "type=image,rewrite-timestamp=false,store=true",
                    "type=oci,dest=a.tar",
                    "type=docker",
                    "type=local,dest=out",
                ]
            },
            {
                **SET,
                "output": [
                    "type=registry,compression=zstd,rewrite-timestamp=true,store=false",
                    "type=image,rewrite-timestamp=false,store=true",
                    "type=oci,dest=a.tar,rewrite-timestamp=true",
                    "type=docker",
                    "type=local,dest=out",
                ],
            },
        ),
    ],
)
def test_what_it_sets(
    fields: dict[str, object], expected: dict[str, object], tmp_path: Path
) -> None:
    """Arguments, attestations and outputs of the matrix stay; the rest is added to them."""
    image = {"template": "Dockerfile.j2", "reproducible": True, **fields}
    lay(tmp_path, {"images": {"a": image}})

    (target,) = plan_json(tmp_path)["targets"]

    assert {name: target[name] for name in expected} == expected
    assert target["reproducible"] is True


def test_a_level_above_turns_it_off(tmp_path: Path) -> None:
    """It is a field like others: of `defaults`, images, values, rows and overrides."""
    matrix = {
        "axes": {"n": ["1", "2"]},
        "defaults": {"template": "n.j2", "reproducible": True},
        "images": {"a": {"overrides": [{"when": {"n": "2"}, "reproducible": False}]}},
    }
    lay(tmp_path, matrix, {"templates/n.j2": "FROM scratch\n# {{ n }}\n"})

    first, second = plan_json(tmp_path)["targets"]

    assert "args" in first
    assert not {"args", "attest", "output", "reproducible"} & second.keys()
