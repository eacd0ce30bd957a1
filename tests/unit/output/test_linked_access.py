"""Secrets and SSH agents of linked targets are repeated on their dependents."""

from __future__ import annotations

from pathlib import Path

import pytest
from bake.oracle import lay

from compiler.output.bake_resolved import ResolvedPlan
from compiler.output.linked_access import with_linked_access
from compiler.pipeline import plan_matrix
from compiler.source.project_files import Files
from compiler.targets.plan import Plan


def plan_of(folder: Path, **images: dict[str, object]) -> Plan:
    """Plan a matrix of these images."""
    lay(
        folder, {"images": {name: {"template": "Dockerfile.j2", **i} for name, i in images.items()}}
    )
    return plan_matrix(Files(folder), "matrix.yaml")


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Provide a plan with direct and indirect links."""
    return plan_of(
        tmp_path,
        grandchild={"from": "child", "secret": ["type=env,id=token,env=TOKEN"], "tests": ["true"]},
        child={"from": "base", "ssh": ["git=/run/git.sock"]},
        base={"secret": ["id=token,env=TOKEN", "type=file,id=key,src=k.pem"], "ssh": ["default"]},
        copies={"contexts": {"tools": "target:child"}},
        other={"secret": ["id=token,env=OTHER"]},
    )


def test_each_dependent_has_them_once(plan: Plan) -> None:
    """An own identifier is not repeated; unrelated targets and the order of fields are kept."""
    targets = {target.name: target for target in with_linked_access(plan.targets)}

    access = {
        name: (list(target.fields.get("secret", ())), list(target.fields.get("ssh", ())))  # type: ignore[arg-type]
        for name, target in targets.items()
    }
    base = ["id=token,env=TOKEN", "type=file,id=key,src=k.pem"]
    assert access == {
        "grandchild": (
            ["type=env,id=token,env=TOKEN", "type=file,id=key,src=k.pem"],
            ["git=/run/git.sock", "default"],
        ),
        "child": (base, ["git=/run/git.sock", "default"]),
        "base": (base, ["default"]),
        "copies": (base, ["git=/run/git.sock", "default"]),
        "other": (["id=token,env=OTHER"], []),
    }
    assert list(targets["child"].fields).index("secret") < list(targets["child"].fields).index(
        "ssh"
    )


def test_without_secrets_nothing_is_copied(tmp_path: Path) -> None:
    """The usual plan is returned as it is."""
    plan = plan_of(tmp_path, base={}, child={"from": "base"})

    assert with_linked_access(plan.targets) == plan.targets
    assert all(a is b for a, b in zip(with_linked_access(plan.targets), plan.targets, strict=True))


def test_the_resolved_plan_is_what_bake_reads(plan: Plan) -> None:
    """It has the repeated secrets, too, and matrix.json only those of the author."""
    assert "secret" in ResolvedPlan(plan, {}).fields["copies"]
    assert "secret" not in {target.name: target for target in plan.targets}["copies"].fields
