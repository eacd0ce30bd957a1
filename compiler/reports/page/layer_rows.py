"""Steps, their tree and what a recorded build says about them, as parts of the page's document."""

from collections.abc import Mapping
from typing import Any

from compiler.bake.trace import RecordedBuild, TracedStep
from compiler.reports.layers.layers import Layers
from compiler.reports.layers.output import selection
from compiler.reports.layers.recorded import match
from compiler.reports.layers.recorded_output import recorded_json
from compiler.reports.layers.tree import Branch, axis_starts, fold
from compiler.reports.page.interning import Interned


class LayerRows:
    """Numbers the distinct steps of layers.

    A row of `steps` is `[instruction, seconds, bytes]`; the last two are null unless a build with
    the step was recorded.
    """

    def __init__(self, layers: Layers, shown: str) -> None:
        """Take layers, and how their advice names the project's folder."""
        self._layers, self._shown = layers, shown
        self._ids: Interned[str] = Interned()
        self._texts: dict[str, str] = {}
        self._owners: dict[str, set[str]] = {
            name: {step.id for step in steps} for name, steps in layers.steps.items()
        }

    def of(self, name: str, links: Mapping[str, str]) -> list[list[int]]:
        """Return `[number, line]` of each step of a target; the line is 0 in other Dockerfiles.

        Args:
            name: the target.
            links: the targets of its named contexts, whose steps are in their own Dockerfiles.
        """
        linked = set().union(*(self._owners.get(other, ()) for other in links.values()))
        rows = []
        for step in self._layers.steps.get(name, ()):
            self._texts.setdefault(step.id, step.instruction)
            rows.append([self._ids.number(step.id), 0 if step.id in linked else step.line])
        return rows

    def rows(self) -> list[list[Any]]:
        """Return the table `steps`."""
        recorded = self._layers.recorded
        costs = {} if recorded is None else recorded.steps
        rows: list[list[Any]] = []
        for name in self._ids.values:
            cost = costs.get(name)
            row = [None, None] if cost is None else [round(cost.seconds, 3), cost.transferred]
            rows.append([self._texts[name], *row])
        return rows

    def tree(self) -> dict[str, Any]:
        """Return the folded tree, where axes start to matter, and advice."""
        layers = self._layers
        return {
            "platform": layers.platform,
            "tree": self._branch(fold(layers)),
            "starts": [[start.axis, start.shared, start.step] for start in axis_starts(layers)],
            "advice": [
                [hint.message, f"{hint.path.removeprefix(self._shown)}:{hint.line}", hint.saves]
                for hint in layers.advice
            ],
        }

    def _branch(self, branch: Branch) -> dict[str, Any]:
        """Return a branch; a step is `[text, [number of a distinct step, ...], is elsewhere]`."""
        steps = [
            [step.text, sorted(self._ids.numbers(step.ids)), int(step.is_elsewhere)]
            for step in branch.steps
        ]
        return {
            "label": selection(branch),
            "steps": steps,
            "branches": [self._branch(below) for below in branch.branches],
            "last": [target.name for target in branch.last],
        }


def recorded_build(layers: Layers, build: RecordedBuild) -> dict[str, Any]:
    """Return a recorded build: what bounds it, and each step with its place in time.

    A step is `[name, [target, ...], [number of an input, ...], start, end, is cached, bytes]`.
    """
    recorded = layers.recorded or match(layers, build)
    targets = {
        name: [round(cost.seconds, 3), cost.transferred]
        for name, cost in recorded.targets.items()
        if cost.seconds or cost.transferred
    }
    steps = [
        [
            _name(step),
            list(step.names),
            list(step.inputs),
            step.started,
            step.completed,
            int(step.cached),
            step.transferred,
        ]
        for step in build.steps
    ]
    return {**recorded_json(recorded), "targets": targets, "steps": steps}


def _name(step: TracedStep) -> str:
    """Return what a step is called, without the target that it was first named for."""
    names = list(step.names.values())
    if not names:
        return ""
    return names[0].partition("] ")[2] or names[0]
