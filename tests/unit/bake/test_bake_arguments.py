"""The arguments of a bake invocation."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.bake.bake_arguments import bake_arguments
from compiler.bake.results import BakeOptions


CONTEXTS = {"a": {}, "b": {"a": "a"}, "c": {"b": "b"}}


@pytest.mark.parametrize(
    ("no_cache", "finished", "arguments"),
    [
        (True, [], ["--no-cache", "--set=b.labels.x=1", "--set=b.no-cache=true"]),
        (True, ["a", "b"], ["--set=b.labels.x=1", "--set=c.no-cache=true"]),
        (True, ["a"], ["--set=b.labels.x=1", "--set=b.no-cache=true", "--set=c.no-cache=true"]),
        (False, [], ["--set=b.labels.x=1", "--set=b.no-cache=true"]),
        (False, ["a"], ["--set=b.labels.x=1", "--set=b.no-cache=true"]),
        (False, ["a", "b"], ["--set=b.labels.x=1", "--set=c.no-cache=true"]),
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
        folder=tmp_path,
        no_cache=no_cache,
        overrides={"b": ["labels.x=1"]},
        uncached=frozenset("b"),
    )

    assert bake_arguments(["c"], options, CONTEXTS, {}, finished) == arguments


MULTI = ("linux/amd64", "linux/arm64", "linux/s390x")


@pytest.mark.parametrize(
    ("batch", "platforms", "arguments"),
    [
        (["c"], {"a": MULTI, "b": MULTI, "c": MULTI[:2]}, ["a:amd64,arm64", "b:amd64,arm64"]),
        (["c"], {"a": MULTI, "b": MULTI, "c": ("linux/arm64/v8",)}, ["a:arm64", "b:arm64"]),
        (["b", "c"], {"a": MULTI, "b": MULTI[:2], "c": MULTI[:1]}, ["a:amd64,arm64"]),
        (["a", "c"], {"a": MULTI, "b": MULTI[1:], "c": MULTI[1:2]}, ["b:arm64"]),
        (["c"], {"a": MULTI, "c": MULTI[:2]}, ["a:amd64,arm64"]),
        (["c"], {"a": MULTI, "b": MULTI}, []),
        (["c"], {"a": MULTI, "b": MULTI, "c": MULTI}, []),
        (["a", "b", "c"], {"a": MULTI, "b": MULTI, "c": MULTI[:1]}, []),
    ],
)
def test_linked_targets_are_built_for_the_platforms_that_the_batch_needs(
    batch: list[str], platforms: dict[str, tuple[str, ...]], arguments: list[str], tmp_path: Path
) -> None:
    """Targets of the batch keep all their platforms; others have those that the batch needs."""
    found = bake_arguments(batch, BakeOptions(folder=tmp_path), CONTEXTS, {}, (), platforms)

    assert found == [
        f"--set={name}.platform=linux/{platform}"
        for name, _, listed in (text.partition(":") for text in arguments)
        for platform in listed.split(",")
    ]


def test_pinned_targets_need_no_platforms(tmp_path: Path) -> None:
    """A target that an existing image replaces is not built."""
    platforms = {"a": MULTI, "b": MULTI, "c": MULTI[:1]}
    found = bake_arguments(
        ["c"], BakeOptions(folder=tmp_path), CONTEXTS, {"b": "r/b@x"}, (), platforms
    )

    assert found == ["--set=c.contexts.b=docker-image://r/b@x"]
