"""Write the results of publishing, and releases, as text or JSON."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

from compiler.publish.changed_since import changes_since
from compiler.publish.check_results import CheckState
from compiler.publish.result import KeptReason, KeptTag, PublishResult
from compiler.publish.signature_output import signature_lines, signed_field
from compiler.releases.record import (
    RecordedImage,
    ReleasedTarget,
    ReleaseRecord,
    format_record,
    index_name,
)
from compiler.reports.sizes import size
from compiler.reports.text import columns, counted, inert, printable, shortened


class PublishFormat(StrEnum):
    """The format of a release."""

    TABLE = "table"
    JSON = "json"
    GITHUB = "github"
    """A table; only errors and warnings are annotations of a workflow."""


SHORT_DIGEST = 19
"""Characters of a digest in tables: enough to be unique."""
_MOST = 3
"""Targets that a note names; the rest is counted."""


def format_result(result: PublishResult, output_format: PublishFormat, seconds: float) -> str:
    """Return the result of publishing as complete lines.

    Args:
        result: what was published or staged.
        output_format: table or JSON.
        seconds: the duration of the run.
    """
    if output_format is PublishFormat.JSON:
        if result.record:
            return result.record.to_text()
        staged = [target.record.to_json() for target in result.targets]
        return json.dumps({"version": 1, "targets": staged}) + "\n"
    is_checked = any(target.record.checks for target in result.targets)
    rows = [("TARGET", "STATE", "DIGEST", *(["CHECKS"] if is_checked else []), "TAGS")]
    rows += [
        (
            record.target,
            "built" if built else "reused",
            record.digest[:SHORT_DIGEST],
            *([_checks(record)] if is_checked else []),
            " ".join(record.tags),
        )
        for record, _, built in result.targets
    ]
    built = sum(target.built for target in result.targets)
    summary = f"{built} built, {len(result.targets) - built} reused"
    if result.record:
        created = sum(target.created_tags for target in result.targets)
        summary = (
            f"published {result.release}: {summary}, {counted(created, 'tag')} created or moved"
        )
    else:
        summary = f"staged: {summary}"
    lines = columns(rows)
    lines += changes_since(result)
    lines += format_notes(result)
    lines.append(f"{summary}, {counted(result.requests, 'request')}, in {seconds:.0f} s")
    return "".join(f"{line}\n" for line in lines)


def _checks(target: ReleasedTarget) -> str:
    """Return the checks of a target in one cell; the result of those that passed is left out."""
    return " ".join(
        check.check if check.result == CheckState.PASSED else f"{check.check}({check.result})"
        for check in target.checks
    )


def format_kept_tags(kept_tags: Mapping[str, KeptTag], own: str) -> list[str]:
    """Return a line for each floating tag that was not moved, with the release that has it."""
    texts = {
        KeptReason.NEWER: "not moved: {tag} belongs to the newer release {other}",
        KeptReason.RETURNED: f"not moved: {{tag}} was moved from {own} to {{other}}; to undo that, "
        f"run `compile-matrix release promote {own}`",
        KeptReason.OLDER: f"{{tag}} names {own} although {{other}} is newer; to move it, run "
        "`compile-matrix release promote {other}`",
    }
    return [
        printable(texts[kept.reason].format(tag=tag, other=kept.version))
        for tag, kept in kept_tags.items()
    ]


def format_notes(result: PublishResult) -> list[str]:
    """Return a line for each tag that is not as the release would have it, and for its record."""
    lines = format_kept_tags(result.kept_tags, result.release)
    lines += [
        f"{result.release} is not complete: no record names the image of {tag}; run "
        "`compile-matrix publish` without FILTERs"
        for tag in result.unfinished_tags
    ]
    if result.other_targets:
        others = printable(shortened(result.other_targets, _MOST))
        lines.append(
            f"the record of {result.release} also has targets that the matrix lacks: {others}; if "
            "another matrix has published them, keep the records of each matrix in a repository of "
            "its own: `publish.staging`"
        )
    return lines


def format_release(
    record: ReleaseRecord,
    output_format: PublishFormat,
    references: Mapping[str, str],
    sboms: Mapping[str, Sequence[str]],
    current: Mapping[str, str | None],
    unsigned: Collection[str] | None = None,
) -> str:
    """Return a release with digests, platforms, base images and attestations.

    Args:
        record: the record of the release.
        output_format: table or JSON.
        references: target -> its image, as `REPOSITORY@DIGEST`, if a tag names it.
        sboms: target -> its attestations with an SBOM, as `REPOSITORY@DIGEST`.
        current: tag -> the digest that it refers to now; None if the tag is missing. Tags that
            were not read are left out.
        unsigned: the images that are not signed, as `REPOSITORY@DIGEST`; None if the signatures
            were not verified.
    """
    if output_format is PublishFormat.JSON:
        rows = [
            {
                **target.to_json(),
                "image": references.get(target.target),
                "sboms": list(sboms.get(target.target, ())),
                **_current_tags(target.images(), current),
                **signed_field(target.signatures, unsigned),
            }
            for target in record.targets
        ]
        indexes = [
            {
                **index.to_json(),
                **_current_tags([record.images[index_name(index.targets)]], current),
                **signed_field(index.signatures, unsigned),
            }
            for index in record.indexes
        ]
        return format_record(record.release, rows, indexes)
    lines = [
        line
        for target in record.targets
        for line in (
            *_target_lines(target, sboms.get(target.target, ()), current),
            *signature_lines(target.signatures, unsigned),
        )
    ]
    for index in record.indexes:
        image = record.images[index_name(index.targets)]
        lines += [f"{image.name}  {image.digest}", *_tag_lines(image, current)]
        lines += signature_lines(index.signatures, unsigned)
    return "".join(f"{inert(printable(line))}\n" for line in lines)


def _current_tags(
    images: Iterable[RecordedImage], current: Mapping[str, str | None]
) -> dict[str, list[str]]:
    """Return the floating tags that refer to images now, and the version tags that do not."""
    pairs = list(images)
    return {
        "held": [tag for pair in pairs for tag in pair.moving if current.get(tag) == pair.digest],
        "lost": [
            tag
            for pair in pairs
            for tag in pair.tags
            if tag in current and current[tag] != pair.digest
        ],
    }


def _tag_lines(image: RecordedImage, current: Mapping[str, str | None]) -> Iterator[str]:
    for kind, tags in (("tag     ", image.tags), ("floating", image.moving)):
        for tag in tags:
            yield f"  {kind}  {tag}{_tag_state(tag, image.digest, current)}"


def _tag_state(tag: str, digest: str, current: Mapping[str, str | None]) -> str:
    """Return what a line about a recorded tag ends with; empty if it names its image."""
    if tag not in current:
        return "  (not read: the matrix does not have its repository)"
    if current[tag] == digest:
        return ""
    return f"  ({'now another image' if current[tag] else 'missing'})"


def _target_lines(
    target: ReleasedTarget, sboms: Sequence[str], current: Mapping[str, str | None]
) -> Iterator[str]:
    yield f"{target.target}  {target.digest}"
    own, *of_platforms = target.images()
    yield from _tag_lines(own, current)
    for image in of_platforms:
        yield from _tag_lines(image, current)
    for platform, digest in target.platforms.items():
        known = f"  {size(target.sizes[platform])}" if platform in target.sizes else ""
        yield f"  platform  {platform} {digest}{known}"
    for base, digest in target.bases.items():
        yield f"  base      {base} {digest}"
    for check in target.checks:
        accepted = f" until {check.until}: {check.reason}" if check.until else ""
        yield f"  check     {check.check} {check.result}{accepted}"
    for attestation in sboms:
        yield f"  sbom      {attestation}"
    yield f"  size      {size(target.bytes)}"
    yield f"  {target.state:<9} from fingerprint {target.fingerprint}"
