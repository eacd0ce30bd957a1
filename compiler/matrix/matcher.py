"""Find the known values that the items of a matcher select."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from compiler.codes import Code
from compiler.errors import nearest, suggest
from compiler.matrix.model import Scalar
from compiler.source.globs import compile_glob


RANGE = re.compile(r"[<>]=?|[=!~]=")
"""The beginning of a version range."""

_GLOB = re.compile(r"[*?\[]")


class Fault(NamedTuple):
    """An error in one item of a matcher."""

    code: Code
    word: str
    message: str
    help: str
    meant: str | None = None
    """The known value that the item most likely means, if it is misspelt."""


class Match(NamedTuple):
    """The result of a matcher."""

    values: frozenset[int]
    """Indexes of the known values that match."""
    faults: tuple[Fault, ...]
    unversioned: tuple[str, ...]
    """Values that are not versions, if the matcher has a range."""


def spelling(value: Scalar) -> str:
    """Return a value as it is written in names, filters and patterns.

    >>> spelling(True), spelling(None), spelling("3.10")
    ('true', 'null', '3.10')
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def match(words: Sequence[str], known: Sequence[str], *, null: bool = True) -> Match:
    """Return the values that a matcher matches.

    An item is an exact value, a version range, a negation or a glob, tried in this order. A list
    matches if one of its items does; a list of negations, if none of the negated items does.

    Args:
        words: the items, as the user wrote them.
        known: the spelling of every value.
        null: whether `null` is accepted without being a value: an image can lack an axis.

    >>> match([">=3.10,<3.12"], ["3.9", "3.10", "3.11"]).values
    frozenset({1, 2})
    >>> match(["!3.9", "!3.1?"], ["3.9", "3.10", "4"]).values
    frozenset({2})
    """
    faults: list[Fault] = []
    unversioned: dict[str, None] = {}
    taken: list[frozenset[int]] = []
    everything = frozenset(range(len(known)))
    for word in words:
        matched = _take(word, known, unversioned, null=null)
        if isinstance(matched, Fault):
            faults.append(matched)
            matched = frozenset(n for n, text in enumerate(known) if text == matched.meant)
            if word.startswith("!"):
                matched = everything - matched
        taken.append(matched)
    if words and all(map(_is_negation, words, [known] * len(words))):
        values = everything.intersection(*taken)
        if not values and not faults:
            joined = ", ".join(words)
            faults.append(
                Fault(
                    Code.MATCHES_NOTHING,
                    words[0],
                    f"{joined!r} matches no value",
                    "negate fewer values",
                )
            )
    else:
        values = frozenset().union(*taken)
    return Match(values, tuple(faults), tuple(unversioned))


def _is_negation(word: str, known: Sequence[str]) -> bool:
    return word.startswith("!") and word not in known and not RANGE.match(word)


def _take(
    word: str, known: Sequence[str], unversioned: dict[str, None], *, null: bool
) -> frozenset[int] | Fault:
    """Return the indexes of the values that one item matches."""
    if word in known:
        return frozenset([known.index(word)])
    if word == "null" and null:
        return frozenset()
    if RANGE.match(word):
        return _in_range(word, known, unversioned)
    if word.startswith("!"):
        inner = word[1:]
        if _is_negation(inner, known) or not inner:
            return Fault(Code.UNKNOWN_VALUE, word, f"invalid negation {word!r}", "write !VALUE")
        matched = _take(inner, known, unversioned, null=null)
        if isinstance(matched, Fault):
            return matched._replace(word=word)
        return frozenset(range(len(known))) - matched
    if _GLOB.search(word):
        matches = compile_glob(word)
        matched = frozenset([n for n, text in enumerate(known) if matches(text)])
        return matched or _nothing(word, known)
    meant = nearest(word, known)
    help_ = suggest(meant, otherwise=_there_are(known))
    return Fault(Code.UNKNOWN_VALUE, word, f"has no value {word!r}", help_, meant)


def _in_range(
    word: str, known: Sequence[str], unversioned: dict[str, None]
) -> frozenset[int] | Fault:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        allowed = SpecifierSet(word)
    except InvalidSpecifier:
        rest = word.removeprefix("!=").strip()
        help_ = (
            f"a negation is written '!{rest}'"
            if rest in known
            else "write a range such as '>=3.10,<3.13'"
        )
        return Fault(Code.BAD_RANGE, word, f"invalid version range {word!r}", help_)
    indexes = []
    for n, text in enumerate(known):
        version = _version(text)
        if version is None:
            if text not in ("true", "false", "null"):
                unversioned[text] = None
        elif allowed.contains(version, prereleases=True):  # type: ignore[arg-type]
            indexes.append(n)
    return frozenset(indexes) or _nothing(word, known)


@lru_cache(maxsize=4096)
def _version(text: str) -> object:
    from packaging.version import InvalidVersion, Version

    try:
        return Version(text)
    except InvalidVersion:
        return None


def _nothing(word: str, known: Sequence[str]) -> Fault:
    return Fault(Code.MATCHES_NOTHING, word, f"{word!r} matches no value", _there_are(known))


def _there_are(known: Sequence[str]) -> str:
    more = len(known) - 10
    return f"values are {', '.join(known[:10])}{f' and {more} more' if more > 0 else ''}"
