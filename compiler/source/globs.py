"""Match texts with globs, and with pieces in order, in linear time and without Python's warnings.

`fnmatch` prints a warning for classes such as `[[a]` and `[a--b]`, which a user may write.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple


class Piece(NamedTuple):
    """What a text must contain: a literal text, or a sequence of characters and classes."""

    length: int
    """The number of characters that it matches, always the same."""
    find: Callable[[str, int], int]
    """Returns where the piece is first found in a text from an offset on, or -1."""


def literal(text: str) -> Piece:
    """Return a piece that matches exactly this text."""
    return Piece(len(text), lambda whole, start: whole.find(text, start))


def has_in_order(text: str, pieces: Sequence[Piece]) -> bool:
    """Return whether a text is these pieces in order, with anything between two of them.

    Args:
        text: the whole text.
        pieces: at least one. The text begins with the first and ends with the last, which may be
            empty. A single piece is the whole text.

    >>> has_in_order("FROM python:3.11-slim", [literal("FROM python:"), literal("-slim")])
    True
    """
    first, last = pieces[0], pieces[-1]
    at, end = first.length, len(text) - last.length
    if end < (at if len(pieces) > 1 else 0) or first.find(text[:at], 0) != 0:
        return False
    if len(pieces) == 1:
        return end == 0
    for piece in pieces[1:-1]:
        at = piece.find(text, at)
        if at < 0:
            return False
        at += piece.length
    return at <= end and last.find(text, end) == end


def glob_matches(text: str, pattern: str) -> bool:
    """Return whether a glob matches a whole text: `*`, `?`, `[seq]` and `[!seq]` as in `fnmatch`.

    >>> glob_matches("3.11-slim", "3.1[0-2]*"), glob_matches("a", "[!a]"), glob_matches("[", "[[a]")
    (True, False, True)
    """
    return has_in_order(text, _pieces(pattern))


@lru_cache(maxsize=1024)
def _pieces(pattern: str) -> tuple[Piece, ...]:
    """Split a glob at each `*`."""
    pieces: list[Piece] = []
    units: list[str] = []
    for unit in _units(pattern):
        if unit == "*":
            pieces.append(_piece(units))
            units = []
        else:
            units.append(unit)
    return (*pieces, _piece(units))


def _units(pattern: str) -> Iterator[str]:
    """Yield the characters and classes of a glob; `[` without `]` is a character."""
    at, last = 0, pattern.rfind("]")
    while at < len(pattern):
        end = at
        if pattern[at] == "[":
            first = at + 1 + pattern.startswith("!", at + 1)
            end = pattern.find("]", first + 1) if first < last else -1
            end = at if end < 0 else end
        yield pattern[at : end + 1]
        at = end + 1


def _piece(units: list[str]) -> Piece:
    text = "".join(units)
    if len(text) == len(units) and "?" not in units:
        return literal(text)
    search = re.compile("".join(map(_regex, units)), re.DOTALL).search

    def find(text: str, start: int) -> int:
        match = search(text, start)
        return -1 if match is None else match.start()

    return Piece(len(units), find)


def _regex(unit: str) -> str:
    if unit == "?":
        return "."
    if len(unit) == 1:
        return re.escape(unit)
    negated = unit.startswith("[!")
    members, at, characters = "", 0, unit[2 if negated else 1 : -1]
    while at < len(characters):
        low = high = characters[at]
        if characters.startswith("-", at + 1) and at + 2 < len(characters):
            high = characters[at + 2]
            at += 2
        if low <= high:
            members += f"{re.escape(low)}-{re.escape(high)}"
        at += 1
    if not members:
        return "." if negated else r"(?!)."
    return f"[{'^' if negated else ''}{members}]"
