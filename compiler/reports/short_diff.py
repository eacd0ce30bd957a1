"""A short difference of generated files: files that changed alike are one entry."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from compiler.output.diff import Change, Kind
from compiler.reports.text import counted


_MOST_ENTRIES = 8
_MOST_LINES = 6
"""Removed and added lines that an entry shows, each."""
_WIDEST = 110
"""Characters of a line that are shown."""


def short_diff(changes: Iterable[Change]) -> Iterator[str]:
    """Yield the lines of a short difference: files, numbers of lines, and the first of the lines.

    Lines that only moved do not count. The text is not escaped.
    """
    entries: dict[tuple[Kind, tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for change in changes:
        removed, added = _lines(change)
        entries.setdefault((change.kind, removed, added), []).append(change.path)
    for (kind, removed, added), paths in list(entries.items())[:_MOST_ENTRIES]:
        more = f" and {counted(len(paths) - 1, 'other file')}" if len(paths) > 1 else ""
        numbers = ", ".join(
            f"{counted(len(lines), 'line')} {verb}"
            for lines, verb in ((removed, "removed"), (added, "added"))
            if lines
        )
        yield f"{paths[0]}{more}: {kind}d{f', {numbers}' if numbers else ''}"
        if kind is Kind.UPDATE:
            yield from _shown("-", removed)
            yield from _shown("+", added)
    hidden = sum(map(len, list(entries.values())[_MOST_ENTRIES:]))
    if hidden:
        yield f"... {counted(hidden, 'more file')}"


def _lines(change: Change) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the lines that only the old and only the new file has, in linear time."""
    old, new = ((content or b"").decode(errors="replace").split("\n") for content in change[2:])
    return tuple(_without(old, new)), tuple(_without(new, old))


def _without(lines: Sequence[str], others: Sequence[str]) -> Iterator[str]:
    """Yield the lines that others do not contain as often, except empty ones."""
    available = Counter(others)
    for line in lines:
        if available[line] > 0:
            available[line] -= 1
        elif line.strip():
            yield line


def _shown(sign: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines[:_MOST_LINES]:
        yield f"{sign} {line if len(line) <= _WIDEST else f'{line[:_WIDEST]}...'}"
    if len(lines) > _MOST_LINES:
        yield f"{sign} ... {counted(len(lines) - _MOST_LINES, 'more line')}"
