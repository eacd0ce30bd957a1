"""Fold the steps of targets into a tree: what they share once, and branches where they differ.

Branches with the same instructions are one branch, such as those of all versions of one axis.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from compiler.render.build_steps import Step
from compiler.reports.layers.layers import NULL, Layers, axis_values
from compiler.targets.target import Target


class TreeStep(NamedTuple):
    """One line of the tree: the same instruction of all folded branches."""

    text: str
    """The instruction; `…` for what differs between the folded branches."""
    ids: frozenset[str]
    """The distinct steps that it is."""
    is_elsewhere: bool
    """Whether some of these steps are in other branches, too."""

    @property
    def distinct(self) -> int:
        """The number of distinct steps."""
        return len(self.ids)


class Branch(NamedTuple):
    """Targets that differ from those of the other branches, and their further steps."""

    values: tuple[tuple[str, tuple[str, ...]], ...]
    """What selects the targets: axis -> values."""
    folded: frozenset[str]
    """The axes of which each value is a branch of its own."""
    targets: int
    steps: tuple[TreeStep, ...]
    """The steps that all these targets have next."""
    branches: tuple["Branch", ...]
    last: tuple[Target, ...] = ()
    """The targets that have no further step; empty if there are branches."""


def tree_steps(branch: Branch) -> Iterator[TreeStep]:
    """Yield the steps of a branch and of all branches below it."""
    yield from branch.steps
    for below in branch.branches:
        yield from tree_steps(below)


class _Node:
    """A step after one sequence of other steps."""

    def __init__(self, step: Step | None) -> None:
        self.step = step
        self.targets: list[Target] = []
        self.children: dict[str, _Node] = {}
        self.last: list[Target] = []
        """The targets of which it is the last step."""
        self.signature = 0
        """Equal for nodes with the same instructions below."""


def fold(layers: Layers) -> Branch:
    """Return the tree of the steps of all targets."""
    root = _Node(None)
    places: Counter[str] = Counter()
    for target in layers.targets:
        node = root
        node.targets.append(target)
        for step in layers.steps[target.name]:
            if step.id not in node.children:
                node.children[step.id] = _Node(step)
                places[step.id] += 1
            node = node.children[step.id]
            node.targets.append(target)
        node.last.append(target)
    _sign(root, {})
    folding = _Folding(axis_values(layers.targets), places)
    return folding.branch([root], None)


def _sign(root: _Node, known: dict[object, int]) -> None:
    """Set the signature of each node, those of children first."""
    order = [root]
    for node in order:
        order.extend(node.children.values())
    for node in reversed(order):
        below = tuple(sorted({child.signature for child in node.children.values()}))
        images = tuple(sorted({target.image for target in node.last}))
        key = (node.step.pattern if node.step else "", below, images)
        node.signature = known.setdefault(key, len(known))


class _Folding:
    """Turns nodes into branches."""

    def __init__(
        self, axes: Mapping[str, Callable[[Target], str]], places: Mapping[str, int]
    ) -> None:
        self._axes, self._places = axes, places

    def branch(self, nodes: Sequence[_Node], above: Sequence[_Node] | None) -> Branch:
        """Return the branch of nodes with one signature.

        Args:
            nodes: the nodes.
            above: the nodes of the branch that it is part of; None for the whole tree.
        """
        targets = [target for node in nodes for target in node.targets]
        values, folded = self._selection(nodes, above) if above is not None else ((), frozenset())
        steps = []
        while True:
            if nodes[0].step is not None:
                steps.append(self._line(nodes))
            groups = _groups(nodes)
            if len(groups) != 1 or any(node.last for node in nodes):
                break
            if len(groups[0]) > len(nodes):
                break  # an axis begins to differ
            nodes = groups[0]
        branches = [self.branch(group, nodes) for group in groups]
        ended = [target for node in nodes for target in node.last]
        if ended and branches:
            end = self._values(ended, targets)
            branches.insert(0, Branch(end, frozenset(), len(ended), (), (), tuple(ended)))
            ended = []
        return Branch(values, folded, len(targets), tuple(steps), tuple(branches), tuple(ended))

    def _line(self, nodes: Sequence[_Node]) -> TreeStep:
        steps = {node.step.id: node.step for node in nodes if node.step is not None}
        first = next(iter(steps.values()))
        same = all(step.instruction == first.instruction for step in steps.values())
        own = Counter(node.step.id for node in nodes if node.step is not None)
        elsewhere = any(self._places[name] > count for name, count in own.items())
        return TreeStep(first.instruction if same else first.pattern, frozenset(steps), elsewhere)

    def _selection(
        self, nodes: Sequence[_Node], above: Sequence[_Node]
    ) -> tuple[tuple[tuple[str, tuple[str, ...]], ...], frozenset[str]]:
        """Return the values that select the targets of nodes, and the axes that are folded."""
        targets = [target for node in nodes for target in node.targets]
        outer = [target for node in above for target in node.targets]
        folded = _folded(nodes, above, self._axes)
        return self._values(targets, outer, folded), folded

    def _values(
        self,
        targets: Sequence[Target],
        outer: Sequence[Target],
        folded: frozenset[str] = frozenset(),
    ) -> tuple[tuple[str, tuple[str, ...]], ...]:
        values = []
        for name, read in self._axes.items():
            own = tuple(dict.fromkeys(map(read, targets)))
            known = set(map(read, outer)) - set(own) - {NULL}
            if own != (NULL,) and (name in folded or known):
                values.append((name, own))
        return tuple(values)


def _groups(nodes: Sequence[_Node]) -> list[list[_Node]]:
    """Return the children of nodes, those with one signature together."""
    groups: dict[int, list[_Node]] = {}
    for node in nodes:
        for child in node.children.values():
            groups.setdefault(child.signature, []).append(child)
    return list(groups.values())


def _folded(
    nodes: Sequence[_Node],
    above: Sequence[_Node],
    axes: Mapping[str, Callable[[Target], str]],
) -> frozenset[str]:
    """Return the axes whose values distinguish the children of one node; none if each has one."""
    chosen = {id(node) for node in nodes}
    children = [
        [node for node in parent.children.values() if id(node) in chosen] for parent in above
    ]
    families = [family for family in children if len(family) > 1]
    if not families:
        return frozenset()
    single = frozenset(name for name, read in axes.items() if _distinguishes([read], families))
    if single:
        return single
    needed = dict(axes)
    for name in reversed(list(axes)):
        without = {key: read for key, read in needed.items() if key != name}
        if _distinguishes([*without.values()], families):
            needed = without
    return frozenset(needed)


def _distinguishes(
    reads: Sequence[Callable[[Target], str]], families: Sequence[Sequence[_Node]]
) -> bool:
    """Return whether no two nodes of a family have targets with the same values."""
    for family in families:
        values = [
            {tuple(read(target) for read in reads) for target in node.targets} for node in family
        ]
        if sum(map(len, values)) != len(set().union(*values)):
            return False
    return True


class AxisStart(NamedTuple):
    """The first step that depends on an axis."""

    axis: str
    shared: int
    """The smallest number of first steps that targets share if they differ only in this axis."""
    step: str
    """The instruction after them; empty if no step depends on the axis."""


def axis_starts(layers: Layers) -> Iterator[AxisStart]:
    """Yield where each axis starts to matter.

    An axis is left out if no two targets differ only in it.
    """
    axes = axis_values(layers.targets)
    for name in axes:
        others = [other for axis, other in axes.items() if axis != name]
        groups: dict[tuple[str, ...], list[Target]] = {}
        for target in layers.targets:
            groups.setdefault(tuple(other(target) for other in others), []).append(target)
        starts = [_start(name, group, layers) for group in groups.values() if len(group) > 1]
        decided = [start for start in starts if start.step] or starts
        if decided:
            yield min(decided, key=lambda start: start.shared)


def _start(axis: str, targets: Sequence[Target], layers: Layers) -> AxisStart:
    sequences = [layers.steps[target.name] for target in targets]
    shared = 0
    for shared, steps in enumerate(zip(*sequences, strict=False)):
        if len({step.id for step in steps}) > 1:
            return AxisStart(axis, shared, steps[0].pattern)
    shared = min(map(len, sequences))
    longest = max(sequences, key=len)
    return AxisStart(axis, shared, longest[shared].pattern if len(longest) > shared else "")
