"""Count what a template computes: text, loop steps and numbers, before it is allocated."""

import re
from collections.abc import ItemsView, Iterable, Iterator, KeysView, ValuesView
from itertools import islice
from typing import Any

from jinja2.exceptions import SecurityError
from jinja2.utils import Namespace


MAX_TEXT = 64 << 20
"""Characters that one rendering may allocate, in all of its steps."""
MAX_RUN = 1 << 30
"""Characters that all renderings of a run may print."""
MAX_STEPS = 1_000_000
"""Loop steps, macro calls and included templates of one rendering."""
MAX_BITS = 1 << 16
"""Bits of an integer."""
MAX_NODES = 1_000_000
"""Values in a nested list or mapping."""

ELEMENT = 64
"""Characters that an element of a list counts as: about its memory in bytes."""

CHUNK = 256
"""Printed pieces that are counted at once; each of them exists before it is printed."""

CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f\ud800-\udfff]")


class Meter:
    """Counts what renderings allocate and print."""

    __slots__ = ("printed", "steps", "text")

    def __init__(self) -> None:
        self.printed = self.steps = self.text = 0

    def start(self) -> None:
        """Begin a rendering."""
        self.steps = self.text = 0

    def charge(self, size: int) -> None:
        """Count characters that are about to be allocated.

        Raises:
            SecurityError: the rendering allocates too many.
        """
        self.text += size
        if self.text > MAX_TEXT:
            raise SecurityError(f"the text is too large: over {MAX_TEXT >> 20} MiB")

    def step(self, weight: int) -> None:
        """Count a step of a loop, with the size of the loop's body.

        Raises:
            SecurityError: the rendering has too many steps.
        """
        self.steps += 1
        self.text += weight
        if self.steps > MAX_STEPS:
            raise SecurityError(f"the loops are too large: over {MAX_STEPS:,} steps")
        if self.text > MAX_TEXT:
            self.charge(0)

    def join(self, pieces: Iterable[str]) -> str:
        """Join what a template prints."""
        return "".join(self.collect(pieces))

    def collect(self, pieces: Iterable[str]) -> list[str]:
        """Return the pieces that a template prints."""
        listed: list[str] = []
        rest = iter(pieces)
        while True:
            some = list(islice(rest, CHUNK))
            self.charge(sum(map(len, some)) + 8 * len(some))
            listed += some
            if len(some) < CHUNK:
                return listed

    def finish(self, text: str) -> str:
        """End a rendering.

        Raises:
            SecurityError: all renderings together print too much.
        """
        self._print(len(text))
        return text

    def finish_pieces(self, pieces: list[str]) -> str:
        """Join the pieces of a rendering without loops or filters.

        Raises:
            SecurityError: they are too long, or all renderings together print too much.
        """
        length = sum(map(len, pieces))
        if length > MAX_TEXT:
            self.charge(length)
        self._print(length)
        return "".join(pieces)

    def _print(self, length: int) -> None:
        self.printed += length
        if self.printed > MAX_RUN:
            raise SecurityError(f"all texts together are too large: over {MAX_RUN >> 30} GiB")

    def counted(self, items: Iterable[Any], extra: int = 0) -> Iterator[Any]:
        """Yield items; each is a step, and counts as its size and `extra` characters."""
        for item in items:
            self.step(ELEMENT + extra)
            if type(item) is not int:
                self.charge(size(item))
            yield item


_ATTRIBUTES = "_Namespace__attrs"
"""Where the `namespace()` of a template keeps its values."""
_PLAIN = frozenset({int, bool, float, type(None)})
_FLAT = _PLAIN | {str}
_ESCAPED = 10
"""The longest escape of one character in the text of a list, such as `\\U0001f600`."""
NESTED = (list, tuple, dict, set, frozenset, range, KeysView, ValuesView, ItemsView, Namespace)


def size(value: Any) -> int:
    """Return an upper bound, up to a small factor, of the length of a value's text.

    Raises:
        SecurityError: a nested list or mapping has too many values, which may be shared ones.
    """
    if isinstance(value, str):
        return len(value)
    if not isinstance(value, NESTED):
        return value.bit_length() // 3 if isinstance(value, int) else 0
    total, count = 0, 0
    pending: list[Any] = [value]
    while pending:
        item = pending.pop()
        count += 1
        if type(item) in _PLAIN:
            continue
        if isinstance(item, str):
            total += len(item) if item.isascii() else _ESCAPED * len(item)
        else:
            pending += children(item)
        if count + len(pending) > MAX_NODES:
            raise SecurityError(f"the value is too large: over {MAX_NODES:,} nested values")
    return total + 8 * count


def depth(value: Any) -> int:
    """Return how deeply a value is nested: 0 for text, 1 for a list of text; see `size` first."""
    level, levels = children(value), 0
    while level:
        levels += 1
        level = [inner for item in level if type(item) not in _FLAT for inner in children(item)]
    return levels


def children(value: Any) -> list[Any]:
    """Return the values in a list, a mapping or a view of one; none for any other value."""
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    if isinstance(value, Namespace):
        return [getattr(value, _ATTRIBUTES)]
    return [*value] if isinstance(value, NESTED) else []


def check_integer(bits: int) -> None:
    """Reject an integer of too many bits.

    Raises:
        SecurityError: it has too many.
    """
    if bits > MAX_BITS:
        raise SecurityError("the number is too large")


def check_text(text: Any) -> Any:
    """Return a formatted text; reject characters that no file may contain.

    Raises:
        SecurityError: it has a control character or half of a surrogate pair.
    """
    bad = CONTROL.search(text) if isinstance(text, str) else None
    if bad:
        raise SecurityError(f"the character U+{ord(bad[0]):04X} is not allowed in text")
    return text
