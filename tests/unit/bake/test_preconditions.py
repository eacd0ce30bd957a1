"""What is checked before a build."""

from __future__ import annotations

import pytest

from compiler.bake.preconditions import reject_filters
from compiler.errors import CompileError


def test_all_filters_in_the_environment_are_reported() -> None:
    """Each is an error, unless it is empty."""
    with pytest.raises(CompileError) as caught:
        reject_filters({"ONLY_GPU": "true", "ONLY_PYTHON": "3.9", "ONLY_IMAGE": " ", "X": "1"})

    assert [d.location.text for d in caught.value.diagnostics] == [
        "ONLY_GPU=true",
        "ONLY_PYTHON=3.9",
    ]
