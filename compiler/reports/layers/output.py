"""Layers as text for people, and as JSON for programs."""

import json
from collections.abc import Iterator

from compiler.reports.layers.layers import Cost, Layers, Recorded, distinct
from compiler.reports.layers.recorded_output import recorded_json, recorded_lines
from compiler.reports.layers.tree import Branch, TreeStep, axis_starts, fold
from compiler.reports.sizes import size
from compiler.reports.text import columns, counted, printable, shortened


_MOST_VALUES = 6
"""Values of an axis that the tree shows in one line; the rest is counted."""
_WIDEST = 72
"""Characters of an instruction that are shown."""
_LEAST = 24
_COSTS = 20
"""Characters that the columns of a recorded build take."""


def layers_text(layers: Layers, *, terminal: int | None = None) -> str:
    """Return the tree of steps, where each axis starts to matter, and advice.

    Args:
        layers: the steps.
        terminal: the width that lines should fit into.
    """
    return "".join(f"{line}\n" for line in _lines(layers, terminal))


def _lines(layers: Layers, terminal: int | None) -> Iterator[str]:
    yield (
        f"{counted(len(layers.targets), 'target')} on {layers.platform}: "
        f"{counted(distinct(layers.steps), 'distinct step')}, {layers.total:,} without sharing"
    )
    if layers.total:
        width = _WIDEST if terminal is None else max(_LEAST, terminal - 24)
        yield ""
        head = ["STEP", "DISTINCT", "TARGETS"]
        if layers.recorded is not None:
            head += ["SECONDS", "BYTES"]
            width -= _COSTS
        rows = [head, *_rows(fold(layers), 0, width, layers.recorded)]
        yield from columns(rows)
        if any(row[1].endswith("*") for row in rows):
            yield "* also in other branches"
    starts = list(axis_starts(layers))
    if starts:
        yield ""
        rows = [["AXIS", "SHARED BEFORE", "FIRST STEP THAT DEPENDS ON IT"]]
        rows += [
            [start.axis, counted(start.shared, "step"), short(start.step, _WIDEST)]
            if start.step
            else [start.axis, "all steps", "none"]
            for start in starts
        ]
        yield from columns(rows, terminal=terminal)
    if layers.recorded is not None:
        yield from recorded_lines(layers.recorded, terminal)
    for advice in layers.advice:
        yield ""
        yield f"{printable(advice.path)}:{advice.line}: {printable(advice.message)}"


def _rows(branch: Branch, depth: int, width: int, recorded: Recorded | None) -> Iterator[list[str]]:
    """Yield the lines of a branch, and of the branches below it."""
    if branch.values or depth:
        ends = "" if branch.steps or branch.branches else " (no further step)"
        label = short(selection(branch) or "other targets", width - len(_indent(depth)) - len(ends))
        yield [f"{_indent(depth)}{label}{ends}", "", f"{branch.targets:,}"]
        depth += 1
    for step in branch.steps:
        indent = _indent(depth)
        row = [f"{indent}{short(step.text, width - len(indent))}", _count(step)]
        yield row if recorded is None else [*row, "", *_costs(step, recorded)]
    for below in branch.branches:
        yield from _rows(below, depth, width, recorded)


def _costs(step: TreeStep, recorded: Recorded) -> list[str]:
    """Return the seconds and bytes of steps; empty if none of them was built."""
    costs = [recorded.steps[name] for name in step.ids if name in recorded.steps]
    if not costs:
        return []
    transferred = sum(cost.transferred for cost in costs)
    return [f"{sum(cost.seconds for cost in costs):.1f}", size(transferred) if transferred else ""]


def _indent(depth: int) -> str:
    return "  " * depth


def _count(step: TreeStep) -> str:
    return f"{step.distinct:,}{'*' if step.is_elsewhere else ''}"


def selection(branch: Branch) -> str:
    """Return what selects the targets of a branch; empty for all targets.

    >>> selection(Branch((("py", ("3.11", "3.12")),), frozenset(["py"]), 2, (), ()))
    'each py: 3.11, 3.12'
    """
    return "; ".join(
        f"{'each ' if name in branch.folded else ''}{name}: {shortened(values, _MOST_VALUES)}"
        for name, values in branch.values
    )


def short(text: str, width: int) -> str:
    """Return one line of an instruction, shortened at its end."""
    plain = " ".join(text.split())
    limit = max(_LEAST, width)
    return plain if len(plain) <= limit else f"{plain[: limit - 1]}…"


def layers_json(layers: Layers) -> Iterator[str]:
    """Yield the JSON of layers in pieces, because `shared_with` can be long.

    `{"version": 1, "platform", "steps": {"all", "distinct"}, "targets": [{"target", "steps":
    [{"instruction", "line", "id", "shared_with"}]}], "advice": [{"code", "message", "location",
    "saves"}]}`. A line is in the Dockerfile of the target, or of the parent to which the step
    belongs. With a recorded build, steps and targets also have "seconds" and "bytes", and there is
    "recorded": what the build took, its critical path, and the most expensive steps.
    """
    users, recorded = layers.users(), layers.recorded
    head = {
        "version": 1,
        "platform": layers.platform,
        "steps": {"all": layers.total, "distinct": distinct(layers.steps)},
    }
    yield json.dumps(head)[:-1] + ', "targets": ['
    for number, target in enumerate(layers.targets):
        steps = [
            {
                "instruction": step.instruction,
                "line": step.line,
                "id": step.id,
                "shared_with": [name for name in users[step.id] if name != target.name],
                **_cost(recorded.steps.get(step.id) if recorded else None),
            }
            for step in layers.steps[target.name]
        ]
        costs = _cost(recorded.targets.get(target.name) if recorded else None)
        described = {"target": target.name, "steps": steps, **costs}
        yield (",\n " if number else "\n ") + json.dumps(described)
    advice = [
        {
            "code": hint.code,
            "message": hint.message,
            "location": {"path": hint.path, "line": hint.line},
            "saves": hint.saves,
        }
        for hint in layers.advice
    ]
    last: dict[str, object] = {"advice": advice}
    if recorded is not None:
        last["recorded"] = recorded_json(recorded)
    yield "\n], " + json.dumps(last)[1:] + "\n"


def _cost(cost: Cost | None) -> dict[str, object]:
    return {} if cost is None else {"seconds": round(cost.seconds, 3), "bytes": cost.transferred}
