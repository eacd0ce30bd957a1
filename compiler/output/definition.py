"""What a bake file defines, whoever says it: our plan, a file, or `bake --print`."""

from collections.abc import Mapping
from dataclasses import dataclass

from compiler.output.bake_fields import Fields
from compiler.targets.links import linked_target


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """Targets as bake reads them."""

    targets: Mapping[str, Fields]
    """Name -> fields in one form, in bake's order."""
    came_along: frozenset[str] = frozenset()
    """Targets that others link to and no one asked for: bake prints another output than theirs."""
    unknown: tuple[str, ...] = ()
    """Fields that bake printed and that are not known here, so not compared."""
    waiting: frozenset[str] = frozenset()
    """Tags that move, and do not count now."""
    variables: tuple[str, ...] = ()
    """The names of the variables that the environment may set, as far as they are known."""


def linked(targets: Mapping[str, Fields]) -> frozenset[str]:
    """Return the names that contexts `target:NAME` of these targets lead to."""
    return frozenset(
        name
        for fields in targets.values()
        if isinstance(contexts := fields.get("contexts"), Mapping)
        for text in contexts.values()
        if (name := linked_target(text)) is not None
    )
