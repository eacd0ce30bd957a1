"""Report that two images have the same tag, or that targets cannot share a tag."""

from typing import NamedTuple

from compiler.codes import Code
from compiler.errors import Diagnostic, Location
from compiler.matrix.bake_strings import BakeString
from compiler.targets.field_locations import TargetUnderCheck, apart
from compiler.targets.target_tags import TagGroup


class TagOwner(NamedTuple):
    """A target with one of its tags."""

    subject: TargetUnderCheck
    group: TagGroup
    name: BakeString
    """The tag as its field renders it."""
    tag: BakeString
    """The tag with its repository."""
    platforms: tuple[str, ...]
    """The canonical platforms of the target."""

    @property
    def location(self) -> Location:
        """Where the tag is written."""
        return self.subject.of_platform(self.group.platform).entry(self.group.field, self.name)

    @property
    def image(self) -> tuple[object, ...]:
        """What the tag names; two tags with equal values are one tag, written twice."""
        return self.subject.name, self.is_shared, self.group.platform, self.group.moving

    @property
    def is_shared(self) -> bool:
        """Whether it is the tag of an index of several targets."""
        return self.group.field == "shared"

    @property
    def is_plain(self) -> bool:
        """Whether it is a version tag or floating tag of the target itself."""
        return not self.is_shared and self.group.platform is None

    @property
    def kind(self) -> str:
        """What kind of tag it is."""
        if self.is_shared:
            return "a shared tag"
        if self.group.platform is not None:
            return f"a tag of {self.group.platform}"
        return "a floating tag" if self.group.moving else "a version tag"

    def shares(self, other: "TagOwner") -> bool:
        """Return whether both are members of one index."""
        return (
            (self.is_shared and other.is_shared)
            and self.group.moving == other.group.moving
            and self.tag == other.tag
        )


def duplicate_tag(new: TagOwner, first: TagOwner, shown: str, *, joinable: bool) -> Diagnostic:
    """Return the error for a tag of two images.

    Args:
        new: the target with the tag.
        first: an earlier target with it.
        shown: the tag as messages show it.
        joinable: whether the platforms of both targets differ, so that one index can have both.
    """
    location, other = new.location, first.location
    return Diagnostic(
        code=Code.DUPLICATE_TAG,
        message=_message(new, first, shown),
        location=location,
        help=_remedy(new, first, joinable=joinable),
        related=(("the other target", other),) if other != location else (),
    )


def _message(new: TagOwner, first: TagOwner, shown: str) -> str:
    own, other = new.subject.name, first.subject.name
    if new.is_shared and first.is_shared:
        if new.group.moving == first.group.moving:
            return f"shared tags {str(first.tag)!r} and {str(new.tag)!r} are the same tag"
        return f"shared tag {shown!r} is both a version tag and a floating tag"
    if own == other:
        return f"tag {shown!r} of target {own!r} is both {first.kind} and {new.kind}"
    if new.is_plain and first.is_plain:
        return f"duplicate tag {shown!r}: targets {other!r} and {own!r} both have it"
    return f"duplicate tag {shown!r}: {first.kind} of {other!r} and {new.kind} of {own!r}"


def _remedy(new: TagOwner, first: TagOwner, *, joinable: bool) -> str:
    if new.is_shared and first.is_shared:
        if new.group.moving == first.group.moving:
            return "write both in the same way"
        return "put the version into `tags`, and remove it from `moving`"
    if new.is_shared or first.is_shared:
        return "a shared tag cannot be a tag of another kind: remove one of them"
    if new.subject.name == first.subject.name:
        if new.group.platform is not None:
            return "distinguish them, for instance with {{ platform.arch }}"
        return "put the version into `tags`, and remove it from `moving` and `aliases`"
    if new.is_plain and first.is_plain and joinable:
        return (
            "list it under `shared`, so that `publish` joins both platforms in one index; or "
            "distinguish them, for instance with {{ variant }}"
        )
    return "distinguish them, for instance with {{ variant }}"


def overlap(new: TagOwner, member: TagOwner, platform: str) -> Diagnostic:
    """Return the error for two targets that cannot share a tag.

    Args:
        new: the target with the tag.
        member: an earlier target with it.
        platform: the platform of both; empty if a target has no platforms.
    """
    location, other = new.location, member.location
    if location == other:
        _, other = apart(new.subject.matrix, new.subject.variant, member.subject.variant)
    both = f"{member.subject.name!r} and {new.subject.name!r}"
    reason = f"both have {platform}" if platform else "each needs `platforms`"
    return Diagnostic(
        code=Code.SHARED_PLATFORM,
        message=f"targets {both} cannot share the tag {str(new.tag)!r}: {reason}",
        location=location,
        help="an index has one image for each platform: distinguish the tags, or narrow the "
        "platforms"
        if platform
        else "set the `platforms` of both images",
        related=(("the other target", other),),
    )
