"""Decide what the names in a Dockerfile mean for one target: stages, or named contexts."""

from collections.abc import Collection, Sequence
from functools import cached_property


class StageNames:
    """The stages of a Dockerfile as one target names and replaces them."""

    def __init__(self, names: Sequence[str], contexts: Collection[str] = ()) -> None:
        """Take the names of the stages, in lower case, and those of the named contexts."""
        self.names = names
        """Empty for a stage without a name."""
        self.contexts = contexts

    @cached_property
    def replaced(self) -> frozenset[int]:
        """The numbers of the stages in place of which BuildKit uses a named context."""
        if not self.contexts:
            return frozenset()
        return frozenset(n for n, name in enumerate(self.names) if name in self.contexts)

    def number(self, name: str) -> int | None:
        """Return the number of the stage that `--from` or a mount names: the last of several."""
        lower = name.lower()
        if not lower or lower not in self.names:
            return None
        return len(self.names) - 1 - self.names[::-1].index(lower)
