"""Fixtures of the tests that run bake."""

import pytest


@pytest.fixture(params=["buildx", "old_buildx"])
def either(request: pytest.FixtureRequest) -> list[str]:
    """Return a current buildx, and the oldest supported one."""
    return [str(request.getfixturevalue(request.param))]
