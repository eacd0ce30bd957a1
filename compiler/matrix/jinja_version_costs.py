"""What operations on versions cost; the unit is that of `jinja_costs`.

`packaging` reads all specifiers of a range again for each version, and compares both component by
component.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from jinja2.utils import Namespace

from compiler.matrix.jinja_limits import NESTED, size


_SPECIFIER = 256
"""What one specifier of a range costs for one version, apart from their lengths."""
_ITEM = 256
"""What reading and ordering a version costs, apart from its length."""
_CHARACTER = 4
"""What a character of a version or a range costs; most components have a single one."""


def counted_items(items: Any) -> Any:
    """Return the items of an iterator as a list, so that they can be counted; other values as is.

    >>> counted_items(iter("ab")), counted_items("ab")
    (['a', 'b'], 'ab')
    """
    return [*items] if isinstance(items, Iterator) else items


def compared_version(value: Any, specifier: Any = "", *_: Any) -> int:
    """Return what `value is version(specifier)` costs."""
    length = len(value) if type(value) is str else size(value)
    return _in_range(length, 1, specifier)


def matching(items: Any, specifier: Any = "", *_: Any, **__: Any) -> int:
    """Return what selecting the versions in a range costs."""
    lengths = _lengths(items)
    return _in_range(sum(lengths), len(lengths), specifier)


def ordered(items: Any, *_: Any, **__: Any) -> int:
    """Return what ordering versions costs."""
    lengths = _lengths(items)
    return _ITEM * len(lengths) + _CHARACTER * sum(lengths)


def _in_range(length: int, count: int, specifier: Any) -> int:
    """Return what comparing versions with a range costs, by their length and their number."""
    if not isinstance(specifier, str):
        return size(specifier) + count * _SPECIFIER + length * (_CHARACTER + 1)
    specifiers, written = specifier.count(",") + 1, len(specifier)
    per_item = _SPECIFIER * specifiers + _CHARACTER * written
    return written + count * per_item + length * (_CHARACTER + specifiers)


def _lengths(items: Any) -> list[int]:
    """Return the lengths of the texts that may be versions."""
    if not isinstance(items, NESTED) or isinstance(items, Namespace):
        return []
    texts = (item.get("value") if isinstance(item, Mapping) else item for item in items)
    return [len(text) if isinstance(text, str) else size(text) for text in texts]
