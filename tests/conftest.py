"""Fixtures that lend the tests the real thing: buildx, and an engine with a registry.

Where this machine cannot give it, tests that need it are skipped; under CI=true they fail, for an
oracle that is skipped is no oracle.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings


sys.path.insert(0, str(Path(__file__).parent))

from support import engine as engines
from support import tools
from support.packages import Unavailable


T = TypeVar("T")

# How long an example takes says more of the machine than of what is tried.
settings.register_profile(
    "unhurried", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unhurried")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--update-golden`."""
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite the expected outputs of golden tests"
    )


def pytest_sessionstart() -> None:
    """Let programs that tests run be stopped, also where this one was started behind a shell's `&`.

    A signal that is ignored stays ignored in every program that is started.
    """
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            interrupt = number == signal.SIGINT
            signal.signal(number, signal.default_int_handler if interrupt else signal.SIG_DFL)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses an engine, so that `-m "not engine"` leaves it out."""
    for item in items:
        if isinstance(item, pytest.Function) and "engine" in item.fixturenames:
            item.add_marker("engine")


@pytest.fixture(scope="session")
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Return whether tests rewrite their expected outputs; refused in CI, where nobody reviews."""
    update = bool(request.config.getoption("--update-golden"))
    if update and os.environ.get("CI") == "true":
        pytest.fail("--update-golden needs a person who reviews the changes")
    return update


@pytest.fixture(scope="session")
def buildx() -> Path:
    """Give a present buildx: its program runs alone, as `BUILDX bake --print`."""
    return _lent(tools.buildx_new)


@pytest.fixture(scope="session")
def old_buildx() -> Path:
    """Give buildx 0.13.1, the oldest that must accept a bake file; enough for `bake --print`."""
    return _lent(tools.buildx_old)


@pytest.fixture(scope="session")
def arm64_buildx() -> list[str]:
    """Give the command of a buildx that takes itself to be on ARM Linux."""
    return _lent(tools.buildx_arm64)


@pytest.fixture(scope="session")
def engine() -> Iterator[engines.Engine]:
    """Give an engine with a registry, for all tests together: each takes names of its own."""
    lent = engines.running()
    yield _lent(lent.__enter__)
    lent.__exit__(None, None, None)


@pytest.fixture(scope="session")
def registry_program() -> Path:
    """Give the program of a registry, for tests that need one of their own."""
    return _lent(tools.docker) / "usr" / "bin" / "docker-registry"


def _lent(take: Callable[[], T]) -> T:
    try:
        return take()
    except Unavailable as problem:
        if os.environ.get("CI") == "true":
            pytest.fail(str(problem))
        pytest.skip(str(problem))
