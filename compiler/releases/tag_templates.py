"""Templates of tags: which version a tag belongs to, by the position of the version in it.

A template is a tag of the matrix in which the version of the release is left open. All other
variables have the values of the environment.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

from compiler.external.references import split_tag
from compiler.output.bake_resolved import ResolvedPlan
from compiler.releases.version import Release, parse_version, release_version


_OPEN = "\0"
"""Stands for the version in a template; no tag can contain it."""


class TagTemplate(NamedTuple):
    """A version tag in which the version is left open."""

    text: str

    @property
    def has_version(self) -> bool:
        """Return whether the tag contains the version; otherwise all releases share the tag."""
        return _OPEN in self.text

    @property
    def repository(self) -> str | None:
        """Return the repository of the tags; None if the repository contains the version."""
        repository = split_tag(self.text)[0]
        return None if _OPEN in repository else repository

    def tag(self, version: str) -> str:
        """Return the tag of a version."""
        return self.text.replace(_OPEN, version)

    def version(self, tag: str) -> str | None:
        r"""Return the version of a tag; None if the template cannot produce the tag.

        >>> TagTemplate("r/app:3.11-\0").version("r/app:3.11-0")
        '0'
        >>> TagTemplate("r/app:v\0-\0").version("r/app:v1-2") is None
        True
        """
        pieces = self.text.split(_OPEN)
        count = len(pieces) - 1
        length, remainder = divmod(len(tag) - sum(map(len, pieces)), count) if count else (0, 1)
        if length <= 0 or remainder:
            return None
        version = tag[len(pieces[0]) : len(pieces[0]) + length]
        return version if self.tag(version) == tag else None


class TagTemplates:
    """The tags that a matrix can produce for the releases of one environment."""

    def __init__(self, resolved: ResolvedPlan, release: Release) -> None:
        """Take the plan for the version of a release."""
        self._resolved, self._release = resolved, release
        opened = resolved.with_variable(release.variable, _OPEN)
        self.version_tags: Mapping[str, tuple[TagTemplate, ...]] = {
            target.name: tuple(map(TagTemplate, opened.version_tags(target)))
            for target in resolved.plan.targets
        }
        """Target -> the templates of its version tags."""

    @cached_property
    def floating_tags(self) -> frozenset[str]:
        """The floating tags of all targets, aliases included."""
        return frozenset(
            tag
            for target in self._resolved.plan.targets
            for tag in self._resolved.floating_tags(target)
        )

    @cached_property
    def repositories(self) -> frozenset[str]:
        """The repositories of all tags of the matrix."""
        tags = [tag for name in self.version_tags for tag in self.tags_of(name)]
        return frozenset(split_tag(tag)[0] for tag in (*tags, *self.floating_tags))

    def tags_of(self, target: str) -> tuple[str, ...]:
        """Return the version tags of a target in this release."""
        return tuple(template.tag(self._release.version) for template in self.version_tags[target])

    def is_version_tag(self, tag: str) -> bool:
        """Return whether a tag is a version tag of any release."""
        return any(template.text == tag for template in self._unversioned) or any(
            parse_version(version) for _, version in self.versions([tag])
        )

    @cached_property
    def _unversioned(self) -> tuple[TagTemplate, ...]:
        """The version tags that all releases share."""
        templates = (template for tags in self.version_tags.values() for template in tags)
        return tuple(template for template in templates if not template.has_version)

    def versions(self, tags: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Yield target and version for each version tag among existing tags.

        A tag that several templates can produce counts for the one with the most literal text. A
        floating tag does not count, even if a template could produce it.

        Args:
            tags: existing tags, with their repository.
        """
        for tag in tags:
            if tag in self.floating_tags:
                continue
            matches = [
                (len(template.text), name, version)
                for template, name in self._candidates(tag)
                if (version := template.version(tag)) is not None
            ]
            most = max((length for length, _, _ in matches), default=0)
            yield from ((name, version) for length, name, version in matches if length == most)

    def _candidates(self, tag: str) -> Iterator[tuple[TagTemplate, str]]:
        """Yield the templates that begin and end like a tag, with their targets."""
        for start, end in self._lengths:
            if start + end < len(tag):
                yield from self._by_ends.get((tag[:start], tag[len(tag) - end :]), ())

    @cached_property
    def _by_ends(self) -> Mapping[tuple[str, str], list[tuple[TagTemplate, str]]]:
        """The text in front of the version and behind it -> templates with their targets."""
        found: dict[tuple[str, str], list[tuple[TagTemplate, str]]] = {}
        for name, templates in self.version_tags.items():
            for template in templates:
                if template.has_version:
                    pieces = template.text.split(_OPEN)
                    found.setdefault((pieces[0], pieces[-1]), []).append((template, name))
        return found

    @cached_property
    def _lengths(self) -> tuple[tuple[int, int], ...]:
        """The different pairs of lengths among `_by_ends`."""
        return tuple(dict.fromkeys((len(start), len(end)) for start, end in self._by_ends))


def templates_for(resolved: ResolvedPlan, version: str) -> TagTemplates:
    """Return the tags that a matrix can produce for a version.

    Raises:
        CompileError: the matrix declares no version, or the version is invalid.
    """
    release = release_version(resolved, version)
    return TagTemplates(resolved.with_variable(release.variable, version), release)
