"""Walk directed graphs; a graph maps each node to the nodes that it depends on.

This module knows nothing of targets. A node that is not a key of the graph has no dependencies.
"""

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from typing import TypeVar


T = TypeVar("T", bound=Hashable)

Graph = Mapping[T, Collection[T]]
"""Node -> its direct dependencies."""


def closure(nodes: Iterable[T], graph: Graph[T]) -> frozenset[T]:
    """Return nodes with all their dependencies, direct and indirect.

    >>> sorted(closure(["c"], {"c": ["b"], "b": ["a"], "d": []}))
    ['a', 'b', 'c']
    """
    reached: set[T] = set()
    pending = list(nodes)
    while pending:
        node = pending.pop()
        if node not in reached:
            reached.add(node)
            pending.extend(graph.get(node, ()))
    return frozenset(reached)


def dependents(graph: Graph[T]) -> dict[T, list[T]]:
    """Return the reversed graph: for each node, the nodes that depend on it directly.

    >>> dependents({"a": [], "b": ["a"], "c": ["a", "b"]})
    {'a': ['b', 'c'], 'b': ['c'], 'c': []}
    """
    reverse: dict[T, list[T]] = {node: [] for node in graph}
    for node, dependencies in graph.items():
        for dependency in dependencies:
            reverse.setdefault(dependency, []).append(node)
    return reverse


def ordered(nodes: Iterable[T], graph: Graph[T]) -> list[T]:
    """Return nodes so that each follows its dependencies; otherwise their order is kept.

    A node comes directly after the last of its dependencies, so families stay together. Indirect
    dependencies count, even through nodes that are not in the list.

    Raises:
        ValueError: some of the nodes depend on each other.

    >>> ordered(["a", "b", "a-child", "a-test", "b-child"],
    ...         {"a-child": ["a"], "a-test": ["a"], "b-child": ["b"]})
    ['a', 'a-child', 'a-test', 'b', 'b-child']
    """
    wanted = dict.fromkeys(nodes)
    # A path through another wanted node says nothing new, so walks end there.
    ends = {node: () if node in wanted else others for node, others in graph.items()}
    dependencies = {node: closure(graph.get(node, ()), ends) & wanted.keys() for node in wanted}
    waiting = {node: len(dependencies[node]) for node in wanted}
    reverse = dependents(dependencies)
    result: dict[T, None] = {}
    for root in wanted:
        stack = [] if waiting[root] else [root]
        while stack:
            node = stack.pop()
            if node in result:
                continue
            result[node] = None
            for dependent in reversed(reverse[node]):
                waiting[dependent] -= 1
                if not waiting[dependent]:
                    stack.append(dependent)
    if len(result) < len(wanted):
        raise ValueError("the graph has a cycle")
    return list(result)


def cycles(graph: Graph[T]) -> Iterator[tuple[T, ...]]:
    """Yield cycles, each with its first node repeated at the end; nothing if the graph has none.

    A depth-first walk yields one cycle for each edge that leads back to the current path.

    >>> list(cycles({"a": ["b"], "b": ["c"], "c": ["b"]}))
    [('b', 'c', 'b')]
    """
    done: set[T] = set()
    for start in graph:
        path: dict[T, None] = {}
        stack = [] if start in done else [(start, iter(graph[start]))]
        while stack:
            node, dependencies = stack[-1]
            path[node] = None
            dependency = next(dependencies, None)
            if dependency is None:
                done.add(node)
                path.pop(node)
                stack.pop()
            elif dependency in path:
                names = list(path)
                yield (*names[names.index(dependency) :], dependency)
            elif dependency not in done:
                stack.append((dependency, iter(graph.get(dependency, ()))))
