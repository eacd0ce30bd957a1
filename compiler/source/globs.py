"""Match texts with globs, and with pieces in order, in linear time and without Python's warnings.

`fnmatch` prints a warning for classes such as `[[a]` and `[a--b]`, which a user may write.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache


def has_in_order(text: str, pieces: Sequence[str]) -> bool:
    """Return whether a text is these pieces in order, with anything between two of them.

    Args:
        text: the whole text.
        pieces: at least one. The text begins with the first and ends with the last, which may be
            empty. A single piece is the whole text.

    >>> has_in_order("FROM python:3.11-slim", ["FROM python:", "-slim"])
    True
    """
    first, last = pieces[0], pieces[-1]
    at, end = len(first), len(text) - len(last)
    if end < (at if len(pieces) > 1 else 0) or not text.startswith(first):
        return False
    if len(pieces) == 1:
        return end == 0
    for piece in pieces[1:-1]:
        at = text.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    return at <= end and text.endswith(last)


def glob_matches(text: str, pattern: str) -> bool:
    """Return whether a glob matches a whole text: `*`, `?`, `[seq]` and `[!seq]` as in `fnmatch`.

    >>> glob_matches("3.11-slim", "3.1[0-2]*"), glob_matches("a", "[!a]"), glob_matches("[", "[[a]")
    (True, False, True)
    """
    return compile_glob(pattern)(text) is not None


@lru_cache(maxsize=1024)
def compile_glob(pattern: str) -> Callable[[str], object]:
    """Return a function that returns None unless a glob matches a whole text.

    Each `*` ends at the first place where the following piece is found. An atomic group keeps it
    there, so the regular expression does not try others: it takes linear time.
    """
    pieces = [""]
    for unit in _units(pattern):
        if unit != "*":
            pieces[-1] += _regex(unit)
        elif pieces[-1] or len(pieces) == 1:
            pieces.append("")
    first, *others = pieces
    middle = "".join(f"(?>.*?{piece})" for piece in others[:-1])
    end = f".*{others[-1]}" if others else ""
    return re.compile(f"{first}{middle}{end}", re.DOTALL).fullmatch


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
