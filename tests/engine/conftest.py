"""Fixtures of the tests that disturb a release: a project with a registry of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support import proxy, registry
from support.engine import Engine
from support.interrupted_project import Project
from support.killable_registry import KillableRegistry


@pytest.fixture(scope="module")
def released(
    engine: Engine, registry_program: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    """Provide a project with a released v1; `storage` next to it is a copy of the registry."""
    folder = tmp_path_factory.mktemp("released")
    shelf = KillableRegistry(registry_program, folder / "shelf")
    found = Project(engine, folder / "project", shelf)
    found.release_first()
    registry.copy(shelf.storage, folder / "storage")
    yield found
    shelf.close()


@pytest.fixture
def project(released: Project, tmp_path: Path) -> Iterator[Project]:
    """Provide a project with a released v1 and changed content."""
    released.shelf.restore(released.folder.parent / "storage")
    yield released.twin(tmp_path / "project")
    for running in released.started:
        running.kill()
        running.communicate()
    released.started.clear()


@pytest.fixture
def between(project: Project) -> Iterator[proxy.Proxy]:
    """Provide a proxy between the project and its registry."""
    with proxy.before(project.shelf.address) as found:
        project.address = found.address
        yield found
