"""The targets that bake would build: from a plan, a bake file, or `bake --print`."""

from collections.abc import Mapping
from dataclasses import dataclass

from compiler.output.bake_fields import Fields
from compiler.targets.links import linked_target


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """Targets as bake reads them."""

    targets: Mapping[str, Fields]
    """Name -> normalised fields, in bake's order."""
    dependencies: frozenset[str] = frozenset()
    """Targets that bake printed only because others depend on them; bake changes their output."""
    unknown: tuple[str, ...] = ()
    """Unknown fields that bake printed; they are not compared."""
    unpushed_tags: frozenset[str] = frozenset()
    """Floating tags that are not pushed in this environment."""
    published_tags: frozenset[str] = frozenset()
    """Shared tags and platform tags, which bake does not know."""
    variables: tuple[str, ...] = ()
    """The known variables that the environment can set."""


def linked(targets: Mapping[str, Fields]) -> frozenset[str]:
    """Return the targets that contexts of these targets refer to."""
    return frozenset(
        name
        for fields in targets.values()
        if isinstance(contexts := fields.get("contexts"), Mapping)
        for text in contexts.values()
        if (name := linked_target(text)) is not None
    )
