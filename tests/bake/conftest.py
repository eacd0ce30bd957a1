"""What the tests of bake share."""

import pytest


@pytest.fixture(params=["buildx", "old_buildx"])
def either(request: pytest.FixtureRequest) -> list[str]:
    """Give a present buildx, and the oldest that is promised."""
    return [str(request.getfixturevalue(request.param))]
