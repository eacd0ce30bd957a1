"""What a release would do, as text and JSON."""

from __future__ import annotations

import json

from compiler.publish.output import PublishFormat
from compiler.publish.preview import Preview, PreviewedTarget
from compiler.publish.preview_output import format_preview
from compiler.publish.result import KeptReason, KeptTag


DIGEST = f"sha256:{'1' * 64}"
PREVIEW = Preview(
    release="v2",
    targets=(
        PreviewedTarget(
            target="base",
            state="reuse",
            digest=DIGEST,
            create=("r/base:v2",),
            move=(),
            kept={},
            checks=(),
        ),
        PreviewedTarget(
            target="child",
            state="build",
            digest=None,
            create=("r/child:v2",),
            move=("r/child:a",),
            kept={"r/child:latest": KeptTag("v3", KeptReason.NEWER)},
            checks=("scan", "gpu"),
        ),
    ),
    unreadable=(),
)


def test_text() -> None:
    """The table shows which tags are created and moved; the last line counts them."""
    assert format_preview(PREVIEW, PublishFormat.TABLE) == (
        "TARGET  STATE  DIGEST               CREATED TAGS  MOVED TAGS\n"
        "base    reuse  sha256:111111111111  r/base:v2\n"
        "child   build                       r/child:v2    r/child:a\n"
        "child: checks to run: scan gpu\n"
        "not moved: r/child:latest belongs to the newer release v3\n"
        "dry run of v2: 1 to build, 1 to reuse, 2 tags to create, 1 to move; nothing was written\n"
    )
    assert format_preview(PREVIEW, PublishFormat.GITHUB) == format_preview(
        PREVIEW, PublishFormat.TABLE
    )


def test_json() -> None:
    """The JSON has the same content."""
    data = json.loads(format_preview(PREVIEW, PublishFormat.JSON))

    assert data["release"] == "v2"
    assert data["targets"][1] == {
        "target": "child",
        "state": "build",
        "digest": None,
        "create": ["r/child:v2"],
        "move": ["r/child:a"],
        "kept": {"r/child:latest": "v3"},
        "checks": ["scan", "gpu"],
    }
