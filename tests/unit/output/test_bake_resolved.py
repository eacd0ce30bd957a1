"""Resolved plans: what bake would read, each part computed once in a run."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compiler import pipeline
from compiler.bake import preconditions
from compiler.cli.main import run
from compiler.lock import apply
from compiler.output import bake_resolved
from compiler.output.bake_resolved import ResolvedPlan
from compiler.pipeline import compile_matrix
from compiler.publish import publish
from compiler.publish.items import record_repositories, release_items
from compiler.publish.request import PublishRequest


MATRIX = """\
variables:
  REGISTRY: docker.io/acme
  VERSION: v1
  FULL: "${REGISTRY}/all"
axes:
  python: [3.11, 3.12]
images:
  base:
    template: Dockerfile.j2
    tags: ["${REGISTRY}/base:{{ variant }}-${VERSION}", "${REGISTRY}/base:{{ variant }}-${VERSION}"]
    moving: ["${REGISTRY}/base:{{ variant }}"]
  untagged: {template: Dockerfile.j2, axes: []}
publish: {version: "${VERSION}"}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder: a compiled project with a lock."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "Dockerfile.j2").write_text("FROM scratch\n")
    (tmp_path / "matrix.yaml").write_text(MATRIX)
    (tmp_path / "matrix.lock").write_text("version: 1\nrefreshed:\n  base-3_11: 2026-01-02\n")
    assert run([]) == 0
    return tmp_path


def resolved(project: Path, **environment: str) -> ResolvedPlan:
    """Return the project's plan for an environment."""
    return ResolvedPlan(compile_matrix(project / "matrix.yaml").plan, environment)


def test_variables_come_from_the_environment_or_their_defaults(project: Path) -> None:
    """A default that refers to another variable sees the value of the environment."""
    assert resolved(project, REGISTRY="r.example/x", HOME="/").variables == {
        "REGISTRY": "r.example/x",
        "VERSION": "v1",
        "FULL": "r.example/x/all",
    }


def test_tags_and_repositories_are_resolved(project: Path) -> None:
    """Tags are unique; a target without tags has no repository, unless there is a common one."""
    plan = resolved(project)
    (target, *_) = plan.plan.targets

    assert plan.version_tags(target) == ("docker.io/acme/base:3.11-v1",)
    assert plan.floating_tags(target) == ("docker.io/acme/base:3.11",)
    own = dict.fromkeys(("base-3_11", "base-3_12"), "docker.io/acme/base")
    assert (plan.repositories, plan.staging) == (own, own)

    text = MATRIX.replace('"${VERSION}"}', '"${VERSION}", staging: "${FULL}"}')
    (project / "matrix.yaml").write_text(text)
    plan = resolved(project)
    assert plan.repositories == own
    assert plan.staging == {
        **dict.fromkeys(own, "docker.io/acme/all"),
        "untagged": "docker.io/acme/all",
    }


def test_another_version_is_another_resolution(project: Path) -> None:
    """A variable with another value changes what refers to it; the same value changes nothing."""
    plan = resolved(project)
    (target, *_) = plan.plan.targets

    assert plan.with_variable("VERSION", "v1").variables is plan.variables
    assert plan.with_variable("VERSION", "v2").version_tags(target) == (
        "docker.io/acme/base:3.11-v2",
    )
    assert plan.version_tags(target) == ("docker.io/acme/base:3.11-v1",)


def counted(monkeypatch: pytest.MonkeyPatch, calls: Counter[str], place: Any, name: str) -> None:
    """Count the calls of a function, wherever it is imported from its module later."""
    function: Callable[..., Any] = getattr(place, name)

    def counting(*arguments: Any, **options: Any) -> Any:
        calls[name] += 1
        return function(*arguments, **options)

    monkeypatch.setattr(place, name, counting)


@pytest.mark.usefixtures("project")
def test_a_release_resolves_its_plan_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Preparing a release plans, resolves and compiles once, and reads the lock once."""
    calls: Counter[str] = Counter()
    counted(monkeypatch, calls, pipeline, "plan_matrix")
    counted(monkeypatch, calls, pipeline, "compile_plan")
    counted(monkeypatch, calls, bake_resolved, "resolve_variables")
    counted(monkeypatch, calls, bake_resolved, "_fields")
    counted(monkeypatch, calls, apply, "read_lock")
    requests: list[PublishRequest] = []

    def prepare(request: PublishRequest, *_: object) -> None:
        requests.append(request)
        items = release_items(request.resolved, request.fingerprints, request.dockerfiles)
        assert list(items) == ["base-3_11", "base-3_12"]
        assert record_repositories(request.resolved) == ["docker.io/acme/base"]
        raise KeyboardInterrupt

    monkeypatch.setattr(preconditions, "require_buildx", lambda: None)
    monkeypatch.setattr(publish, "publish", prepare)

    assert run(["publish"]) == 130

    (request,) = requests
    assert request.refreshed == {"base-3_11"}
    assert calls == {
        "plan_matrix": 1,
        "compile_plan": 1,
        "resolve_variables": 1,
        "_fields": len(request.resolved.plan.targets),
        "read_lock": 1,
    }
