"""`graph`: what the graph contains, and that each format is valid."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from support import command

from compiler.cli.main import run
from compiler.output.bake_resolved import ResolvedPlan
from compiler.pipeline import compile_matrix
from compiler.reports.graph.dot import dot
from compiler.reports.graph.graph import EdgeKind, Graph, NodeKind, make_graph
from compiler.reports.graph.mermaid import mermaid
from compiler.reports.graph.svg import svg
from compiler.reports.layers.report import find_layers


PROJECT = Path(__file__).parents[3]
MATRICES = [PROJECT / "matrix.yaml", *sorted(PROJECT.glob("examples/*/matrix.yaml"))]
ODD = 'echo "a" | b <c> &amp; \\ ${d} [e] {f} #1; `g` -- ;'
FAMILY = {
    "matrix.yaml": "axes: {py: [3.11, 3.12], gpu: [false, true]}\n"
    "images:\n"
    "  app: {template: app.j2, axes: [py]}\n"
    "  child: {template: child.j2, from: app}\n"
    "groups: {new: {py: 3.12}}\n",
    "templates/app.j2": f"FROM python:{{{{ py }}}}\nRUN {ODD}\n",
    "templates/child.j2": "FROM {{ parent }}\n{% if gpu %}\nRUN gpu\n{% endif %}\n",
}
MANY = {
    "matrix.yaml": "axes:\n"
    f"  py: [{', '.join(f'3.{n}' for n in range(10))}]\n"
    f"  cuda: [{', '.join(f'12.{n}' for n in range(10))}]\n"
    "  job: [train, serve]\n"
    "  reload: [false, true]\n"
    "images: {app: {template: app.j2}}\n",
    "templates/app.j2": "FROM python:{{ py }}\nRUN base\nRUN cuda {{ cuda }}\n"
    "{% if job == 'train' %}\nRUN train\n{% endif %}\n{% if reload %}\nRUN reload\n{% endif %}\n",
}


def graph_of(matrix: Path) -> Graph:
    """Return the graph of all targets of a matrix."""
    compiled = compile_matrix(matrix)
    resolved = ResolvedPlan(compiled.plan, {})
    targets = compiled.plan.targets
    layers = find_layers(compiled, resolved, targets, "linux/amd64", matrix.parent, advise=False)
    return make_graph(layers)


def write(folder: Path, files: dict[str, str]) -> Graph:
    """Write a project and return its graph."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return graph_of(folder / "matrix.yaml")


def nodes(graph: Graph, kind: NodeKind) -> dict[str, tuple[str, ...]]:
    """Return the text of the nodes of one kind."""
    return {node.id: node.lines for node in graph.nodes if node.kind is kind}


def test_a_family(tmp_path: Path) -> None:
    """Axes, steps, targets, parents and groups are nodes and edges."""
    graph = write(tmp_path, FAMILY)
    targets = nodes(graph, NodeKind.TARGETS)
    ends = {
        (targets.get(edge.source), targets.get(edge.target))
        for edge in graph.edges
        if edge.kind is EdgeKind.PARENT
    }

    assert sorted(nodes(graph, NodeKind.AXIS).values()) == [
        ("gpu: null, false, true",),
        ("image: app, child",),
        ("py: 3.11, 3.12",),
    ]
    assert ("each py: 3.11, 3.12", "RUN gpu \u00d7 2") not in nodes(graph, NodeKind.STEPS).values()
    assert ("RUN gpu \u00d7 2",) in nodes(graph, NodeKind.STEPS).values()
    assert list(nodes(graph, NodeKind.GROUP).values()) == [("group new", "3 targets")]
    assert (
        ("app-3_11", "app-3_12", "child-3_11", "child-3_12"),
        ("child-3_11-gpu", "child-3_12-gpu"),
    ) in ends
    labels = [edge.label for edge in graph.edges if edge.kind is EdgeKind.GROUP]
    assert sorted(labels) == ["1", "2"]


def test_many_targets_are_few_nodes(tmp_path: Path) -> None:
    """400 targets fold along their axes to a graph that fits on a page."""
    graph = write(tmp_path, MANY)

    assert graph.title.startswith("400 targets")
    assert len(graph.nodes) <= 20
    assert "app \u00d7 100" in "\n".join(line for node in graph.nodes for line in node.lines)


TEXT = r'"(?:[\w .,:/=@+-]|#\d+;|<br/>)*"'
MERMAID = (
    r"---",
    r'title: "[^"]*"',
    r"flowchart LR",
    rf"  \w+(?:\(\[{TEXT}\]\)|\[{TEXT}\]|\[\[{TEXT}\]\]|\{{\{{{TEXT}\}}\}}):::\w+",
    rf"  \w+ (?:-->|-\.->|==>|---)(?:\|{TEXT}\|)? \w+",
    r"  classDef \w+ [\w:#,-]+",
)
"""The lines of a flowchart that Mermaid's grammar accepts."""
STRING = r'"(?:[^"\\]|\\.)*"'
ATTRIBUTES = rf"\[\w+=(?:\w+|{STRING})(?: \w+=(?:\w+|{STRING}))*\]"
DOT = (
    r"digraph matrix \{",
    rf"  (?:graph|node|edge|\w+) {ATTRIBUTES}",
    rf"  \w+ -> \w+(?: {ATTRIBUTES})?",
    r"\}",
)
"""The statements of Graphviz's grammar that are used."""


def lines_match(text: str, grammar: tuple[str, ...]) -> list[str]:
    """Return the lines that no rule of a grammar matches."""
    rules = re.compile("|".join(f"(?:{rule})" for rule in grammar))
    return [line for line in text.splitlines() if not rules.fullmatch(line)]


def check(graph: Graph) -> None:
    """Check the three formats of a graph."""
    flowchart, digraph, image = ("".join(write(graph)) for write in (mermaid, dot, svg))
    names = {node.id for node in graph.nodes}

    assert lines_match(flowchart, MERMAID) == []
    assert lines_match(digraph, DOT) == []
    assert {name for edge in graph.edges for name in edge[:2]} <= names
    root = ET.fromstring(image)  # noqa: S314 - our own
    space = "{http://www.w3.org/2000/svg}"
    boxes = [
        [float(rect.attrib[key]) for key in ("x", "y", "width", "height")]
        for rect in root.iter(f"{space}rect")
    ]
    assert len(boxes) == len(graph.nodes)
    right, bottom = float(root.attrib["width"]), float(root.attrib["height"])
    for n, (x, y, width, height) in enumerate(boxes):
        assert x >= 0
        assert y >= 0
        assert x + width <= right
        assert y + height <= bottom
        for other_x, other_y, other_width, other_height in boxes[:n]:
            beside = x >= other_x + other_width or other_x >= x + width
            assert beside or y >= other_y + other_height or other_y >= y + height


@pytest.mark.parametrize("matrix", MATRICES, ids=lambda path: path.parent.name)
def test_formats_of_the_examples(matrix: Path) -> None:
    """Each format is valid, and no box of the image covers another."""
    check(graph_of(matrix))


def test_formats_of_odd_text(tmp_path: Path) -> None:
    """Characters with a meaning in a format are escaped."""
    graph = write(tmp_path, FAMILY)
    check(graph)
    texts = ET.fromstring("".join(svg(graph))).itertext()  # noqa: S314 - our own

    assert any('RUN echo "a" | b <c> &amp;' in text for text in texts)


def test_formats_of_many_targets(tmp_path: Path) -> None:
    """So is a graph that is folded."""
    check(write(tmp_path, MANY))


def test_the_command(tmp_path: Path) -> None:
    """The command prints the format that is chosen, Mermaid by default."""
    write(tmp_path, FAMILY)

    assert "flowchart LR" in command.call(tmp_path, "graph", "image=child").stdout
    assert command.call(tmp_path, "graph", "--format=dot").stdout.startswith("digraph")
    assert command.call(tmp_path, "graph", "--format=svg").stdout.startswith("<svg ")
    assert run(["-f", str(tmp_path / "matrix.yaml"), "graph", "image=x"]) == 1
