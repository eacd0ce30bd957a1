"""What is published of each target: where it waits, the tags it gets, what decides its content."""

from collections.abc import Mapping
from typing import NamedTuple

from compiler.external.references import canonical_platform
from compiler.fingerprint.components import pinned_bases
from compiler.fingerprint.fingerprint import Fingerprint
from compiler.fingerprint.set_overrides import Overrides, resolved
from compiler.matrix.strings import substitute
from compiler.output.bake_fields import Fields
from compiler.output.bake_resolved import variable_values
from compiler.reports.changed.registry_state import repositories
from compiler.targets.plan import Plan


class Item(NamedTuple):
    """One target of a release."""

    target: str
    fingerprint: str
    """64 hexadecimal digits."""
    place: str
    """The repository where its image waits."""
    tags: tuple[str, ...]
    """Its tags for ever."""
    moving: tuple[str, ...]
    """Its tags that move, aliases included."""
    platforms: tuple[str, ...]
    """None where the builder decides."""
    tests: tuple[str, ...]
    bases: Mapping[str, str]
    """Locked base image -> digest."""


def items(
    plan: Plan,
    prints: Mapping[str, Fingerprint],
    texts: Mapping[str, str],
    environment: Mapping[str, str],
    overrides: Overrides | None = None,
) -> dict[str, Item]:
    """Return what can be published: each target but those without tags that wait nowhere.

    Args:
        plan: what is planned.
        prints: the fingerprint of each target.
        texts: the Dockerfile of each target.
        environment: what bake would take variables from, the version included.
        overrides: what `--set` changes.
    """
    values = variable_values(plan, environment)
    fields = resolved(plan, environment, overrides)
    places = repositories(plan, environment, plan.matrix.staging)
    return {
        target.name: Item(
            target=target.name,
            fingerprint=prints[target.name].digest,
            place=places[target.name],
            tags=tuple(dict.fromkeys(substitute(tag, values) for tag in target.tags)),
            moving=tuple(
                dict.fromkeys(substitute(tag, values) for tag in (*target.moving, *target.aliases))
            ),
            platforms=_platforms(fields[target.name]),
            tests=target.tests,
            bases=_bases(texts[target.name], fields[target.name]),
        )
        for target in plan.targets
        if target.name in places
    }


def _platforms(fields: Fields) -> tuple[str, ...]:
    given = fields.get("platforms", ())
    names = (given,) if isinstance(given, str) else tuple(given)
    return tuple(name for text in names if (name := canonical_platform(text)))


def _bases(text: str, fields: Fields) -> dict[str, str]:
    """Return the locked images of a Dockerfile, and of arguments and contexts that name some."""
    found = pinned_bases(text)
    for name in ("args", "contexts"):
        given = fields.get(name, {})
        for value in given.values() if isinstance(given, Mapping) else ():
            found |= pinned_bases(str(value).removeprefix("docker-image://"))
    return found


def homes(plan: Plan, environment: Mapping[str, str]) -> list[str]:
    """Return where records may be: where images wait, then where tags are, in the plan's order."""
    places = repositories(plan, environment, plan.matrix.staging)
    return list(dict.fromkeys([*places.values(), *repositories(plan, environment).values()]))
