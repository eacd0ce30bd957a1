"""Which targets one bake process builds: bounded parts, parents before children; only computes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from compiler.constants import LINK_PREFIX, TEST_SUFFIX
from compiler.targets.plan import Plan


Links = Mapping[str, Sequence[str]]
"""Target -> the targets that bake builds along with it: its parent, what it copies from."""


def contexts(plan: Plan) -> dict[str, dict[str, str]]:
    """Return which contexts of each target link to which other; its tests link to the target."""
    found: dict[str, dict[str, str]] = {}
    for target in plan.targets:
        given = cast("Mapping[str, str]", target.fields.get("contexts", {}))
        found[target.name] = {
            name: text.removeprefix(LINK_PREFIX)
            for name, text in given.items()
            if text.startswith(LINK_PREFIX)
        }
        if target.tests:
            found[f"{target.name}{TEST_SUFFIX}"] = {target.name: target.name}
    return found


def links(linked: Mapping[str, Mapping[str, str]], pinned: Iterable[str] = ()) -> Links:
    """Return what each target links to directly, of what `contexts` gives; nothing of the pinned.

    >>> links({"c": {"x": "b", "y": "a"}}, ["a"])
    {'c': ('b',)}
    """
    out = frozenset(pinned)
    return {
        name: tuple(dict.fromkeys(other for other in given.values() if other not in out))
        for name, given in linked.items()
    }


def along(names: Iterable[str], linked: Links) -> frozenset[str]:
    """Return these targets and all that bake builds along with them.

    >>> sorted(along(["c"], {"c": ["b"], "b": ["a"], "d": []}))
    ['a', 'b', 'c']
    """
    found: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += linked.get(name, ())
    return frozenset(found)


def ordered(names: Iterable[str], linked: Links) -> list[str]:
    """Return targets so that each follows what it links to, and families stay together.

    >>> ordered(["a", "b", "a-child", "a-test", "b-child"],
    ...         {"a-child": ["a"], "a-test": ["a"], "b-child": ["b"]})
    ['a', 'a-child', 'a-test', 'b', 'b-child']
    """
    wanted = dict.fromkeys(names)
    above = {name: along([name], linked).intersection(wanted) - {name} for name in wanted}
    children: dict[str, list[str]] = {}
    for name in wanted:
        for parent in above[name]:
            children.setdefault(parent, []).append(name)
    missing = {name: len(above[name]) for name in wanted}
    found: dict[str, None] = {}
    for root in wanted:
        stack = [root] if not missing[root] else []
        while stack:
            name = stack.pop()
            if name in found:
                continue
            found[name] = None
            below = children.get(name, [])
            for child in below:
                missing[child] -= 1
            stack += reversed([child for child in below if not missing[child]])
    return list(found)


def split(names: Iterable[str], linked: Links, most: int) -> list[tuple[str, ...]]:
    """Cut targets into parts, each with at most so many targets, those along included.

    A target that alone has more along with it is a part of its own. A part never needs a target
    of a later one.

    >>> split(["a", "b", "c"], {"c": ["b"]}, 2)
    [('a',), ('b', 'c')]
    """
    found: list[tuple[str, ...]] = []
    part: list[str] = []
    held: frozenset[str] = frozenset()
    for family in _families(ordered(names, linked), linked, most):
        more = held | along(family, linked)
        if part and len(more) > most:
            found.append(tuple(part))
            part, more = [], along(family, linked)
        part += family
        held = more
    return [*found, tuple(part)] if part else found


def _families(names: Sequence[str], linked: Links, most: int) -> list[tuple[str, ...]]:
    """Join each target to the one before it where it stands on that family and all of it fits."""
    found: list[list[str]] = []
    for name in names:
        last = found[-1] if found else []
        if along([name], linked).intersection(last) and len(along([*last, name], linked)) <= most:
            last.append(name)
        else:
            found.append([name])
    return [tuple(family) for family in found]


def halves(part: Sequence[str]) -> list[tuple[str, ...]]:
    """Return a part as two, in its order; one target stays as it is.

    >>> halves(["a", "b", "c"])
    [('a', 'b'), ('c',)]
    """
    middle = (len(part) + 1) // 2
    return [half for half in (tuple(part[:middle]), tuple(part[middle:])) if half]
