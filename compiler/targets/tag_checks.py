"""Check that tags and cache references are valid, and that no two images have the same tag."""

import re
from collections.abc import Callable, Iterator, Mapping

from compiler.codes import Code
from compiler.errors import Diagnostic, Location, Problems
from compiler.external.platforms import canonical_platform, overlapping_platforms
from compiler.external.references import canonical_tag, is_tag_name, split_repository
from compiler.matrix.bake_strings import BakeString, substitute
from compiler.targets.duplicate_tags import TagOwner, duplicate_tag, overlap
from compiler.targets.field_locations import TargetUnderCheck
from compiler.targets.target_tags import TagGroup, TargetTags


_NO_START = re.compile(r"[:'][-.']")
"""A tag in quotes whose name is empty, or begins with a separator."""
_TAGS = (
    "write [REGISTRY/]name[:tag]: the name in lower case, "
    "the tag of at most 128 letters, digits, `_`, `.`, `-`"
)
_NAMES = (
    "write only the name after the colon, because `repositories` is set; "
    "`repositories: null` turns that off"
)
_NAME = "write at most 128 letters, digits, `_`, `.`, `-`"
_LITERAL = "Jinja in a value of data is literal: write the tag in matrix.yaml"
_REPOSITORY = "write [REGISTRY/]name in lower case, without a tag"


class Tags:
    """Checks the tags of each target, also against those of earlier targets."""

    def __init__(self, variables: Mapping[str, str], problems: Problems) -> None:
        """Take the values of the bake variables, and the collector of errors."""
        self._values, self._problems = variables, problems
        self._owners: dict[str, TagOwner] = {}
        self._shared: dict[str, list[TagOwner]] = {}
        """Shared tag -> the targets that have it."""
        self._canonical: dict[tuple[BakeString, ...], tuple[str, ...]] = {}
        """Platforms of some targets -> the same in the form that BuildKit compares."""
        self._reported: dict[tuple[object, ...], str] = {}

    def check(
        self, subject: TargetUnderCheck, tags: TargetTags, platforms: tuple[BakeString, ...]
    ) -> None:
        """Check the tags of a target, which has these platforms."""
        if tags.repositories is not None:
            self._repositories(subject, tags.repositories)
        known = self._canonical.get(platforms)
        if known is None:
            texts = [substitute(text, self._values) for text in platforms]
            known = tuple(canonical_platform(text) or text for text in texts)
            self._canonical[platforms] = known
        for group in tags.groups:
            if tags.repositories is not None and not self._names(subject, group):
                continue
            for n, tag in enumerate(group.tags):
                owner = TagOwner(subject, group, group.name(n), tag, known)
                value = substitute(tag, self._values)
                full = canonical_tag(value)
                if tag and not value:
                    continue  # Bake ignores it.
                if full is not None:
                    self._own(full, owner)
                elif tags.repositories is None:
                    help_ = _LITERAL if "{{" in tag else self._with_value(tag, _TAGS, canonical_tag)
                    self._invalid(subject, owner.location, f"tag {str(tag)!r}", help_)

    def _own(self, full: str, new: TagOwner) -> None:
        """Record a tag in its full form; report a tag that another image has."""
        first = self._owners.setdefault(full, new)
        if first is not new and first.image != new.image and not first.shares(new):
            self._duplicate(new, first)
        elif new.is_shared:
            self._join(self._shared.setdefault(full, []), new)

    def _join(self, members: list[TagOwner], new: TagOwner) -> None:
        """Add a target to the index of a shared tag; report an overlap of platforms."""
        if any(member.subject.name == new.subject.name for member in members):
            return
        for member in members:
            platform = next(_common(member, new), None)
            if platform is not None and self._is_new(
                Code.SHARED_PLATFORM, new.location, member.subject.variant.image
            ):
                self._problems.add(overlap(new, member, platform))
        members.append(new)

    def _repositories(
        self, subject: TargetUnderCheck, repositories: tuple[BakeString, ...]
    ) -> None:
        """Check that repositories are valid and differ."""
        first: dict[tuple[str, str], BakeString] = {}
        for repository in repositories:
            full = split_repository(substitute(repository, self._values))
            if full is None:
                location = subject.entry("repositories", repository)
                help_ = self._with_value(repository, _REPOSITORY, split_repository)
                self._invalid(subject, location, f"repository {str(repository)!r}", help_)
            elif first.setdefault(full, repository) is not repository:
                location = subject.entry("repositories", repository)
                if self._is_new(Code.DUPLICATE_VALUE, location):
                    self._problems.add(
                        Diagnostic(
                            code=Code.DUPLICATE_VALUE,
                            message=f"duplicate repository {str(repository)!r}",
                            location=location,
                            help="remove one of them",
                        ),
                        subject.name,
                    )

    def _names(self, subject: TargetUnderCheck, group: TagGroup) -> bool:
        """Return whether the names of tags are valid; report those that are not."""
        invalid = [name for name in group.names if not is_tag_name(substitute(name, self._values))]
        for name in invalid:
            location = subject.of_platform(group.platform).entry(group.field, name)
            value = substitute(name, self._values)
            help_ = _NAMES if {"/", ":"} & set(value) else _NAME
            help_ = self._with_value(name, help_, is_tag_name)
            self._invalid(subject, location, f"tag name {str(name)!r}", help_)
        return not invalid

    def _with_value(self, text: BakeString, help_: str, valid: Callable[[str], object]) -> str:
        """Return the help for an invalid text; with its value, if a variable makes it invalid."""
        if not valid(substitute(text, dict.fromkeys(self._values, "x"))):
            return help_
        value = substitute(text, self._values)[:80]
        return f"its variables make it {value!r}: {help_}"

    def _invalid(
        self, subject: TargetUnderCheck, location: Location, what: str, help_: str
    ) -> None:
        message = self._reported.setdefault((Code.ILLEGAL_TAG, location), f"invalid {what}")
        is_variant_empty = "variant" in location.text and not subject.scope.get("variant")
        if is_variant_empty and _NO_START.search(what):
            help_ = "`{{ variant }}` is empty here: write `{{ variant or 'base' }}`, for instance"
        self._problems.add(
            Diagnostic(code=Code.ILLEGAL_TAG, message=message, location=location, help=help_),
            subject.name,
        )

    def _duplicate(self, new: TagOwner, first: TagOwner) -> None:
        if not self._is_new(Code.DUPLICATE_TAG, new.location, first.location):
            return
        # Equal texts are shown as written; others with the defaults of their variables.
        shown = str(new.tag) if new.tag == first.tag else substitute(new.tag, self._values)
        joinable = next(_common(first, new), None) is None
        self._problems.add(duplicate_tag(new, first, shown, joinable=joinable))

    def cache(self, subject: TargetUnderCheck, ref: str) -> None:
        """Check the `ref` of a target's `cache`."""
        if canonical_tag(substitute(ref, self._values)) is None:
            self._invalid(subject, subject.locate("cache", "ref"), f"tag {ref!r}", _TAGS)

    def _is_new(self, *error: object) -> bool:
        """Return whether an error is reported for the first time; many targets may have it."""
        if error in self._reported:
            return False
        self._reported[error] = ""
        return True


def _common(owner: TagOwner, other: TagOwner) -> Iterator[str]:
    """Yield the platforms of a target that overlap with those of another.

    A target without platforms is built for an unknown one: yields an empty text.
    """
    if not owner.platforms or not other.platforms:
        yield ""
    for platform in other.platforms:
        if any(overlapping_platforms(platform, own) for own in owner.platforms):
            yield platform
