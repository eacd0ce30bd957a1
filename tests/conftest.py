"""Options, markers and fixtures that all tests share: the buildx programs and the Docker engine.

A test is skipped where the machine cannot provide what it needs. Under CI=true it fails instead.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings


sys.path.insert(0, str(Path(__file__).parent))

from support import engine as engines
from support import go_programs, tools
from support.packages import Unavailable


if TYPE_CHECKING:
    from playwright.sync_api import Browser

T = TypeVar("T")

# The duration of an example depends on the machine, so it must not fail a test.
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
    """Prepare the environment and the signals of the programs that tests start.

    Child processes inherit ignored signals, so tests could not interrupt the programs that they
    start. A shell ignores some signals in the processes that it starts with `&`. The commands that
    tests run in a workflow must not write to its summary.
    """
    go_programs.save_time()
    os.environ.pop("GITHUB_STEP_SUMMARY", None)
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            interrupt = number == signal.SIGINT
            signal.signal(number, signal.default_int_handler if interrupt else signal.SIG_DFL)


def pytest_collection_finish() -> None:
    """Let the garbage collector ignore what was imported and collected, and run less often."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests that use an engine; order the tests of workers."""
    for item in items:
        if isinstance(item, pytest.Function) and "engine" in item.fixturenames:
            item.add_marker("engine")
    if hasattr(config, "workerinput"):
        items.sort(key=_turn)


def _turn(item: pytest.Item) -> tuple[int, int]:
    """Return when a test runs, so that the workers end at about the same time.

    Long tests come first, while base images are made. Files that need an engine or a browser
    follow, the longest first. Short tests fill the gaps.
    """
    folder = item.path.parent.name
    if folder in {"browser", "engine"}:
        return (1, -item.path.stat().st_size)
    return (0, 0) if folder in {"bake", "ci", "fuzz", "search"} else (2, 0)


def _prepare_engines(config: pytest.Config) -> None:
    """Begin to make what engines need; the run ends after that."""
    preparing = subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "support" / "prepare.py")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def wait() -> None:
        preparing.wait()

    config.add_cleanup(wait)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Run all tests of a file on one worker, with `--dist loadfile`.

    Each worker starts an engine of its own, because tests count executed build steps and prune the
    build cache. If the workers share the user's engine, one worker runs all tests that use it.
    """
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

    shared = engines.is_shared()
    if not shared and "not engine" not in config.option.markexpr:
        _prepare_engines(config)
    config.option.loadscopereorder = False  # the order is that of `_turn`

    class EngineScheduling(LoadFileScheduling):  # type: ignore[misc]
        """A shared engine is used by one worker."""

        def _split_scope(self, nodeid: str) -> str:
            scope: str = super()._split_scope(nodeid)
            return "engine" if shared and "/engine/" in scope else scope

    return EngineScheduling(config, log)


@pytest.fixture(scope="session")
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Return whether tests rewrite their expected outputs; refused in CI, where nobody reviews."""
    update = bool(request.config.getoption("--update-golden"))
    if update and os.environ.get("CI") == "true":
        pytest.fail("--update-golden needs a person who reviews the changes")
    return update


@pytest.fixture(scope="session")
def buildx() -> Path:
    """Return the path of a current buildx, which runs without Docker: `BUILDX bake --print`."""
    return _provide(tools.buildx_new)


@pytest.fixture(scope="session")
def old_buildx() -> Path:
    """Return the path of buildx 0.13.1, the oldest supported version, for `bake --print`."""
    return _provide(tools.buildx_old)


@pytest.fixture(scope="session")
def cosign() -> Path:
    """Return the path of a current cosign."""
    return _provide(tools.cosign)


@pytest.fixture(scope="session")
def compose() -> Path:
    """Return the path of a current Docker Compose, which runs without Docker: `COMPOSE config`."""
    return _provide(tools.compose)


@pytest.fixture(scope="session")
def arm64_buildx() -> list[str]:
    """Return the command of a buildx whose own platform is linux/arm64."""
    return _provide(tools.buildx_arm64)


@pytest.fixture(scope="session")
def engine() -> Iterator[engines.Engine]:
    """Start an engine with a registry; tests share it, so each uses names of its own."""
    running = engines.running()
    yield _provide(running.__enter__)
    running.__exit__(None, None, None)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Start a browser; each test has a context of its own."""
    from support import browser

    running = browser.chromium()
    yield _provide(running.__enter__)
    running.__exit__(None, None, None)


@pytest.fixture(scope="session")
def registry_program() -> Path:
    """Return the path of a registry's executable, for tests that start one."""
    return _provide(tools.docker) / "usr" / "bin" / "docker-registry"


def _provide(create: Callable[[], T]) -> T:
    """Return what the machine provides; otherwise skip the test, or fail it in CI."""
    try:
        return create()
    except Unavailable as problem:
        if os.environ.get("CI") == "true":
            pytest.fail(str(problem))
        pytest.skip(str(problem))
