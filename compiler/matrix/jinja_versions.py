"""Filters for lists of versions: `matching`, `newest` and `oldest`.

Versions are ordered as `packaging` orders them, prereleases included. Lists keep their order. Items
that are not versions are dropped, and noted for a warning.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from compiler.codes import Code
from compiler.errors import Diagnostic, Location, Severity
from compiler.matrix.jinja_text import as_text


if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet


NAMES = frozenset({"matching", "newest", "oldest"})
"""The names of the filters."""

VERSION_FILTER = re.compile(rf"\|\s*({'|'.join(sorted(NAMES))})\b")
"""Finds the use of one of them."""


LONGEST = 1000
"""Characters of the longest text that may be a version, and of the longest range."""


def parse_range(specifier: object) -> "SpecifierSet":
    """Return a range of versions.

    Raises:
        TypeError: the range is not text.
        ValueError: the range is invalid or too long.
    """
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    if not isinstance(specifier, str):
        raise TypeError("a version range must be text")
    if len(specifier) > LONGEST:
        raise ValueError(f"the version range is longer than {LONGEST:,} characters")
    try:
        return SpecifierSet(specifier)
    except InvalidSpecifier:
        raise ValueError(f"invalid version range {specifier!r}") from None


def _shown(value: object) -> str:
    """Return how a matrix spells a value that is not a version."""
    if value is None:
        return "null"
    return str(as_text(value) if isinstance(value, bool) else value)


class VersionFilters:
    """The filters of one environment, and the items that they dropped."""

    def __init__(self) -> None:
        self.dropped: dict[str, None] = {}
        """The items that are not versions, of the renderings since it was last cleared."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {name: getattr(self, name) for name in NAMES}

    def warnings(self, location: Location) -> Iterator[Diagnostic]:
        """Yield a warning for each dropped item, and forget the items."""
        for item in self.dropped:
            yield Diagnostic(
                code=Code.NOT_A_VERSION,
                message=f"{item!r} is not a version, so the filter drops it",
                location=location,
                help="remove it from the list, or select versions before the filter",
                severity=Severity.WARNING,
            )
        self.dropped.clear()

    def matching(self, items: Any, specifier: str) -> Any:
        """Return the items of a list, or of a mapping's keys, that are versions in a range.

        Raises:
            ValueError: the range is invalid, or no item is in it.

        >>> VersionFilters().matching(["3.12", "3.9", "3.10"], ">=3.10")
        ['3.12', '3.10']
        """
        allowed = parse_range(specifier)
        kept = [
            item
            for item, version in self._versions(items)
            if allowed.contains(version, prereleases=True)
        ]
        if not kept:
            raise ValueError(f"no version is in the range {specifier!r}")
        return {item: items[item] for item in kept} if isinstance(items, Mapping) else kept

    def newest(self, items: Any, count: int | None = None) -> Any:
        """Return the newest version; with a count, the list of that many newest.

        Raises:
            ValueError: the list contains no version, or the count is not positive.

        >>> VersionFilters().newest(["3.9", "3.11", "3.10"], 2)
        ['3.11', '3.10']
        >>> VersionFilters().newest(["3.9", "3.11rc1", "3.10"])
        '3.11rc1'
        """
        return self._chosen(items, count, newest=True)

    def oldest(self, items: Any, count: int | None = None) -> Any:
        """Return the oldest version; with a count, the list of that many oldest.

        Raises:
            ValueError: the list contains no version, or the count is not positive.
        """
        return self._chosen(items, count, newest=False)

    def _chosen(self, items: Any, count: int | None, *, newest: bool) -> Any:
        if count is not None and (isinstance(count, bool) or not isinstance(count, int)):
            raise TypeError(f"invalid number of versions: {count!r}")
        if count is not None and count < 1:
            raise ValueError(f"the number of versions is {count}, so the list would be empty")
        versions = self._versions(items)
        if not versions:
            raise ValueError("the list contains no version")
        order = sorted(range(len(versions)), key=lambda n: versions[n][1], reverse=newest)
        if count is None:
            return versions[order[0]][0]
        kept = [versions[n][0] for n in sorted(order[:count])]
        return {item: items[item] for item in kept} if isinstance(items, Mapping) else kept

    def _versions(self, items: Iterable[Any]) -> list[tuple[Any, Any]]:
        """Return the items that are versions, each with its version; note the others."""
        from packaging.version import InvalidVersion, Version

        if isinstance(items, str) or not isinstance(items, Iterable):
            raise TypeError("a list of versions is expected")
        versions = []
        for item in items:
            # A row of a table has its version under `value`, as a value of an axis does.
            text = item.get("value") if isinstance(item, Mapping) else item
            try:
                is_text = isinstance(text, str | int | float) and not isinstance(text, bool)
                if not is_text or (isinstance(text, str) and len(text) > LONGEST):
                    raise InvalidVersion
                versions.append((item, Version(str(text))))
            except InvalidVersion:
                self.dropped[_shown(text)[:80]] = None
        return versions
