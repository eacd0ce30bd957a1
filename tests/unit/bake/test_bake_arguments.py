"""The arguments of a bake invocation."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.bake.bake_arguments import NO_CACHE, bake_arguments
from compiler.bake.results import BakeOptions


CONTEXTS = {"a": {}, "b": {"a": "a"}, "c": {"b": "b"}}


@pytest.mark.parametrize(
    ("no_cache", "finished", "arguments"),
    [
        (True, [], ["--no-cache", "--set=b.labels.x=1", f"--set=b.{NO_CACHE}"]),
        (True, ["a", "b"], ["--set=b.labels.x=1", f"--set=c.{NO_CACHE}"]),
        (True, ["a"], ["--set=b.labels.x=1", f"--set=b.{NO_CACHE}", f"--set=c.{NO_CACHE}"]),
        (False, [], ["--set=b.labels.x=1", f"--set=b.{NO_CACHE}"]),
        (False, ["a"], ["--set=b.labels.x=1", f"--set=b.{NO_CACHE}"]),
        (False, ["a", "b"], ["--set=b.labels.x=1", f"--set=c.{NO_CACHE}"]),
    ],
)
def test_each_target_is_built_without_cache_once(
    no_cache: bool,  # noqa: FBT001
    finished: list[str],
    arguments: list[str],
    tmp_path: Path,
) -> None:
    """A parent that an earlier batch built without the cache is not rebuilt for its children."""
    options = BakeOptions(
        folder=tmp_path, no_cache=no_cache, overrides={"b": ["labels.x=1", NO_CACHE]}
    )

    assert bake_arguments(["c"], options, CONTEXTS, {}, finished) == arguments
