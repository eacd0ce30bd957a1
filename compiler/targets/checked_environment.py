"""What of a matrix is checked with the values that bake variables have in one environment."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from compiler.external.platforms import canonical_platform
from compiler.matrix.matrix import Matrix
from compiler.targets.target_tags import TargetTags


_PUBLISHED = frozenset({"shared", "platform-tags"})
"""Tags that only `publish` creates."""


class CheckedEnvironment(NamedTuple):
    """The values of the bake variables, and the targets and fields that use them."""

    values: Mapping[str, str]
    names: Collection[str] | None = None
    """The targets that are checked; by default all."""
    moves: bool = True
    """Whether floating tags are used."""
    published: bool = True
    """Whether the tags that only `publish` creates are used."""
    cached: bool = True
    """Whether the targets' own caches are used."""

    def concerns(self, name: str) -> bool:
        """Return whether a target is checked."""
        return self.names is None or name in self.names

    def accepts_platforms(self, text: str) -> bool:
        """Return whether a value that is not one platform may be passed to bake.

        Bake also reads `local`, and several platforms with commas between them. A release must
        know each of its platforms.
        """
        if self.published:
            return False
        return text == "local" or all(map(canonical_platform, text.split(",")))

    def used(self, tags: TargetTags) -> TargetTags:
        """Return a target's tags without those that are not used."""
        if self.moves and self.published:
            return tags
        groups = tuple(
            group
            for group in tags.groups
            if (self.moves or not group.moving)
            and (self.published or group.field not in _PUBLISHED)
        )
        return tags._replace(groups=groups)


def default_environment(matrix: Matrix) -> CheckedEnvironment:
    """Return the environment of compiling: an empty default stands for a value that is set later.

    It sets no variable, so that all targets and fields are checked with the defaults.
    """
    return CheckedEnvironment(
        {name: variable.resolved or name.lower() for name, variable in matrix.variables.items()}
    )
