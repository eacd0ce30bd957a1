"""Changes to a parsed document, so that reading continues after an invalid value.

Takes the tree of a document and an edit for each route; returns a new tree. Each of its nodes keeps
its location in the file, so diagnostics about the other values stay correct. The original tree
is not changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from compiler.source.nodes import Node


Route: TypeAlias = tuple[str | int | None, ...]
"""The keys and indexes of a value, from the top of the document."""


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove the value, with its key if it has one."""


@dataclass(frozen=True, slots=True)
class Enclose:
    """Put the value into a list of its own."""


@dataclass(frozen=True, slots=True)
class Rename:
    """Give the value another key."""

    key: str


@dataclass(frozen=True, slots=True)
class Replace:
    """Put another value at the same location: a scalar or an empty list."""

    data: Any


@dataclass(frozen=True, slots=True)
class Supply:
    """Put the value of an expression in the place of the expression."""

    node: Node


Edit: TypeAlias = Remove | Enclose | Rename | Replace | Supply

_WHOLE: Route = ()


def apply_edits(node: Node, edits: Mapping[Route, Edit]) -> Node:
    """Return a tree with these edits; an edit inside a value that is edited itself is ignored.

    Every route must exist below the node. Indexes of lists are those before the edits.
    """
    by_step: dict[Any, dict[Route, Edit]] = {}
    for (step, *rest), edit in edits.items():
        by_step.setdefault(step, {})[tuple(rest)] = edit
    changed = node.emptied()
    if isinstance(node.children, dict):
        pairs: dict[Any, tuple[Node, Node]] = {}
        for step, (key, value) in node.children.items():
            below = by_step.get(step, {})
            own = below.get(_WHOLE)
            if own == Remove():
                continue
            name = own.key if isinstance(own, Rename) else step
            pairs[name] = (key, _edited(value, below))
        changed.children = pairs
        changed.data = {step: value.data for step, (_, value) in pairs.items()}
    else:
        items = [
            _edited(item, by_step.get(n, {}))
            for n, item in enumerate(node.children or ())
            if by_step.get(n, {}).get(_WHOLE) != Remove()
        ]
        changed.children = items
        changed.data = [item.data for item in items]
    return changed


def _edited(node: Node, edits: Mapping[Route, Edit]) -> Node:
    match edits.get(_WHOLE):
        case None:
            return apply_edits(node, edits) if edits else node
        case Enclose():
            changed = node.emptied()
            changed.style = ""
            changed.children = [node]
            changed.data = [node.data]
            return changed
        case Supply(supplied):
            return supplied
        case Replace(data):
            changed = node.emptied()
            changed.data = data
            changed.children = [] if data == [] else None
            return changed
        case _:
            return node
