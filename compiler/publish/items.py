"""Determine what to publish of each target: repository, tags, platforms, tests."""

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


class ReleaseItem(NamedTuple):
    """One target of a release."""

    target: str
    fingerprint: str
    """64 hexadecimal digits."""
    repository: str
    """The repository in which its image is staged."""
    version_tags: tuple[str, ...]
    floating_tags: tuple[str, ...]
    """Aliases included."""
    platforms: tuple[str, ...]
    """Empty if the builder decides."""
    tests: tuple[str, ...]
    bases: Mapping[str, str]
    """Locked base image -> digest."""


def release_items(
    plan: Plan,
    fingerprints: Mapping[str, Fingerprint],
    dockerfiles: Mapping[str, str],
    environment: Mapping[str, str],
    overrides: Overrides | None = None,
) -> dict[str, ReleaseItem]:
    """Return all targets that have a repository, by name.

    Args:
        plan: the compiled plan.
        fingerprints: target -> its fingerprint.
        dockerfiles: target -> the text of its Dockerfile.
        environment: the values of bake variables, the version included.
        overrides: the changes of `--set`.
    """
    values = variable_values(plan, environment)
    fields = resolved(plan, environment, overrides)
    staging = repositories(plan, environment, plan.matrix.staging)
    return {
        target.name: ReleaseItem(
            target=target.name,
            fingerprint=fingerprints[target.name].digest,
            repository=staging[target.name],
            version_tags=tuple(dict.fromkeys(substitute(tag, values) for tag in target.tags)),
            floating_tags=tuple(
                dict.fromkeys(substitute(tag, values) for tag in (*target.moving, *target.aliases))
            ),
            platforms=_platforms(fields[target.name]),
            tests=target.tests,
            bases=_locked_bases(dockerfiles[target.name], fields[target.name]),
        )
        for target in plan.targets
        if target.name in staging
    }


def _platforms(fields: Fields) -> tuple[str, ...]:
    platforms = fields.get("platforms", ())
    texts = (platforms,) if isinstance(platforms, str) else tuple(platforms)
    return tuple(name for text in texts if (name := canonical_platform(text)))


def _locked_bases(dockerfile: str, fields: Fields) -> dict[str, str]:
    """Return the locked images in a Dockerfile, and in arguments and named contexts."""
    bases = pinned_bases(dockerfile)
    for name in ("args", "contexts"):
        values = fields.get(name, {})
        for value in values.values() if isinstance(values, Mapping) else ():
            bases |= pinned_bases(str(value).removeprefix("docker-image://"))
    return bases


def record_repositories(plan: Plan, environment: Mapping[str, str]) -> list[str]:
    """Return the repositories in which records can be: those of staged images, then of tags."""
    staging = repositories(plan, environment, plan.matrix.staging)
    own = repositories(plan, environment)
    return list(dict.fromkeys([*staging.values(), *own.values()]))
