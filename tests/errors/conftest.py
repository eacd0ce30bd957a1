"""The option that writes what the tests expect: `pytest tests/errors --update-golden`."""

import os

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--update-golden`."""
    parser.addoption(
        "--update-golden", action="store_true", help="write the expected texts of tests/errors"
    )


@pytest.fixture(scope="session")
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Tell whether expected texts are to be written; never where no one would look at them."""
    wanted = bool(request.config.getoption("--update-golden", default=False))
    if wanted and os.environ.get("CI") == "true":
        pytest.fail("--update-golden is for people, who read what changed")
    return wanted
