"""What is checked before a build."""

from __future__ import annotations

from pathlib import Path

import pytest
from bake.oracle import lay

from compiler.bake.preconditions import reject_filters, require_fields
from compiler.errors import Argument, CompileError
from compiler.external import buildx
from compiler.pipeline import plan_matrix
from compiler.source.project_files import Files
from compiler.targets.plan import Plan


def test_all_filters_in_the_environment_are_reported() -> None:
    """Each is an error, unless it is empty."""
    with pytest.raises(CompileError) as caught:
        reject_filters({"ONLY_GPU": "true", "ONLY_PYTHON": "3.9", "ONLY_IMAGE": " ", "X": "1"})

    assert [
        (d.location.name, d.location.text)
        for d in caught.value.diagnostics
        if isinstance(d.location, Argument)
    ] == [
        ("ONLY_GPU", "ONLY_GPU=true"),
        ("ONLY_PYTHON", "ONLY_PYTHON=3.9"),
    ]


def plan_with(folder: Path, **fields: object) -> Plan:
    """Plan a matrix of one image with these fields."""
    lay(folder, {"images": {"server": {"template": "Dockerfile.j2", **fields}}})
    return plan_matrix(Files(folder), "matrix.yaml")


@pytest.mark.parametrize("installed", [(0, 13), (0, 29), (0, 30)])
def test_a_policy_requires_a_buildx_that_knows_it(
    installed: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older buildx would ignore the policy, so the build is rejected."""
    monkeypatch.setattr(buildx, "version", lambda: installed)
    plan = plan_with(tmp_path, policy=["filename=extra.rego"])

    with pytest.raises(CompileError, match=r"ignores the field 'policy', .* 0\.31 or later"):
        require_fields(plan)


@pytest.mark.parametrize("installed", [(0, 31), (1, 0), None])
def test_a_policy_is_accepted_by_a_newer_buildx(
    installed: tuple[int, int] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A buildx that knows the field, or states no version, is accepted."""
    monkeypatch.setattr(buildx, "version", lambda: installed)

    require_fields(plan_with(tmp_path, policy=["filename=extra.rego"]))


def test_other_fields_require_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fields that protect nothing are built without, as the warning says; docker is not run."""
    monkeypatch.delattr(buildx, "version")

    require_fields(plan_with(tmp_path, resources=["memory=2g"]))
