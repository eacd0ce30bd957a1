"""A summary of a run in Markdown: the grid of what changes, reasons, and sizes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from compiler.matrix.matcher import spelling
from compiler.reports.markdown import markdown, markdown_table
from compiler.reports.sizes import growth, growth_text, size
from compiler.reports.text import counted, shortened
from compiler.targets.plan import Plan
from compiler.targets.target import Target


_MOST_ROWS = 100
"""Rows of a table; a summary of a GitHub workflow is limited to 1 MiB."""
_MOST_COLUMNS = 8
_MOST_REASONS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """What a run did or would do with targets."""

    title: str
    facts: Sequence[str]
    """Sentences below the title."""
    states: Mapping[str, str]
    """Target -> what happens to it, in one word; other targets are not part of the run."""
    changed: frozenset[str]
    """The targets that the summary emphasizes and lists with their reasons and sizes."""
    reasons: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Target -> why it is built."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Target -> the compressed bytes of its image, where they are known."""
    release: str = ""
    """The last release; empty if none is known."""
    released_sizes: Mapping[str, int] = field(default_factory=dict)
    """Target -> the compressed bytes of its image in the last release."""


def format_summary(plan: Plan, summary: RunSummary) -> str:
    """Return a summary as Markdown, complete lines.

    Args:
        plan: all targets; the summary's are among them.
        summary: the run.
    """
    return "".join(f"{line}\n" for line in _lines(plan, summary))


def _lines(plan: Plan, summary: RunSummary) -> Iterator[str]:
    yield from (f"### {markdown(summary.title)}", "")
    for fact in summary.facts:
        yield from (markdown(fact), "")
    for image in plan.matrix.images:
        targets = [
            target
            for target in plan.targets
            if target.image == image and target.name in summary.states
        ]
        if targets:
            yield from (f"**{markdown(image)}**", "", *_grid(plan, targets, summary), "")
    listed = [target for target in plan.targets if target.name in summary.changed]
    table = _table(listed, summary)
    if table:
        yield from (*table, "")


def _grid(plan: Plan, targets: Sequence[Target], summary: RunSummary) -> list[str]:
    """Return a table of states, with the shortest axis across and the others down."""

    def values(name: str) -> list[str]:
        present = {spelling(target.axes.get(name)) for target in targets}
        order = [value.text for value in plan.matrix.axes[name].values]
        return sorted(present, key=lambda text: order.index(text) if text in order else -1)

    varying = [name for name in plan.matrix.axes if len(values(name)) > 1]
    across = min(reversed(varying), key=lambda name: len(values(name)), default="")
    columns = values(across) if across else []
    if len(columns) > _MOST_COLUMNS:
        across, columns = "", []
    down = [name for name in varying if name != across]
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for target in targets:
        key = tuple(spelling(target.axes.get(name)) for name in down)
        state = markdown(summary.states[target.name])
        column = spelling(target.axes.get(across)) if across else ""
        cells = rows.setdefault(key, {})
        cells[column] = f"**{state}**" if target.name in summary.changed else state
    titles = [markdown(f"{across}={value}") for value in columns] or ["state"]
    return _shortened_table(
        [*map(markdown, down), *titles],
        [
            [*map(markdown, key), *(cells.get(column, "") for column in columns or [""])]
            for key, cells in rows.items()
        ],
    )


def _table(targets: Iterable[Target], summary: RunSummary) -> list[str]:
    """Return a table of targets with reasons and sizes, without empty columns.

    Returns nothing if neither reasons nor sizes are known.
    """
    header = ["target", "why", "size", f"size in {summary.release}", "difference"]
    rows = [[target.name, *_details(target.name, summary)] for target in targets]
    used = [n for n in range(len(header)) if any(row[n] for row in rows)]
    if used == used[:1]:
        return []
    return _shortened_table(
        [markdown(header[n]) for n in used], [[markdown(row[n]) for n in used] for row in rows]
    )


def _details(name: str, summary: RunSummary) -> tuple[str, str, str, str]:
    """Return why a target is built, its size, that in the last release, and the difference."""
    now, before = summary.sizes.get(name, 0), summary.released_sizes.get(name, 0)
    return (
        shortened(summary.reasons.get(name, ()), _MOST_REASONS, "; "),
        size(now) if now else "",
        size(before) if before else "",
        growth_text(growth(now, before)),
    )


def _shortened_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = markdown_table(header, rows[:_MOST_ROWS])
    more = len(rows) - _MOST_ROWS
    return [*lines, *(["", f"... {counted(more, 'more row')}"] if more > 0 else [])]
