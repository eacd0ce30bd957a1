"""Summaries of releases and previews, and the release that they compare with."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.releases import plan_of, released_target

from compiler.codes import Code
from compiler.errors import Argument, Diagnostic, DiagnosticError
from compiler.publish.preview import Preview, PreviewedTarget
from compiler.publish.result import KeptReason, KeptTag, PublishedTarget, PublishResult
from compiler.publish.summary import failure_summary, preview_summary, result_summary
from compiler.releases.record import ReleaseRecord


PLAN = plan_of("axes: {python: [3.9, 3.10]}\nimages: {a: {template: t}}\n")
OLD, NEW = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"


def release(version: str, *digests: str) -> ReleaseRecord:
    """Return a release of the plan's targets with these images."""
    targets = [
        replace(released_target(name, digest, tags=[], moving=[]), bytes=int(digest[-1]) * 1000)
        for name, digest in zip(("a-3_9", "a-3_10"), digests, strict=False)
    ]
    return ReleaseRecord(release=version, targets=tuple(targets))


def test_result() -> None:
    """Images that differ from the last release are listed with their sizes."""
    record = release("v2", OLD, NEW)
    result = PublishResult(
        release="v2",
        targets=tuple(PublishedTarget(one, 1, built=one.digest == NEW) for one in record.targets),
        kept_tags={"r/a:latest": KeptTag("v3", KeptReason.NEWER)},
        unfinished_tags=(),
        record=record,
        requests=0,
    )

    text = result_summary(PLAN, result, release("v1", OLD, OLD))

    assert (
        text
        == """\
### Published v2&#58; 2 targets

1 built, 1 reused, 2 tags created or moved.

not moved&#58; r/a&#58;latest belongs to the newer release v3

**a**

| python=3.9 | python=3.10 |
| --- | --- |
| reused | **built** |

| target | why | size | size in v1 | difference |
| --- | --- | --- | --- | --- |
| a-3&#95;10 | rebuilt from the same inputs | 2.0 kB | 1.0 kB | +100.0% |

"""
    )
    assert "| a-3&#95;9 | 1.0 kB |" in result_summary(PLAN, result, None)


@pytest.mark.parametrize("earlier", [None, release("v1", OLD)])
def test_preview(earlier: ReleaseRecord | None) -> None:
    """Targets to build are emphasized; sizes are those of the last release, where it has them."""
    states = {"a-3_9": "build", "a-3_10": "reuse", "index of a-3_9": "compose"}
    preview = Preview(
        release="v2",
        targets=tuple(
            PreviewedTarget(
                target=name,
                state=state,
                digest=None,
                create=("r/a:v2",),
                move=(),
                kept={},
                checks=("scan",) if state == "build" else (),
            )
            for name, state in states.items()
        ),
        unreadable=(),
    )

    text = preview_summary(PLAN, preview, earlier)

    assert "### Dry run of v2&#58; 1 of 2 targets to build\n" in text
    assert "3 tags to create, 0 to move.\n" in text
    assert "Checks to run&#58; scan on 1 image.\n" in text
    assert "| **to build** | reused |\n" in text
    assert ("| a-3&#95;9 | another image | 1.0 kB |\n" in text) == (earlier is not None)


def test_failure() -> None:
    """The errors are listed as text, with what was done nevertheless."""
    where = Argument(name="--version")
    errors = [
        Diagnostic(code=Code.FAILED_CHECK, message=f"a-{n}: <img> failed", location=where)
        for n in range(22)
    ]

    text = failure_summary("v1", DiagnosticError(errors, outcome="no tag was created"))

    assert text.startswith(
        "### Not published: v1\n\nNo tag was created.\n\n* a-0&#58; &#60;img&#62; failed\n"
    )
    assert text.endswith("* a-19&#58; &#60;img&#62; failed\n* and 2 errors more\n\n")
