"""All tags of a target: its own, those that it shares, and those of its platforms.

With `repositories`, the matrix contains names of tags only, and each exists in every repository.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from compiler.codes import Code
from compiler.errors import CompileError, Diagnostic, Problems
from compiler.external.platforms import PlatformName
from compiler.matrix.bake_strings import BakeString
from compiler.targets.field_locations import TargetUnderCheck
from compiler.targets.field_rendering import Rendered, RenderedTags, Renderer


class PlatformTags(NamedTuple):
    """The tags of one platform of a target, in bake's syntax."""

    platform: PlatformName
    tags: tuple[BakeString, ...]
    """Version tags."""
    moving: tuple[BakeString, ...]
    """Floating tags."""


class TagGroup(NamedTuple):
    """Tags of one kind and their origin."""

    field: str
    """`tags`, `moving`, `aliases`, `shared` or `platform-tags`."""
    moving: bool
    """Whether they are floating tags."""
    names: tuple[BakeString, ...]
    """The tags as the field renders them: without a repository if `repositories` is set."""
    tags: tuple[BakeString, ...]
    """The tags with their repositories, all of one repository before those of the next."""
    platform: PlatformName | None = None
    """The only platform that they name."""

    def name(self, position: int) -> BakeString:
        """Return what the field renders for the tag at a position."""
        return self.names[position % len(self.names)]


class TargetTags(NamedTuple):
    """All tags of one target."""

    repositories: tuple[BakeString, ...] | None
    """None if tags contain their repositories."""
    groups: tuple[TagGroup, ...]
    """The groups that are not empty."""

    def attributes(self) -> dict[str, Any]:
        """Return the attributes of a target for its tags, apart from its own version tags."""
        fields: dict[str, Any] = {"repositories": self.repositories}
        for group in self.groups:
            if group.field in {"moving", "aliases"}:
                fields[group.field] = group.tags
            elif group.field == "shared":
                fields["shared"] = _pair(
                    [group for group in self.groups if group.field == "shared"]
                )
            elif group.platform is not None:
                fields["platform_tags"] = self._platform_tags()
        return fields

    def _platform_tags(self) -> tuple[PlatformTags, ...]:
        """Return the tags of single platforms, in the order of the target's platforms."""
        by_platform: dict[PlatformName, list[TagGroup]] = {}
        for group in self.groups:
            if group.platform is not None:
                by_platform.setdefault(group.platform, []).append(group)
        return tuple(
            PlatformTags(platform, *_pair(groups)) for platform, groups in by_platform.items()
        )


_NO_TAGS = RenderedTags((), ())


def take_tags(
    fields: dict[str, Rendered], aliases: tuple[BakeString, ...], *, named: bool
) -> TargetTags:
    """Remove the fields that name tags from a target's fields, and return its tags.

    Args:
        fields: the rendered fields of the target; `tags` is replaced by the complete tags.
        aliases: its rendered aliases.
        named: whether `repositories` is set, so that tags are names.
    """
    repositories: Any = fields.pop("repositories", ())
    shared: Any = fields.pop("shared", _NO_TAGS)
    tags: Any = fields.pop("tags", ())
    moving: Any = fields.pop("moving", ())
    taken = repositories if named else None
    groups = []
    if tags:
        groups.append(_group(taken, "tags", tags))
        if groups[0].tags:
            fields["tags"] = groups[0].tags
    if moving:
        groups.append(_group(taken, "moving", moving, moving=True))
    if aliases:
        groups.append(_group(taken, "aliases", aliases, moving=True))
    if shared.tags:
        groups.append(_group(taken, "shared", shared.tags))
    if shared.moving:
        groups.append(_group(taken, "shared", shared.moving, moving=True))
    return TargetTags(taken, tuple(groups))


def with_platform_tags(
    tags: TargetTags,
    render: Renderer,
    subject: TargetUnderCheck,
    platforms: Iterable[str],
    problems: Problems,
) -> TargetTags:
    """Return a target's tags with those of its platforms; errors are added to the problems.

    Args:
        tags: the other tags of the target.
        render: renders `platform-tags`.
        subject: the target.
        platforms: its platforms, without variables.
        problems: the collector of errors.
    """
    names = tuple(PlatformName(text) for text in platforms)
    if not names:
        problems.add(_no_platforms(subject), subject.name)
    groups: list[TagGroup] = []
    for platform in names:
        try:
            rendered: Any = render(subject.of_platform(platform).scope)
        except CompileError as error:
            problems.reject(error, subject.name)
            break
        for texts, moving in ((rendered.tags, False), (rendered.moving, True)):
            group = _group(tags.repositories, "platform-tags", texts, moving=moving)
            groups += [group._replace(platform=platform)] if texts else []
    return tags._replace(groups=(*tags.groups, *groups))


def _no_platforms(subject: TargetUnderCheck) -> Diagnostic:
    return Diagnostic(
        code=Code.NO_PLATFORM,
        message="`platform-tags` need `platforms`",
        location=subject.locate("platform-tags"),
        help="add `platforms` to the image",
    )


def _group(
    repositories: tuple[BakeString, ...] | None,
    field: str,
    names: tuple[BakeString, ...],
    *,
    moving: bool = False,
) -> TagGroup:
    """Return the tags of a field: each name in every repository."""
    if repositories is None:
        return TagGroup(field, moving, names, names)
    tags = tuple(
        BakeString(f"{repository}:{name}") for repository in repositories for name in names
    )
    return TagGroup(field, moving, names, tags)


def _pair(groups: Iterable[TagGroup]) -> RenderedTags:
    tags: tuple[BakeString, ...] = ()
    moving: tuple[BakeString, ...] = ()
    for group in groups:
        if group.moving:
            moving += group.tags
        else:
            tags += group.tags
    return RenderedTags(tags, moving)
