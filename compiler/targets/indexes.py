"""The indexes of a plan: tags that several targets share."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from compiler.matrix.bake_strings import BakeString
from compiler.targets.target import Target


class Index(NamedTuple):
    """A shared tag and the targets of which it is an index."""

    tag: str
    """The tag with its repository."""
    moving: bool
    """Whether it is a floating tag."""
    targets: tuple[str, ...]


def make_indexes(
    targets: Iterable[Target], resolve: Callable[[BakeString], str] = str
) -> tuple[Index, ...]:
    """Return an index for each shared tag, in the order of the targets.

    Args:
        targets: the targets.
        resolve: returns a tag without bake variables, or an empty text if a variable has no value;
            by default tags keep their variables.
    """
    members: dict[tuple[str, bool], dict[str, None]] = {}
    for target in targets:
        if not any(target.shared):
            continue
        for tags, moving in ((target.shared.tags, False), (target.shared.moving, True)):
            for tag in filter(None, map(resolve, tags)):
                members.setdefault((tag, moving), {})[target.name] = None
    return tuple(Index(tag, moving, tuple(names)) for (tag, moving), names in members.items())
