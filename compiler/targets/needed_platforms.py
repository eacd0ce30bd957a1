"""Find targets of which a build may need fewer platforms than they have."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from compiler.external.platforms import canonical_platform
from compiler.targets.graph import Graph, closure, dependents
from compiler.targets.target import Target, link_graph


def partly_needed(targets: Sequence[Target]) -> dict[str, tuple[str, ...]]:
    """Return target -> its dependents, direct and indirect, of targets that may be needed partly.

    Such a target has a platform that one of its dependents lacks. If the dependent is built and
    the target itself is not, that platform is not needed.
    """
    reverse = dependents(link_graph(targets))
    by_name = {target.name: target for target in targets}
    by_target: dict[str, tuple[str, ...]] = {}
    for target in targets:
        if not target.platforms or not reverse[target.name]:
            continue
        names = closure(reverse[target.name], reverse)
        own = _canonical(target.platforms)
        if any(not own <= _canonical(by_name[name].platforms) for name in names):
            by_target[target.name] = tuple(name for name in by_name if name in names)
    return by_target


def needed_platforms(
    names: Collection[str], dependencies: Graph[str], platforms: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """Return the platforms that targets need of the targets that they depend on.

    Args:
        names: the targets that are built.
        dependencies: target -> the targets that it depends on.
        platforms: target -> its platforms in this build; a target without an entry has unknown
            ones, and so have the targets that it depends on.

    Returns:
        Target -> some of its platforms, for dependencies of which only these are needed.
    """
    reverse = dependents(dependencies)
    by_target: dict[str, tuple[str, ...]] = {}
    for name in closure(names, dependencies).difference(names):
        users = closure(reverse[name], reverse).intersection(names)
        if name not in platforms or not users <= platforms.keys():
            continue
        wanted = frozenset().union(*(_canonical(platforms[user]) for user in users))
        needed = tuple(text for text in platforms[name] if _full(text) in wanted)
        if 0 < len(needed) < len(platforms[name]):
            by_target[name] = needed
    return by_target


def _canonical(platforms: Iterable[str]) -> frozenset[str]:
    return frozenset(map(_full, platforms))


def _full(platform: str) -> str:
    return canonical_platform(platform) or platform
