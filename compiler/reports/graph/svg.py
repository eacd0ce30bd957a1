"""Draw a graph as SVG, without other programs.

The trees of steps grow to the right: each level is a column, and a node is next to the middle of
its branches. Axes are above their own column at the left, groups in the last column.
"""

from collections.abc import Iterator, Mapping
from html import escape
from typing import NamedTuple

from compiler.reports.graph.graph import Edge, EdgeKind, Graph, Node, NodeKind
from compiler.reports.text import display_width


_CHARACTER, _LINE = 6.7, 15
"""Width of a character and height of a line, in pixels, for the font of the style."""
_PADDING, _GAP, _COLUMN_GAP = 8, 14, 130
_TOP = 56
_STYLE = """\
text { font: 11px ui-monospace, monospace; fill: #18181b; }
.title { font: bold 15px sans-serif; }
.label { font: 10px sans-serif; fill: #52525b; }
svg { background: #fff; }
rect { stroke-width: 1; }
.axis rect { fill: #fff3cd; stroke: #8a6d00; }
.steps rect { fill: #f4f4f5; stroke: #52525b; }
.targets rect { fill: #dbeafe; stroke: #1d4ed8; }
.group rect { fill: #dcfce7; stroke: #15803d; }
path { fill: none; stroke: #52525b; stroke-width: 1.2; }
path.axis { stroke: #8a6d00; stroke-dasharray: 2 3; }
path.parent { stroke: #1d4ed8; stroke-width: 2; }
path.group { stroke: #15803d; }
@media (prefers-color-scheme: dark) {
  svg { background: #18181b; }
  .title, .label { fill: #e4e4e7; }
  path { stroke: #a1a1aa; }
}
"""


class _Box(NamedTuple):
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


def svg(graph: Graph) -> Iterator[str]:
    """Yield the lines of an SVG document."""
    boxes = _Layout(graph).boxes()
    right = max((box.x + box.width for box in boxes.values()), default=0.0)
    width = max(right, len(graph.title) * 9.0) + 2 * _GAP
    height = max((box.y + box.height for box in boxes.values()), default=_TOP) + _GAP
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="title" '
        f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}">\n'
    )
    yield f'<title id="title">{escape(graph.title)}</title>\n<style>\n{_STYLE}</style>\n'
    yield f'<text class="title" x="{_GAP}" y="28">{escape(graph.title)}</text>\n'
    for edge in graph.edges:
        yield from _edge(edge, boxes[edge.source], boxes[edge.target])
    for node in graph.nodes:
        yield from _node(node, boxes[node.id])
    yield "</svg>\n"


def _node(node: Node, box: _Box) -> Iterator[str]:
    radius = {NodeKind.AXIS: 12, NodeKind.GROUP: 6}.get(node.kind, 2)
    yield f'<g class="{node.kind.value}"><rect x="{box.x:.1f}" y="{box.y:.1f}" '
    yield f'width="{box.width:.1f}" height="{box.height:.1f}" rx="{radius}"/>'
    for number, line in enumerate(node.lines):
        y = box.y + _PADDING + _LINE * (number + 0.75)
        yield f'<text x="{box.x + _PADDING:.1f}" y="{y:.1f}" xml:space="preserve">'
        yield f"{escape(line)}</text>"
    yield "</g>\n"


def _edge(edge: Edge, start: _Box, end: _Box) -> Iterator[str]:
    x1, y1, x2, y2 = start.x + start.width, start.middle, end.x, end.middle
    if x2 <= x1:  # back to the same column: around its right side
        x2 = end.x + end.width
        bend = max(x1, x2) + 40
        curve = f"M{x1:.1f} {y1:.1f} C{bend:.1f} {y1:.1f} {bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    else:
        middle = (x1 + x2) / 2
        curve = f"M{x1:.1f} {y1:.1f} C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    yield f'<path class="{edge.kind.value}" d="{curve}"/>\n'
    if edge.label and edge.kind is EdgeKind.NEXT:
        yield f'<text class="label" x="{end.x:.1f}" y="{end.y - 3:.1f}">'
        yield f"{escape(edge.label)}</text>\n"


class _Layout:
    """Places the nodes of one graph."""

    def __init__(self, graph: Graph) -> None:
        self._nodes = {node.id: node for node in graph.nodes}
        self._below: dict[str, list[str]] = {node.id: [] for node in graph.nodes}
        self._roots = {
            node.id for node in graph.nodes if node.kind in {NodeKind.STEPS, NodeKind.TARGETS}
        }
        for edge in graph.edges:
            if edge.kind is EdgeKind.NEXT:
                self._below[edge.source].append(edge.target)
                self._roots.discard(edge.target)
        self._depth: dict[str, int] = {}
        self._y: dict[str, float] = {}
        self._next = float(_TOP)

    def boxes(self) -> Mapping[str, _Box]:
        """Return the place of each node."""
        for name in self._nodes:
            if name in self._roots:
                self._place(name, 1)
        last = max(self._depth.values(), default=0) + 1
        for kind, column in ((NodeKind.AXIS, 0), (NodeKind.GROUP, last)):
            y = float(_TOP)
            for name, node in self._nodes.items():
                if node.kind is kind:
                    self._depth[name], self._y[name] = column, y
                    y += self._height(name) + _GAP
        widths = [0.0] * (last + 1)
        for name, column in self._depth.items():
            widths[column] = max(widths[column], self._width(name))
        lefts = [float(_GAP)]
        for column_width in widths[:-1]:
            lefts.append(lefts[-1] + column_width + (_COLUMN_GAP if column_width else 0))
        return {
            name: _Box(lefts[column], self._y[name], self._width(name), self._height(name))
            for name, column in self._depth.items()
        }

    def _place(self, name: str, column: int) -> None:
        """Place a node and all below it; rows are used from the top downwards."""
        self._depth[name] = column
        start = self._next
        for below in self._below[name]:
            self._place(below, column + 1)
        height = self._height(name)
        if self._below[name]:
            first, last = self._below[name][0], self._below[name][-1]
            middle = (self._y[first] + self._y[last] + self._height(last)) / 2
            self._y[name] = max(start, middle - height / 2)
            self._next = max(self._next, self._y[name] + height + _GAP)
        else:
            self._y[name] = start
            self._next = start + height + _GAP

    def _width(self, name: str) -> float:
        return max(map(display_width, self._nodes[name].lines)) * _CHARACTER + 2 * _PADDING

    def _height(self, name: str) -> float:
        return len(self._nodes[name].lines) * _LINE + 2 * _PADDING
