"""Determine what to publish of each target: repository, tags, platforms, tests."""

from collections.abc import Mapping
from typing import NamedTuple

from compiler.external.references import canonical_platform
from compiler.fingerprint.components import pinned_bases
from compiler.fingerprint.fingerprint import Fingerprint
from compiler.output.bake_fields import Fields
from compiler.output.bake_resolved import ResolvedPlan


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
    resolved: ResolvedPlan,
    fingerprints: Mapping[str, Fingerprint],
    dockerfiles: Mapping[str, str],
) -> dict[str, ReleaseItem]:
    """Return all targets that have a repository, by name.

    Args:
        resolved: the plan for the version to publish, with the changes of `--set`.
        fingerprints: target -> its fingerprint.
        dockerfiles: target -> the text of its Dockerfile.
    """
    return {
        target.name: ReleaseItem(
            target=target.name,
            fingerprint=fingerprints[target.name].digest,
            repository=resolved.staging[target.name],
            version_tags=resolved.version_tags(target),
            floating_tags=resolved.floating_tags(target),
            platforms=_platforms(resolved.fields[target.name]),
            tests=target.tests,
            bases=_locked_bases(dockerfiles[target.name], resolved.fields[target.name]),
        )
        for target in resolved.plan.targets
        if target.name in resolved.staging
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


def record_repositories(resolved: ResolvedPlan) -> list[str]:
    """Return the repositories in which records can be: those of staged images, then of tags."""
    return list(dict.fromkeys([*resolved.staging.values(), *resolved.repositories.values()]))
