"""Which targets are to blame for a failed batch."""

from __future__ import annotations

import json

from compiler.bake.blame import Blame, CommonCause, find_blame
from compiler.bake.rawjson import OutputReader


CLOSURES = {
    "a": frozenset({"a"}),
    "b": frozenset({"a", "b"}),
    "c": frozenset({"a", "c"}),
    "x": frozenset({"x"}),
}


def read(*messages: str, **errors: str) -> OutputReader:
    """Return the reader of an output: an error in a step of each target, then messages."""
    reader = OutputReader()
    for target, error in errors.items():
        step = {"digest": error, "name": f"[{target} 1/2] RUN x", "started": "now", "error": error}
        list(reader.read(json.dumps({"vertexes": [step]}).encode()))
    for message in messages:
        list(reader.read(message.encode()))
    return reader


def blame(
    reader: OutputReader,
    *batch: str,
    built: tuple[str, ...] = (),
    pinned: tuple[str, ...] = (),
) -> Blame:
    """Return the blame for a failed batch."""
    return find_blame(reader, batch, closures=CLOSURES, built=built, pinned=pinned)


def test_a_parent_is_to_blame_for_its_own_step() -> None:
    """Its children report the same step, and are not to blame."""
    reader = read(a="exit code: 1", b="exit code: 1", x="i/o timeout")

    assert blame(reader, "a", "b", "x") == Blame({"a": "exit code: 1"}, {"x": "timeout"})


def test_children_replace_a_parent_of_an_earlier_batch() -> None:
    """The parent was built once, so the failure concerns the targets that need it now."""
    found = blame(read(a="exit code: 1"), "b", "c", "x", built=("a",))

    assert list(found.permanent) == ["b", "c"]


def test_a_pinned_image_that_is_not_found_is_transient() -> None:
    """The image exists: only the registry failed to find it."""
    image = "r.example/a@sha256:1"

    found = blame(read(b=f"{image}: not found"), "b", pinned=(image,))

    assert found == Blame({}, {"b": "the registry did not find an existing image"})


def test_a_transient_message_concerns_the_whole_batch() -> None:
    """If bake names no target, all targets are retried."""
    found = blame(read("ERROR: failed to receive status: no such job"), "b", "x")

    assert found == Blame({}, {"b": "bake lost a build", "x": "bake lost a build"})


def test_an_unknown_cause_blames_no_target() -> None:
    """There is neither a failed step nor a known message."""
    assert blame(read("exit status 2"), "b", "x") == Blame({}, {})


def test_the_same_message_of_two_batches_is_a_common_cause() -> None:
    """One batch that fails twice with the same message proves nothing."""
    cause = CommonCause()

    assert not cause.recurs(["a"], "unknown flag")
    assert not cause.recurs(["a"], "unknown flag")
    assert not cause.recurs(["b"], "unknown builder")
    assert cause.recurs(["c"], "unknown builder")


def test_a_step_of_no_target_blames_no_target() -> None:
    """Otherwise such a name would count as failed, and the batch be retried endlessly."""
    assert blame(read(stage="exit code: 1"), "b") == Blame({}, {})
