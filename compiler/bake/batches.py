"""Divide targets into bounded batches for bake, parents before children; no side effects."""

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from compiler.constants import LINK_PREFIX, TEST_SUFFIX
from compiler.targets.plan import Plan


Dependencies = Mapping[str, Sequence[str]]
"""Target -> the targets that bake builds with it: its parent, and targets that it copies from."""


def linked_contexts(plan: Plan) -> dict[str, dict[str, str]]:
    """Return, for each target, its named contexts that are other targets.

    A test target has one such context: the target that it tests.
    """
    contexts: dict[str, dict[str, str]] = {}
    for target in plan.targets:
        fields = cast("Mapping[str, str]", target.fields.get("contexts", {}))
        contexts[target.name] = {
            name: text.removeprefix(LINK_PREFIX)
            for name, text in fields.items()
            if text.startswith(LINK_PREFIX)
        }
        if target.tests:
            contexts[f"{target.name}{TEST_SUFFIX}"] = {target.name: target.name}
    return contexts


def direct_dependencies(
    contexts: Mapping[str, Mapping[str, str]], pinned: Iterable[str] = ()
) -> Dependencies:
    """Return the direct dependencies of each target, without pinned ones.

    >>> direct_dependencies({"c": {"x": "b", "y": "a"}}, ["a"])
    {'c': ('b',)}
    """
    excluded = frozenset(pinned)
    return {
        name: tuple(dict.fromkeys(other for other in links.values() if other not in excluded))
        for name, links in contexts.items()
    }


def with_dependencies(names: Iterable[str], dependencies: Dependencies) -> frozenset[str]:
    """Return targets with all their direct and indirect dependencies.

    >>> sorted(with_dependencies(["c"], {"c": ["b"], "b": ["a"], "d": []}))
    ['a', 'b', 'c']
    """
    closure: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        if name not in closure:
            closure.add(name)
            pending += dependencies.get(name, ())
    return frozenset(closure)


def in_build_order(names: Iterable[str], dependencies: Dependencies) -> list[str]:
    """Return targets so that each follows its dependencies and families stay together.

    >>> in_build_order(["a", "b", "a-child", "a-test", "b-child"],
    ...                {"a-child": ["a"], "a-test": ["a"], "b-child": ["b"]})
    ['a', 'a-child', 'a-test', 'b', 'b-child']
    """
    requested = dict.fromkeys(names)
    above = {
        name: with_dependencies([name], dependencies).intersection(requested) - {name}
        for name in requested
    }
    children: dict[str, list[str]] = {}
    for name in requested:
        for parent in above[name]:
            children.setdefault(parent, []).append(name)
    missing = {name: len(above[name]) for name in requested}
    order: dict[str, None] = {}
    for root in requested:
        stack = [root] if not missing[root] else []
        while stack:
            name = stack.pop()
            if name in order:
                continue
            order[name] = None
            below = children.get(name, [])
            for child in below:
                missing[child] -= 1
            stack += reversed([child for child in below if not missing[child]])
    return list(order)


def split_into_batches(
    names: Iterable[str], dependencies: Dependencies, limit: int
) -> list[tuple[str, ...]]:
    """Divide targets into batches of at most `limit` targets, dependencies included.

    A target with more dependencies than that is a batch of its own. No batch depends on a later
    one.

    >>> split_into_batches(["a", "b", "c"], {"c": ["b"]}, 2)
    [('a',), ('b', 'c')]
    """
    batches: list[tuple[str, ...]] = []
    batch: list[str] = []
    closure: frozenset[str] = frozenset()
    for family in _families(in_build_order(names, dependencies), dependencies, limit):
        enlarged = closure | with_dependencies(family, dependencies)
        if batch and len(enlarged) > limit:
            batches.append(tuple(batch))
            batch, enlarged = [], with_dependencies(family, dependencies)
        batch += family
        closure = enlarged
    return [*batches, tuple(batch)] if batch else batches


def _families(
    names: Sequence[str], dependencies: Dependencies, limit: int
) -> list[tuple[str, ...]]:
    """Group each target with the preceding family if it depends on it and the limit allows."""
    families: list[list[str]] = []
    for name in names:
        last = families[-1] if families else []
        related = with_dependencies([name], dependencies).intersection(last)
        if related and len(with_dependencies([*last, name], dependencies)) <= limit:
            last.append(name)
        else:
            families.append([name])
    return [tuple(family) for family in families]


def halve(batch: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the two halves of a batch, in its order; a single target stays one batch.

    >>> halve(["a", "b", "c"])
    [('a', 'b'), ('c',)]
    """
    middle = (len(batch) + 1) // 2
    return [half for half in (tuple(batch[:middle]), tuple(batch[middle:])) if half]
