"""Templates of tags: which version a tag belongs to, by the position of the version in it.

A template is a tag of the matrix in which the version of the release is left open, and so are the
variables that are derived from it. All other variables have the values of the environment.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

from compiler.external.references import split_tag
from compiler.output.bake_resolved import ResolvedPlan
from compiler.releases.record import index_name, platform_name
from compiler.releases.version import Release, parse_version, release_version


_OPEN = "\0"
"""Stands for the version in a template; no tag can contain it."""

_DERIVED = re.compile("\1([A-Za-z0-9_]+)\2")
"""Stands for a variable that is derived from the version."""

_LEFT_OPEN = re.compile(f"{_OPEN}|{_DERIVED.pattern}")


class TagTemplate(NamedTuple):
    """A version tag in which the version is left open."""

    text: str
    derive: Callable[[str, str], str] = lambda _name, _version: ""
    """Return the value of a derived variable for a version."""

    @property
    def has_version(self) -> bool:
        """Return whether the tag contains the version; otherwise all releases share the tag."""
        return _OPEN in self.text

    @property
    def ends(self) -> tuple[str, str]:
        """Return the text in front of everything that is left open, and the text behind it."""
        pieces = _LEFT_OPEN.split(self.text)
        return pieces[0], pieces[-1]

    @property
    def repository(self) -> str | None:
        """Return the repository of the tags; None if the repository contains the version."""
        repository = split_tag(self.text)[0]
        return None if _LEFT_OPEN.search(repository) else repository

    def tag(self, version: str) -> str:
        """Return the tag of a version."""
        text = _DERIVED.sub(lambda match: self.derive(match[1], version), self.text)
        return text.replace(_OPEN, version)

    def version(self, tag: str) -> str | None:
        r"""Return the version of a tag; None if the template cannot produce the tag.

        >>> TagTemplate("r/app:3.11-\0").version("r/app:3.11-0")
        '0'
        >>> TagTemplate("r/app:v\0-\0").version("r/app:v1-2") is None
        True
        """
        if _DERIVED.search(self.text):
            return self._derived_version(tag)
        pieces = self.text.split(_OPEN)
        count = len(pieces) - 1
        length, remainder = divmod(len(tag) - sum(map(len, pieces)), count) if count else (0, 1)
        if length <= 0 or remainder:
            return None
        version = tag[len(pieces[0]) : len(pieces[0]) + length]
        return version if self.tag(version) == tag else None

    def _derived_version(self, tag: str) -> str | None:
        """Return the version of a tag that also contains values derived from the version."""
        for derived in (".*?", ".*"):
            expression, start = "", 0
            for match in _LEFT_OPEN.finditer(self.text):
                first = "(?P<version>.+)" if "?P<version>" not in expression else "(?P=version)"
                expression += re.escape(self.text[start : match.start()])
                expression += first if match[0] == _OPEN else derived
                start = match.end()
            found = re.fullmatch(expression + re.escape(self.text[start:]), tag)
            if found and "version" in found.groupdict() and self.tag(found["version"]) == tag:
                return found["version"]
        return None


class TagTemplates:
    """The tags that a matrix can produce for the releases of one environment."""

    def __init__(self, resolved: ResolvedPlan, release: Release) -> None:
        """Take the plan for the version of a release."""
        self.resolved, self._release = resolved, release
        self._derived_values: dict[str, Mapping[str, str]] = {}
        opened = resolved.with_variable(release.variable, _OPEN)
        derived = {name: f"\1{name}\2" for name in _derived_from(resolved, release.variable)}
        if derived:
            opened = ResolvedPlan(resolved.plan, {**opened.environment, **derived})
        self._opened = opened
        self.version_tags: Mapping[str, tuple[TagTemplate, ...]] = {
            name: tuple(TagTemplate(text, self._derive) for text in tags)
            for name, tags, _ in _tagged(opened)
        }
        """Image -> the templates of its version tags: of targets, of platforms, and indexes."""

    def _derive(self, name: str, version: str) -> str:
        """Return the value of a variable for another version; empty if it has none."""
        values = self._derived_values.get(version)
        if values is None:
            changed = self.resolved.with_variable(self._release.variable, version)
            values = self._derived_values[version] = changed.variables
        return values[name]

    @cached_property
    def floating_tags(self) -> frozenset[str]:
        """The floating tags of all images, aliases included."""
        return floating_tags(self.resolved)

    @cached_property
    def release_tags(self) -> frozenset[str]:
        """The version tags of all images in this release."""
        return frozenset(tag for name in self.version_tags for tag in self.tags_of(name))

    @cached_property
    def fixed_floating_tags(self) -> frozenset[str]:
        """The floating tags that are the same in every release."""
        return frozenset(t for t in floating_tags(self._opened) if not _LEFT_OPEN.search(t))

    @cached_property
    def repositories(self) -> frozenset[str]:
        """The repositories of all tags of the matrix."""
        return frozenset(split_tag(tag)[0] for tag in (*self.release_tags, *self.floating_tags))

    def tags_of(self, target: str) -> tuple[str, ...]:
        """Return the version tags of a target in this release."""
        return tuple(template.tag(self._release.version) for template in self.version_tags[target])

    def possible_versions(self, tag: str) -> frozenset[str]:
        """Return the versions of which a text would be a version tag, floating tags included."""
        found = (template.version(tag) for template, _ in self._candidates(tag))
        return frozenset(version for version in found if version is not None)

    def version_of(self, tag: str) -> str | None:
        """Return the version number in a version tag; None without one, or with several."""
        found = {version for _, version in self.versions([tag]) if parse_version(version)}
        return found.pop() if len(found) == 1 else None

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
                    found.setdefault(template.ends, []).append((template, name))
        return found

    @cached_property
    def _lengths(self) -> tuple[tuple[int, int], ...]:
        """The different pairs of lengths among `_by_ends`."""
        return tuple(dict.fromkeys((len(start), len(end)) for start, end in self._by_ends))


def _derived_from(resolved: ResolvedPlan, variable: str) -> list[str]:
    """Return the derived variables without a value of the environment that depend on another."""
    variables = resolved.plan.matrix.variables

    def depends(name: str) -> bool:
        others = () if name in resolved.environment else variables[name].references
        return variable in others or any(map(depends, others))

    return [
        name
        for name, one in variables.items()
        if one.derivation and name not in resolved.environment and depends(name)
    ]


def _tagged(resolved: ResolvedPlan) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Yield each image of a plan by the name that records have, with version and floating tags."""
    for target in resolved.plan.targets:
        yield target.name, resolved.version_tags(target), resolved.floating_tags(target)
        for platform, tags, moving in resolved.platform_tags(target):
            yield platform_name(target.name, platform), tags, moving
    yield from (
        (index_name(targets), tuple(tags), tuple(moving))
        for targets, (tags, moving) in resolved.shared_tags.items()
    )


def floating_tags(resolved: ResolvedPlan) -> frozenset[str]:
    """Return the floating tags of all images of a plan, aliases included."""
    return frozenset(tag for _, _, moving in _tagged(resolved) for tag in moving)


def tagged_repositories(resolved: ResolvedPlan) -> list[str]:
    """Return the repositories of all tags of a plan, in the order of its targets."""
    tags = (tag for _, version, moving in _tagged(resolved) for tag in (*version, *moving))
    return list(dict.fromkeys(split_tag(tag)[0] for tag in tags))


def version_templates(resolved: ResolvedPlan) -> TagTemplates:
    """Return the tags that a matrix with `publish` can produce for any version."""
    name = str(resolved.plan.matrix.version)
    return TagTemplates(resolved, Release(name, resolved.variables[name]))


def templates_for(resolved: ResolvedPlan, version: str) -> TagTemplates:
    """Return the tags that a matrix can produce for a version.

    Raises:
        CompileError: the matrix declares no version, or the version is invalid.
    """
    release = release_version(resolved, version)
    return TagTemplates(resolved.with_variable(release.variable, version), release)
