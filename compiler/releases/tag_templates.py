"""Templates of tags: which version a tag belongs to, by the position of the version in it.

A template is a tag of the matrix in which the version of the release is left open, and so are the
variables that are derived from it. All other variables have the values of the environment.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from compiler.external.references import repository_key, split_tag, tag_key
from compiler.output.bake_resolved import ResolvedPlan
from compiler.releases.record import index_name, platform_name
from compiler.releases.tag_template import LEFT_OPEN, OPEN, TagTemplate
from compiler.releases.version import Release, parse_version, release_version


class TagTemplates:
    """The tags that a matrix can produce for the releases of one environment."""

    def __init__(self, resolved: ResolvedPlan, release: Release) -> None:
        """Take the plan for the version of a release."""
        self.resolved, self._release = resolved, release
        self._derived_values: dict[str, Mapping[str, str]] = {}
        self._floating_tags: dict[str, frozenset[str]] = {}
        """Version -> its floating tags as they are compared."""
        opened = resolved.with_variable(release.variable, OPEN)
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
    def _release_tags(self) -> frozenset[str]:
        return frozenset(tag for name in self.version_tags for tag in self.tags_of(name))

    def is_floating(self, tag: str) -> bool:
        """Return whether a tag is one of the floating tags, however its registry is spelled."""
        return tag_key(tag) in self._floating

    @cached_property
    def _floating(self) -> frozenset[str]:
        return frozenset(map(tag_key, self.floating_tags))

    def can_move(self, tag: str, version: str) -> bool:
        """Return whether a tag is a floating tag of a version; one that follows it may not be."""
        tags = self._floating_tags.get(version)
        if tags is None:
            resolved = self.resolved.with_variable(self._release.variable, version)
            tags = self._floating_tags[version] = frozenset(map(tag_key, floating_tags(resolved)))
        return tag_key(tag) in tags

    def is_fixed(self, tag: str) -> bool:
        """Return whether a tag is a floating tag that is the same in every release."""
        return tag_key(tag) in self._fixed

    @cached_property
    def _fixed(self) -> frozenset[str]:
        tags = map(tag_key, floating_tags(self._opened))
        return frozenset(tag for tag in tags if not LEFT_OPEN.search(tag))

    def is_release_tag(self, tag: str) -> bool:
        """Return whether a tag is a version tag of this release."""
        return tag_key(tag) in self._release_keys

    @cached_property
    def _release_keys(self) -> frozenset[str]:
        return frozenset(map(tag_key, self._release_tags))

    def has_repository(self, tag: str) -> bool:
        """Return whether the matrix has tags in the repository of a tag."""
        return repository_key(split_tag(tag)[0]) in self._repositories

    @cached_property
    def _repositories(self) -> frozenset[str]:
        return frozenset(map(repository_key, self.repositories))

    @cached_property
    def repositories(self) -> frozenset[str]:
        """The repositories of all tags of the matrix."""
        return frozenset(split_tag(tag)[0] for tag in (*self._release_tags, *self.floating_tags))

    def tags_of(self, target: str) -> tuple[str, ...]:
        """Return the version tags of a target in this release."""
        return tuple(template.tag(self._release.version) for template in self.version_tags[target])

    def possible_versions(self, tag: str) -> frozenset[str]:
        """Return the versions of which a text would be a version tag, floating tags included."""
        return frozenset(version for _, _, version in self._matches(tag))

    def version_of(self, tag: str) -> str | None:
        """Return the version number in a version tag; None without one, or with several."""
        versions = {version for _, version in self.versions([tag]) if parse_version(version)}
        return versions.pop() if len(versions) == 1 else None

    def is_version_tag(self, tag: str) -> bool:
        """Return whether a tag is a version tag of any release."""
        return self._is_unversioned(tag) or any(
            parse_version(version) for _, version in self.versions([tag])
        )

    def is_version_tag_of_another(self, tag: str) -> bool:
        """Return whether a tag is a version tag that another release has, too, or alone.

        `v1.0` and `1.0` are one release, whose tags were renamed.
        """
        own = parse_version(self._release.version)
        versions = [parse_version(version) for _, version in self.versions([tag])]
        return self._is_unversioned(tag) or any(version and version != own for version in versions)

    def _is_unversioned(self, tag: str) -> bool:
        return any(template.text == tag_key(tag) for template in self._unversioned)

    @cached_property
    def _unversioned(self) -> tuple[TagTemplate, ...]:
        """The version tags that all releases share."""
        templates = (template for tags in self.version_tags.values() for template in tags)
        return tuple(
            map(_comparable, (template for template in templates if not template.has_version))
        )

    def versions(self, tags: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Yield target and version for each version tag among existing tags.

        A tag that several templates can produce counts for the one with the most literal text. A
        floating tag does not count, even if a template could produce it.

        Args:
            tags: existing tags, with their repository.
        """
        for tag in tags:
            if self.is_floating(tag):
                continue
            matches = [*self._matches(tag)]
            most = max((length for length, _, _ in matches), default=0)
            yield from ((name, version) for length, name, version in matches if length == most)

    def _matches(self, tag: str) -> Iterator[tuple[int, str, str]]:
        """Yield the length of each template that can produce a tag, with target and version."""
        key = tag_key(tag)
        for start, end in self._lengths:
            if start + end < len(key):
                for template, name in self._by_ends.get((key[:start], key[len(key) - end :]), ()):
                    if (version := template.version(key)) is not None:
                        yield len(template.text), name, version

    @cached_property
    def _by_ends(self) -> Mapping[tuple[str, str], list[tuple[TagTemplate, str]]]:
        """The text in front of the version and behind it -> templates with their targets."""
        by_ends: dict[tuple[str, str], list[tuple[TagTemplate, str]]] = {}
        for name, templates in self.version_tags.items():
            for template in map(_comparable, templates):
                if template.has_version:
                    by_ends.setdefault(template.ends, []).append((template, name))
        return by_ends

    @cached_property
    def _lengths(self) -> tuple[tuple[int, int], ...]:
        """The different pairs of lengths among `_by_ends`."""
        return tuple(dict.fromkeys((len(start), len(end)) for start, end in self._by_ends))


def _comparable(template: TagTemplate) -> TagTemplate:
    """Return a template of which the tags are those that `tag_key` returns."""
    return template._replace(text=tag_key(template.text))


def _derived_from(resolved: ResolvedPlan, variable: str) -> list[str]:
    """Return the derived variables without a value of the environment that depend on another."""
    variables = resolved.plan.matrix.variables

    def depends(name: str) -> bool:
        others = () if name in resolved.environment else variables[name].references
        return variable in others or any(map(depends, others))

    return [
        name
        for name, variable in variables.items()
        if variable.derivation and name not in resolved.environment and depends(name)
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
