"""Determine what to publish of each target: repository, tags, platforms, tests."""

from collections.abc import Mapping
from typing import NamedTuple

from compiler.external.platforms import canonical_platform
from compiler.fingerprint.components import pinned_bases
from compiler.fingerprint.fingerprint import Fingerprint
from compiler.lock.mirror import resolved_mirror, without_mirror
from compiler.matrix.bake_strings import substitute
from compiler.matrix.matrix import ImagePart
from compiler.output.bake_fields import Fields
from compiler.output.bake_resolved import ResolvedPlan
from compiler.publish.staged_image import joined_fingerprints
from compiler.releases.record import RecordedPlatformTags, index_name, platform_name
from compiler.releases.tag_templates import tagged_repositories
from compiler.targets.image_tests import ImageTest


class ReleaseItem(NamedTuple):
    """One image of a release: of a target, of one of its platforms, or an index of targets."""

    target: str
    """The target; for other images, a text that no target has as its name."""
    fingerprint: str
    """64 hexadecimal digits."""
    repository: str
    """The repository in which its image is staged."""
    version_tags: tuple[str, ...]
    floating_tags: tuple[str, ...]
    """Aliases included."""
    platforms: tuple[str, ...]
    """Empty if the builder decides."""
    tests: tuple[ImageTest, ...]
    """The tests of its image, without variables."""
    bases: Mapping[str, str]
    """Locked base image -> digest."""
    members: tuple[str, ...] = ()
    """The targets of whose images it consists; empty for the image of a target."""
    platform: str = ""
    """The only platform of its member, canonical; empty for an index."""
    platform_tags: tuple[RecordedPlatformTags, ...] = ()
    """The tags of a target's platforms, which are items of their own as well."""

    @property
    def first_target(self) -> str:
        """The target, or the first of the targets of whose images it consists."""
        return self.members[0] if self.members else self.target

    @property
    def is_index(self) -> bool:
        """Whether it is an index of the images of several targets."""
        return bool(self.members) and not self.platform


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
    mirror = resolved_mirror(resolved.plan.matrix, resolved.variables)
    return {
        target.name: ReleaseItem(
            target=target.name,
            fingerprint=fingerprints[target.name].digest,
            repository=resolved.staging[target.name],
            version_tags=resolved.version_tags(target),
            floating_tags=resolved.floating_tags(target),
            platforms=_platforms(resolved.fields[target.name]),
            tests=tuple(_resolved(test, resolved.variables) for test in target.tests),
            bases=_locked_bases(
                dockerfiles[target.name],
                without_mirror(resolved.fields[target.name], mirror),
            ),
            platform_tags=tuple(
                RecordedPlatformTags(*platform_tags)
                for platform_tags in resolved.platform_tags(target)
            ),
        )
        for target in resolved.plan.targets
        if target.name in resolved.staging
    }


def _resolved(test: ImageTest, values: Mapping[str, str]) -> ImageTest:
    """Return a test with the values of variables; only those of labels can contain them."""
    if test.part is not ImagePart.LABELS:
        return test
    return test._replace(key=substitute(test.key, values), value=substitute(test.value, values))


def composed_items(
    resolved: ResolvedPlan, items: Mapping[str, ReleaseItem]
) -> dict[str, ReleaseItem]:
    """Return the images that consist of those of targets, by name: of platforms, and indexes.

    Each is in the repository in which its first target is staged. Its fingerprint is that of its
    target, or of all its targets.

    Args:
        resolved: the plan for the version to publish.
        items: the targets.
    """
    composed = [
        item._replace(
            target=platform_name(item.target, platform_tags.platform),
            version_tags=platform_tags.tags,
            floating_tags=platform_tags.moving,
            platforms=(canonical_platform(platform_tags.platform) or platform_tags.platform,),
            members=(item.target,),
            platform=canonical_platform(platform_tags.platform) or platform_tags.platform,
            platform_tags=(),
        )
        for item in items.values()
        for platform_tags in item.platform_tags
    ]
    for targets, (tags, moving) in resolved.shared_tags.items():
        members = [items[name] for name in targets]
        composed.append(
            members[0]._replace(
                target=index_name(targets),
                fingerprint=joined_fingerprints(member.fingerprint for member in members),
                version_tags=tuple(tags),
                floating_tags=tuple(moving),
                platforms=tuple(name for member in members for name in member.platforms),
                members=targets,
                platform_tags=(),
            )
        )
    return {item.target: item for item in composed}


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


def all_repositories(resolved: ResolvedPlan) -> list[str]:
    """Return all repositories of a matrix: those of records, then those of the other tags."""
    return list(dict.fromkeys([*record_repositories(resolved), *tagged_repositories(resolved)]))


def record_repositories(resolved: ResolvedPlan) -> list[str]:
    """Return the repositories in which records can be: those of staged images, then of tags."""
    return list(dict.fromkeys([*resolved.staging.values(), *resolved.repositories.values()]))
