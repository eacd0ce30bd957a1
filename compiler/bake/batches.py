"""Divide targets into bounded batches for bake, parents before children; no side effects."""

from collections.abc import Iterable, Mapping, Sequence

from compiler.constants import TEST_SUFFIX
from compiler.targets.graph import closure, ordered
from compiler.targets.plan import Plan


Dependencies = Mapping[str, Sequence[str]]
"""Target -> the targets that bake builds with it: its parent, and targets that it copies from."""


def linked_contexts(plan: Plan) -> dict[str, Mapping[str, str]]:
    """Return, for each target, its named contexts that are other targets.

    A test target has one such context: the target that it tests.
    """
    contexts: dict[str, Mapping[str, str]] = {}
    for target in plan.targets:
        contexts[target.name] = target.links
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
    needed: frozenset[str] = frozenset()
    for family in _families(ordered(names, dependencies), dependencies, limit):
        enlarged = needed | closure(family, dependencies)
        if batch and len(enlarged) > limit:
            batches.append(tuple(batch))
            batch, enlarged = [], closure(family, dependencies)
        batch += family
        needed = enlarged
    return [*batches, tuple(batch)] if batch else batches


def _families(
    names: Sequence[str], dependencies: Dependencies, limit: int
) -> list[tuple[str, ...]]:
    """Group each target with the preceding family if it depends on it and the limit allows."""
    families: list[list[str]] = []
    for name in names:
        last = families[-1] if families else []
        related = closure([name], dependencies).intersection(last)
        if related and len(closure([*last, name], dependencies)) <= limit:
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
