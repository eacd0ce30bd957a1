"""The images of a release as variables of a shell."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest

from compiler.errors import DiagnosticError
from compiler.releases.consumers import format_variables, image_references
from compiler.releases.record import (
    RecordedPlatformTags,
    ReleasedIndex,
    ReleasedTarget,
    ReleaseRecord,
)


DIGEST = f"sha256:{'1' * 64}"
TARGET = ReleasedTarget(
    target="server-3_11",
    tags=("r.example/server:3.11-v1",),
    moving=(),
    digest=DIGEST,
    platforms={},
    attestations={},
    fingerprint=DIGEST,
    bases={},
    state="built",
    seconds=1.0,
    bytes=1,
)


PLATFORM_TAGS = RecordedPlatformTags("linux/arm64", ("r.example/each:arm",), ())


def variables(*targets: ReleasedTarget) -> str:
    """Return the lines of a release."""
    record = ReleaseRecord(release="v1", targets=targets)
    return format_variables("v1", image_references(record))


def test_a_line_for_each_target() -> None:
    """A target without a tag has no image for consumers."""
    staged = replace(TARGET, target="staged", tags=())
    floating = replace(TARGET, target="a", tags=(), moving=("localhost:5000/a:latest",))

    assert variables(TARGET, staged, floating) == (
        f"IMAGE_SERVER_3_11=r.example/server@{DIGEST}\nIMAGE_A=localhost:5000/a@{DIGEST}\n"
    )


def test_targets_that_only_an_index_contains() -> None:
    """The image of one platform is in the index; several platforms are the index itself.

    Tags of several single platforms name no image of the target.
    """
    digests = [f"sha256:{number * 64}" for number in "2345"]
    arm, both = (
        replace(TARGET, target=name, tags=(), platforms=platforms)
        for name, platforms in (
            ("arm", {"linux/arm64": digests[0]}),
            ("both", {"linux/amd64": digests[1], "linux/s390x": digests[2]}),
        )
    )
    index = ReleasedIndex(
        targets=("arm", "both"), tags=("r.example/all:v1",), moving=(), digest=digests[3]
    )
    alone = replace(both, target="alone", platform_tags=(PLATFORM_TAGS,))
    one = replace(arm, target="one", platform_tags=(PLATFORM_TAGS,))
    targets = (TARGET, arm, both, alone, one)
    record = ReleaseRecord(release="v1", targets=targets, indexes=(index,))

    assert image_references(record) == {
        "server-3_11": f"r.example/server@{DIGEST}",
        "arm": f"r.example/all@{digests[0]}",
        "both": f"r.example/all@{digests[3]}",
        "one": f"r.example/each@{digests[0]}",
    }


@pytest.mark.parametrize("name", ["PATH", "a b", "$(touch x)", "a=b;c", "\u0131", "3.11", ""])
def test_names_are_safe(name: str) -> None:
    """Whatever a record contains, a shell assigns one variable of ours and executes nothing."""
    target = replace(TARGET, target=name, tags=("[::1]:5000/a:1",))

    lines = variables(target)
    variable, _, _ = lines.partition("=")
    script = f'eval "$1"; printf %s "${variable}"'
    done = subprocess.run(
        ["sh", "-c", script, "sh", lines], check=True, capture_output=True, text=True
    )

    assert variable.startswith("IMAGE_")
    assert done.stdout == f"[::1]:5000/a@{DIGEST}"
    assert done.stderr == ""


def test_targets_with_the_same_variable() -> None:
    """They are an error, since one would silently replace the other."""
    with pytest.raises(DiagnosticError) as caught:
        variables(TARGET, replace(TARGET, target="server_3-11"))

    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "name-collision"
    assert diagnostic.message == (
        "server-3_11 and server_3-11 have the same variable IMAGE_SERVER_3_11"
    )
