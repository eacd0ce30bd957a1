"""Write the groups of a definition as groups of the matrix."""

from collections.abc import Mapping, Sequence
from typing import Any

from compiler.reports.adopt.image import Image, matcher, written_patterns
from compiler.reports.adopt.model import Given, Leftover
from compiler.reports.adopt.patterns import selecting


def make_groups(
    existing: Given,
    images: Sequence[Image],
    names: Mapping[str, str],
    ungrouped: frozenset[str],
    leftovers: list[Leftover],
) -> dict[str, Any]:
    """Return the groups; those that exist in every matrix are left out.

    Args:
        existing: the definition.
        images: the images of the matrix.
        names: given target -> target of the matrix.
        ungrouped: groups that the matrix does not have.
        leftovers: receives the groups that cannot be written.
    """
    groups: dict[str, Any] = {}
    for group, targets in existing.groups.items():
        if group in ungrouped:
            continue
        members = {names[target] for target in targets if target in names}
        touched = [image for image in images if not members.isdisjoint(image.names)]
        if group == "default":
            every = len(members) == len(names)
            pattern: Any = {} if every else "the default group of a matrix contains every target"
        else:
            pattern = _pattern(group, members, touched)
        if isinstance(pattern, str):
            line = existing.lines.get(f"group {group}", 0)
            what = f"group '{group}'"
            leftovers.append(Leftover(path=existing.path, line=line, what=what, why=pattern))
        elif pattern:
            groups[group] = pattern
    return groups


def _pattern(group: str, members: set[str], touched: Sequence[Image]) -> dict[str, Any] | str:
    """Return the pattern of a group, an empty one if it exists anyway, or why there is none.

    Args:
        group: its name.
        members: its targets.
        touched: the images of these.
    """
    if not touched:
        return "it contains no target"
    names = [image.name for image in touched]
    if all(members.issuperset(image.names) for image in touched):
        return {} if names == [group] else {"image": matcher(names)}
    if len(touched) > 1:
        return "it contains parts of several images"
    (image,) = touched
    rows = [row for row, name in zip(image.rows, image.names, strict=True) if name in members]
    boxes = written_patterns(selecting(rows, image.rows, image.axes))
    if len(boxes) > 1:
        return "its targets do not match one pattern"
    return {"image": image.name, **boxes[0]}
