"""The difference between two releases as text, JSON, or Markdown for release notes."""

import json
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum

from compiler.releases.release_diff import ChangeKind, ImageChange, ReleaseDiff, Replaced
from compiler.reports.markdown import markdown, markdown_table
from compiler.reports.sizes import growth, growth_text, size
from compiler.reports.text import counted, inert, printable, shortened


_SHORT = 19
"""Characters of a digest."""
_MOST_ROWS = 200
_MOST_REASONS = 3


class DiffFormat(StrEnum):
    """The format of a difference."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    GITHUB = "github"
    """Text; only errors and warnings are annotations of a workflow."""


def format_diff(diff: ReleaseDiff, output_format: DiffFormat) -> str:
    """Return the difference between two releases, complete lines."""
    match output_format:
        case DiffFormat.JSON:
            return _json(diff)
        case DiffFormat.MARKDOWN:
            return "".join(f"{line}\n" for line in _markdown(diff))
        case DiffFormat.TEXT | DiffFormat.GITHUB:
            return "".join(f"{inert(printable(line))}\n" for line in _text(diff))


def _text(diff: ReleaseDiff) -> Iterator[str]:
    for change in diff.changes:
        yield f"{change.kind:<7}  {change.target}"
        if sizes := _sizes(change):
            yield f"  size     {sizes}"
        for reason in change.reasons:
            yield f"  why      {reason}"
        for base in change.bases:
            yield f"  base     {base.name} {_short(base)}"
        for package in change.packages or ():
            yield f"  package  {package.name} {_arrow(package.old, package.new)}"
    counts = Counter(change.kind for change in diff.changes)
    texts = [f"{counts[kind]} {kind}" for kind in ChangeKind]
    yield f"{diff.old} to {diff.new}: {', '.join(texts)}, {len(diff.unchanged)} unchanged"


def _sizes(change: ImageChange) -> str:
    """Return the sizes of an image, with the growth where there are two."""
    old = size(change.old.bytes) if change.old else ""
    new = size(change.new.bytes) if change.new else ""
    if not change.old or not change.new:
        return old or new
    grown = growth_text(growth(change.new.bytes, change.old.bytes))
    return f"{_arrow(old, new)} ({grown})" if grown else _arrow(old, new)


def _arrow(old: str, new: str) -> str:
    return f"{old or '(none)'} -> {new or '(none)'}"


def _short(base: Replaced) -> str:
    return _arrow(base.old[:_SHORT], base.new[:_SHORT])


def _json(diff: ReleaseDiff) -> str:
    images = [
        {
            "target": change.target,
            "change": change.kind,
            "digest": _pair(change.old and change.old.digest, change.new and change.new.digest),
            "bytes": _pair(change.old and change.old.bytes, change.new and change.new.bytes),
            "reasons": list(change.reasons),
            "bases": [_replaced(base) for base in change.bases],
            "packages": None
            if change.packages is None
            else [_replaced(package) for package in change.packages],
        }
        for change in diff.changes
    ]
    document = {
        "version": 1,
        "from": diff.old,
        "to": diff.new,
        "images": images,
        "unchanged": list(diff.unchanged),
    }
    return json.dumps(document, indent=1) + "\n"


def _pair(old: object, new: object) -> dict[str, object]:
    return {"from": old, "to": new}


def _replaced(package: Replaced) -> dict[str, str | None]:
    return {"name": package.name, "from": package.old or None, "to": package.new or None}


def _markdown(diff: ReleaseDiff) -> Iterator[str]:
    yield from (f"### Changes from {markdown(diff.old)} to {markdown(diff.new)}", "")
    if not diff.changes:
        yield from ("No image differs.", "")
        return
    rows = [
        [
            markdown(change.target),
            str(change.kind),
            markdown(shortened(change.reasons, _MOST_REASONS, "; ")),
            markdown(_sizes(change)),
            "" if change.packages is None else f"{len(change.packages):,}",
        ]
        for change in diff.changes
    ]
    yield from _table(["image", "change", "why", "size", "packages"], rows)
    yield from ("", f"{counted(len(diff.unchanged), 'image')} unchanged.", "")
    bases = Counter(
        base._replace(old=base.old[:_SHORT], new=base.new[:_SHORT])
        for change in diff.changes
        for base in change.bases
    )
    packages = Counter(package for change in diff.changes for package in change.packages or ())
    for heading, counts in (("base image", bases), ("package", packages)):
        if counts:
            lines = [
                [markdown(kind.name), markdown(kind.old), markdown(kind.new), f"{count:,}"]
                for kind, count in sorted(counts.items())
            ]
            yield from _table([heading, "before", "after", "images"], lines)
            yield ""


def _table(header: list[str], rows: list[list[str]]) -> Iterator[str]:
    yield from markdown_table(header, rows[:_MOST_ROWS])
    if len(rows) > _MOST_ROWS:
        yield from ("", f"... {counted(len(rows) - _MOST_ROWS, 'more row')}")
