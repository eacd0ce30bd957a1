"""The walks of `compiler.targets.graph`, compared with plain definitions on random graphs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.targets.graph import closure, cycles, dependents, ordered


NODES = st.integers(0, 7)
GRAPHS = st.dictionaries(NODES, st.lists(NODES, unique=True))
ACYCLIC = GRAPHS.map(
    lambda graph: {node: [n for n in others if n < node] for node, others in graph.items()}
)


def reachable(node: int, graph: Mapping[int, list[int]]) -> set[int]:
    """Return what a node depends on, by repeated expansion."""
    found: set[int] = set()
    while more := {n for m in {node, *found} for n in graph.get(m, ())} - found:
        found |= more
    return found


@given(st.lists(NODES), GRAPHS)
def test_a_closure_is_everything_reachable(nodes: list[int], graph: dict[int, list[int]]) -> None:
    """The closure consists of the nodes and of all that they depend on."""
    assert closure(nodes, graph) == {*nodes}.union(*(reachable(node, graph) for node in nodes))


@given(GRAPHS)
def test_dependents_are_the_reversed_edges(graph: dict[int, list[int]]) -> None:
    """Each edge appears once, in the other direction."""
    edges = [(node, other) for node, others in graph.items() for other in others]

    reverse = dependents(graph)

    assert sorted(edges) == sorted((n, other) for other, nodes in reverse.items() for n in nodes)
    assert graph.keys() <= reverse.keys()


@given(st.permutations(range(8)), ACYCLIC)
def test_dependencies_come_first(nodes: list[int], graph: dict[int, list[int]]) -> None:
    """No node is lost, and each follows its dependencies, also where links between are left out."""
    some = nodes[:5]

    result = ordered(some, graph)

    assert sorted(result) == sorted(some)
    for n, node in enumerate(result):
        assert reachable(node, graph).isdisjoint(result[n:])


def test_a_long_chain_takes_linear_time_and_memory() -> None:
    """A chain of as many nodes as a matrix can have does not take the square of their number."""
    length = 50_000
    chain = {node: [node - 1] if node else [] for node in range(length)}
    begin = time.process_time()

    assert ordered(reversed(range(length)), chain) == [*range(length)]
    assert time.process_time() - begin < 5


@given(st.permutations(range(8)))
def test_the_order_of_independent_nodes_is_kept(nodes: list[int]) -> None:
    """Without edges nothing moves."""
    assert ordered(nodes, {}) == nodes


def test_a_dependent_follows_its_last_dependency() -> None:
    """Families stay together, in the order of their first members."""
    graph = {"b1": ["b"], "a1": ["a"], "ab": ["a", "b"], "b2": ["b1"]}

    assert ordered(["a", "b", "a1", "ab", "b1", "b2"], graph) == ["a", "a1", "b", "ab", "b1", "b2"]


@given(GRAPHS)
def test_cycles_are_cycles(graph: dict[int, list[int]]) -> None:
    """A cycle is found exactly if a node depends on itself, and each one found is closed."""
    found = list(cycles(graph))

    assert bool(found) == any(node in reachable(node, graph) for node in graph)
    for cycle in found:
        assert cycle[0] == cycle[-1]
        assert all(other in graph[node] for node, other in pairwise(cycle))
        assert len(set(cycle)) == len(cycle) - 1


@given(GRAPHS)
def test_a_cycle_has_no_order(graph: dict[int, list[int]]) -> None:
    """Nodes that depend on each other cannot be ordered."""
    if any(cycles(graph)):
        with pytest.raises(ValueError, match="cycle"):
            ordered(graph, graph)
    else:
        assert set(ordered(graph, graph)) == set(graph)


def test_ordering_takes_time_in_proportion_to_the_nodes() -> None:
    """Ten times as many nodes take far less than the hundredfold time of comparing each pair."""

    def seconds(count: int) -> float:
        graph = {node: [node - 1] if node % 2 else [] for node in range(count)}
        start = time.process_time()
        ordered(range(count), graph)
        return time.process_time() - start

    few, many = (min(seconds(count) for _ in range(3)) for count in (1_000, 10_000))
    assert many < 40 * few
