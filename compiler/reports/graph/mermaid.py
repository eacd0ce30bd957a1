"""Write a graph as a Mermaid flowchart, which GitHub and GitLab show in Markdown."""

import re
from collections.abc import Iterator

from compiler.reports.graph.graph import EdgeKind, Graph, NodeKind


_SPECIAL = re.compile(r"[^\w .,:/=@+-]", re.ASCII)
_SHAPES = {
    NodeKind.AXIS: ("([", "])"),
    NodeKind.STEPS: ("[", "]"),
    NodeKind.TARGETS: ("[[", "]]"),
    NodeKind.GROUP: ("{{", "}}"),
}
_ARROWS = {
    EdgeKind.NEXT: "-->",
    EdgeKind.AXIS: "-.->",
    EdgeKind.PARENT: "==>",
    EdgeKind.GROUP: "---",
}


def mermaid(graph: Graph) -> Iterator[str]:
    """Yield the lines of a flowchart."""
    yield f'---\ntitle: "{graph.title}"\n---\n'
    yield "flowchart LR\n"
    for node in graph.nodes:
        opening, closing = _SHAPES[node.kind]
        text = "<br/>".join(map(_text, node.lines))
        yield f'  {node.id}{opening}"{text}"{closing}:::{node.kind.value}\n'
    for edge in graph.edges:
        label = f'|"{_text(edge.label)}"|' if edge.label else ""
        yield f"  {edge.source} {_ARROWS[edge.kind]}{label} {edge.target}\n"
    yield "  classDef axis fill:#fff3cd,stroke:#8a6d00,color:#000\n"
    yield "  classDef steps fill:#f4f4f5,stroke:#52525b,color:#000,text-align:left\n"
    yield "  classDef targets fill:#dbeafe,stroke:#1d4ed8,color:#000\n"
    yield "  classDef group fill:#dcfce7,stroke:#15803d,color:#000\n"


def _text(text: str) -> str:
    """Return text for a quoted string; special characters become entities.

    >>> _text('RUN a && b "c"')
    'RUN a #38;#38; b #34;c#34;'
    """
    return _SPECIAL.sub(lambda match: f"#{ord(match[0])};", text)
