"""Targets -> stages of shards: parents before children, similar work, shared steps together."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from compiler.targets.graph import closure, ordered


USUAL = 20
"""Number of jobs that GitHub runs at the same time on its free plan."""


class Shard(NamedTuple):
    """The targets that one job builds."""

    targets: tuple[str, ...]
    """In the plan's order."""
    steps: int
    """The number of distinct steps that the job executes."""


def stages(
    names: Sequence[str],
    linked: Mapping[str, Sequence[str]],
    steps: Mapping[str, Sequence[str]],
    most: int = USUAL,
) -> tuple[tuple[Shard, ...], ...]:
    """Return the shards of each stage; the dependencies of a target are in earlier stages.

    If there are more stages than shards, the last shard contains parents and their children.

    Args:
        names: the targets, in the plan's order.
        linked: target -> its direct dependencies.
        steps: target -> its steps, as `render.build_steps` names them.
        most: the maximum number of shards in all stages together.
    """
    if not names:
        return ()
    levels = _levels(names, linked)
    if len(levels) > most:
        levels[most - 1 :] = [[name for level in levels[most - 1 :] for name in level]]
    counts = [1] * len(levels)
    weights = [_cost(level, steps) for level in levels]
    room = [len(level) for level in levels]
    if len(levels) == most:
        room = counts[:]
    for _ in range(most - len(levels)):
        open_ = [n for n in range(len(levels)) if counts[n] < room[n]]
        if not open_:
            break
        counts[max(open_, key=lambda n: weights[n] / counts[n])] += 1
    order = {name: n for n, name in enumerate(names)}
    return tuple(
        tuple(
            Shard(tuple(sorted(part, key=order.__getitem__)), _cost(part, steps))
            for part in _cut(_sorted(level, steps), steps, count)
        )
        for level, count in zip(levels, counts, strict=True)
    )


def _levels(names: Sequence[str], linked: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Group targets by the length of their longest chain of dependencies among these targets."""
    depth: dict[str, int] = {}
    asked = frozenset(names)
    for name in ordered(closure(names, linked), linked):
        below = linked.get(name, ())
        depth[name] = max((depth[other] + (other in asked) for other in below), default=0)
    levels: list[list[str]] = [[] for _ in range(max(depth[name] for name in names) + 1)]
    for name in names:
        levels[depth[name]].append(name)
    return levels


def _cost(names: Sequence[str], steps: Mapping[str, Sequence[str]]) -> int:
    return len({step for name in names for step in steps[name]})


def _sorted(names: Sequence[str], steps: Mapping[str, Sequence[str]]) -> list[str]:
    """Order targets so that those with common first steps are neighbours."""
    seen: dict[str, int] = {}
    for name in names:
        for step in steps[name]:
            seen.setdefault(step, len(seen))
    return sorted(names, key=lambda name: [seen[step] for step in steps[name]])


def _cut(names: list[str], steps: Mapping[str, Sequence[str]], count: int) -> list[list[str]]:
    """Divide targets into at most `count` shards, and minimize the largest number of steps."""
    low, high = max(len(steps[name]) for name in names), _cost(names, steps)
    while low < high:
        middle = (low + high) // 2
        if len(_filled(names, steps, middle)) <= count:
            high = middle
        else:
            low = middle + 1
    parts = _filled(names, steps, low)
    for n in reversed(range(1, len(parts))):
        parts[n - 1 : n + 1] = _parted(parts[n - 1], parts[n], steps, low)
    return parts


def _parted(
    left: list[str], right: list[str], steps: Mapping[str, Sequence[str]], most: int
) -> tuple[list[str], list[str]]:
    """Move targets from the end of a shard to the next if that duplicates fewer steps."""
    kept = [0]  # number of distinct steps of the first n targets
    covered: set[str] = set()
    for name in left:
        covered.update(steps[name])
        kept.append(len(covered))
    best, cost = len(left), kept[-1] + _cost(right, steps)
    covered = {step for name in right for step in steps[name]}
    for n in reversed(range(1, len(left))):
        covered.update(steps[left[n]])
        if len(covered) > most:
            break
        if kept[n] + len(covered) < cost:
            best, cost = n, kept[n] + len(covered)
    return left[:best], left[best:] + right


def _filled(names: list[str], steps: Mapping[str, Sequence[str]], most: int) -> list[list[str]]:
    """Fill shards one after another, each with at most `most` distinct steps."""
    parts: list[list[str]] = []
    covered: set[str] = set()
    for name in names:
        grown = covered.union(steps[name])
        if parts and len(grown) <= most:
            parts[-1].append(name)
            covered = grown
        else:
            parts.append([name])
            covered = set(steps[name])
    return parts
