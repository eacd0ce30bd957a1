"""Write a graph in the language of Graphviz."""

from collections.abc import Iterator

from compiler.reports.graph.graph import EdgeKind, Graph, NodeKind


_NODES = {
    NodeKind.AXIS: 'shape=box style="rounded,filled" fillcolor="#fff3cd" color="#8a6d00"',
    NodeKind.STEPS: 'shape=box style=filled fillcolor="#f4f4f5" color="#52525b"',
    NodeKind.TARGETS: 'shape=box3d style=filled fillcolor="#dbeafe" color="#1d4ed8"',
    NodeKind.GROUP: 'shape=hexagon style=filled fillcolor="#dcfce7" color="#15803d"',
}
_EDGES = {
    EdgeKind.NEXT: "",
    EdgeKind.AXIS: "style=dotted constraint=false",
    EdgeKind.PARENT: "style=bold constraint=false",
    EdgeKind.GROUP: "dir=none",
}


def dot(graph: Graph) -> Iterator[str]:
    """Yield the lines of a directed graph."""
    yield "digraph matrix {\n"
    yield f"  graph [rankdir=LR label={_quoted(graph.title)} labelloc=t fontname=sans]\n"
    yield "  node [fontname=monospace fontsize=10]\n"
    yield "  edge [fontname=sans fontsize=9]\n"
    for node in graph.nodes:
        label = _quoted("".join(f"{line}\0" for line in node.lines))
        yield f"  {node.id} [label={label} {_NODES[node.kind]}]\n"
    for edge in graph.edges:
        attributes = [_EDGES[edge.kind]]
        if edge.label:
            attributes.append(f"label={_quoted(edge.label)}")
        inside = " ".join(filter(None, attributes))
        yield f"  {edge.source} -> {edge.target}{f' [{inside}]' if inside else ''}\n"
    yield "}\n"


def _quoted(text: str) -> str:
    r"""Return a string in quotes; NUL ends a line that is aligned to the left.

    >>> _quoted('a "b" \\ c' + chr(0))
    '"a \\"b\\" \\\\ c\\l"'
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\0", "\\l")
    return f'"{escaped}"'
