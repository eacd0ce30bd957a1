"""Reject releases in which one name is two tags: one image would replace the other.

Compiling compares tags with the defaults of the variables. What a tag is called in a release, and
which versions are released already, is known only now.
"""

from collections.abc import Iterator

from compiler.codes import Code
from compiler.external.references import tag_key
from compiler.publish.items import ReleaseItem
from compiler.publish.request import NOTHING_BUILT, PublishJob
from compiler.releases.registry_record import record_tag, versions_in_tags


_OWN = "its floating tag {} is its version tag as well, and the next release would move it"
_RECORDED = "its floating tag {} is the version tag of release {}"


def reject_tag_conflicts(job: PublishJob) -> None:
    """Reject the tag of the record, a tag of two images, and a floating tag that is a version tag.

    Tags that follow the version are other ones in each release.

    Raises:
        PublishError: with all of these tags.
    """
    _reject_reserved_tags(job)
    if not job.request.creates_tags:
        return
    conflicts = [*_duplicates(job), *_own_version_tags(job)]
    if conflicts:
        raise job.error(
            Code.DUPLICATE_TAG,
            conflicts,
            help_="rename one of the tags, or publish another version",
            outcome=NOTHING_BUILT,
        )
    conflicts = [*_released_version_tags(job)]
    if conflicts:
        raise job.error(
            Code.EXISTING_TAG,
            conflicts,
            help_="rename the floating tag: version tags are never moved",
            outcome=NOTHING_BUILT,
        )


def _reject_reserved_tags(job: PublishJob) -> None:
    """Reject targets with the tag of the release's record: the two would replace each other.

    Raises:
        PublishError: with all of these targets.
    """
    tag = f"{job.record_repository}:{record_tag(job.version)}"
    reserved = tag_key(tag)
    targets = [
        item.target
        for item in (*job.items.values(), *job.composed.values())
        if reserved in map(tag_key, (*item.version_tags, *item.floating_tags))
    ]
    if targets:
        raise job.error(
            Code.RESERVED_TAG,
            [(name, f"its tag {tag} is reserved for the release record") for name in targets],
            help_="rename the tag, or set `staging` of `publish` in matrix.yaml to a separate "
            "repository",
            outcome=NOTHING_BUILT,
        )


def _duplicates(job: PublishJob) -> Iterator[tuple[str, str]]:
    """Yield target and reason for each tag that another image has as well."""
    owners: dict[str, ReleaseItem] = {}
    for item in (*job.items.values(), *job.composed.values()):
        for tag in (*item.version_tags, *item.floating_tags):
            owner = owners.setdefault(tag_key(tag), item)
            if owner is not item:
                yield item.first_target, f"its tag {tag} is a tag of {owner.first_target} as well"


def _own_version_tags(job: PublishJob) -> Iterator[tuple[str, str]]:
    """Yield target and reason for each fixed floating tag that is a version tag of its image."""
    for item in job.tagged.values():
        version_tags = {*map(tag_key, item.version_tags)}
        for tag in item.floating_tags:
            if tag_key(tag) in version_tags and job.templates.is_fixed(tag):
                yield item.first_target, _OWN.format(tag)


def _released_version_tags(job: PublishJob) -> Iterator[tuple[str, str]]:
    """Yield target and reason for each floating tag that another release has as a version tag.

    A tag that follows the version may be such a tag as well: `app:12` of 12.1.
    """
    possible = {
        (item.first_target, tag): versions
        for item in job.tagged.values()
        for tag in item.floating_tags
        if (versions := job.templates.possible_versions(tag))
    }
    if not possible:
        return
    released = {*versions_in_tags(job.registries.tags(job.record_repository))}
    for (target, tag), versions in possible.items():
        for version in sorted(versions & released - {job.version}):
            yield target, _RECORDED.format(tag, version)
