"""The layers of a matrix as a graph that is folded along its axes; knows no output format."""

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from compiler.reports.layers.layers import Layers, axis_values, distinct
from compiler.reports.layers.output import selection, short
from compiler.reports.layers.tree import Branch, fold, tree_steps
from compiler.reports.text import counted, printable, shortened
from compiler.targets.target import Target


_WIDTH = 48
"""Characters of a line in a node."""
_MOST_STEPS = 6
"""Steps that a node shows; the rest is counted."""
_MOST_TARGETS = 4
"""Targets that a node shows by name; more are counted for each image."""
_MOST_VALUES = 8


class NodeKind(Enum):
    """What a node stands for."""

    AXIS = "axis"
    STEPS = "steps"
    TARGETS = "targets"
    GROUP = "group"


class EdgeKind(Enum):
    """How two nodes are related."""

    NEXT = "next"
    """Steps, and the further steps or the targets that have them."""
    AXIS = "axis"
    """An axis, and the first steps that depend on it."""
    PARENT = "parent"
    """Targets, and the targets of which they are the base image."""
    GROUP = "group"
    """Targets, and a group of matrix.yaml that contains some of them."""


class Node(NamedTuple):
    """A node with its text."""

    id: str
    kind: NodeKind
    lines: tuple[str, ...]


class Edge(NamedTuple):
    """A directed edge between two nodes."""

    source: str
    target: str
    kind: EdgeKind
    label: str = ""


class Graph(NamedTuple):
    """Nodes in reading order, and edges; the edges `NEXT` form trees."""

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def make_graph(layers: Layers) -> Graph:
    """Return the graph of layers: at most a few nodes for each branch of their tree."""
    title = (
        f"{counted(len(layers.targets), 'target')} on {layers.platform}: "
        f"{counted(distinct(layers.steps), 'distinct step')}, {layers.total:,} without sharing"
    )
    tree = fold(layers)
    if any(step.is_elsewhere for step in tree_steps(tree)):
        title += " (* also in other branches)"
    builder = _Builder(layers)
    builder.add(tree, "", 0)
    nodes = [*builder.axes(), *builder.nodes, *builder.groups()]
    return Graph(title, tuple(nodes), tuple(dict.fromkeys((*builder.edges, *builder.parents()))))


class _Builder:
    """Collects the nodes and edges of one graph."""

    def __init__(self, layers: Layers) -> None:
        self._layers = layers
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []
        self._order = {target.name: n for n, target in enumerate(layers.targets)}
        self._node_of: dict[str, str] = {}
        """Target -> the node that contains it."""
        self._starts: dict[str, tuple[int, list[str]]] = {}
        """Axis -> the smallest depth at which it selects a branch, and the nodes there."""

    def add(self, branch: Branch, above: str, depth: int) -> None:
        """Add a branch below a node."""
        label = short(selection(branch), _WIDTH)
        if branch.steps:
            name = f"s{len(self.nodes)}"
            first = () if above or not label else (label,)
            lines = (*first, *_step_lines(branch))
            self.nodes.append(Node(name, NodeKind.STEPS, lines))
            if above:
                self.edges.append(Edge(above, name, EdgeKind.NEXT, label))
            self._note(branch, name, depth)
            above, label = name, ""
        for below in branch.branches:
            self.add(below, above, depth + 1)
        if branch.last:
            name = f"t{len(self.nodes)}"
            targets = sorted(branch.last, key=lambda target: self._order[target.name])
            self.nodes.append(Node(name, NodeKind.TARGETS, tuple(_target_lines(targets))))
            if above:
                self.edges.append(Edge(above, name, EdgeKind.NEXT, label))
            if not branch.steps:
                self._note(branch, name, depth)
            for target in branch.last:
                self._node_of[target.name] = name

    def _note(self, branch: Branch, node: str, depth: int) -> None:
        for axis, _ in branch.values:
            first, nodes = self._starts.get(axis, (depth, []))
            if depth == first:
                self._starts[axis] = (depth, [*nodes, node])
            elif depth < first:
                self._starts[axis] = (depth, [node])

    def axes(self) -> Iterator[Node]:
        """Yield a node for each axis, and add its edges."""
        for number, (name, read) in enumerate(axis_values(self._layers.targets).items()):
            values = list(dict.fromkeys(map(read, self._layers.targets)))
            text = printable(f"{name}: {shortened(values, _MOST_VALUES)}")
            yield Node(f"a{number}", NodeKind.AXIS, (short(text, _WIDTH),))
            for node in self._starts.get(name, (0, []))[1]:
                self.edges.append(Edge(f"a{number}", node, EdgeKind.AXIS))

    def groups(self) -> Iterator[Node]:
        """Yield a node for each group of matrix.yaml with selected targets; add its edges."""
        for number, (name, members) in enumerate(self._layers.groups.items()):
            nodes = [self._node_of[member] for member in members if member in self._node_of]
            if not nodes:
                continue
            yield Node(
                f"g{number}",
                NodeKind.GROUP,
                (f"group {printable(name)}", counted(len(nodes), "target")),
            )
            for node in dict.fromkeys(nodes):
                label = f"{nodes.count(node):,}"
                self.edges.append(Edge(node, f"g{number}", EdgeKind.GROUP, label))

    def parents(self) -> Iterator[Edge]:
        """Yield an edge for each pair of nodes of which one contains parents of the other."""
        for target in self._layers.targets:
            if target.parent in self._node_of:
                parent = self._node_of[target.parent]
                child = self._node_of[target.name]
                if parent != child:
                    yield Edge(parent, child, EdgeKind.PARENT, "from")


def _step_lines(branch: Branch) -> Iterator[str]:
    for step in branch.steps[:_MOST_STEPS]:
        times = f" \u00d7 {step.distinct:,}" if step.distinct > 1 else ""
        times += " *" if step.is_elsewhere else ""
        yield printable(short(step.text, _WIDTH - len(times))) + times
    if len(branch.steps) > _MOST_STEPS:
        yield f"and {counted(len(branch.steps) - _MOST_STEPS, 'more step')}"


def _target_lines(targets: Sequence[Target]) -> Iterator[str]:
    if len(targets) <= _MOST_TARGETS:
        yield from (short(target.name, _WIDTH) for target in targets)
        return
    images = dict.fromkeys(target.image for target in targets)
    for image in images:
        count = sum(target.image == image for target in targets)
        yield short(f"{image} \u00d7 {count:,}", _WIDTH)
