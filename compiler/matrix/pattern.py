"""Match patterns: find the values of axes that a rule or a filter selects.

The language is the same for `only`, `exclude`, `when`, `with`, `aliases`, `groups` and filters of
the command line.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from compiler.codes import Code
from compiler.errors import did_you_mean, listed
from compiler.matrix.globs import glob_matches
from compiler.matrix.matrix import Axis, Image, Matcher, Pattern, Value
from compiler.matrix.model import Scalar
from compiler.matrix.reader import Reader
from compiler.source.document import Route


Rule: TypeAlias = tuple[tuple[int, frozenset[int]], ...]
"""A pattern for one image: positions of its axes, ascending, with the indexes of values."""

RANGE = re.compile(r"[<>]=?|[=!~]=")
"""The beginning of a version range."""

_GLOB = re.compile(r"[*?\[]")


class Fault(NamedTuple):
    """An error in one item of a matcher."""

    code: Code
    word: str
    message: str
    help: str


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
        found = _take(word, known, unversioned, null=null)
        if isinstance(found, Fault):
            faults.append(found)
            found = everything if word.startswith("!") else frozenset()
        taken.append(found)
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
        found = _take(inner, known, unversioned, null=null)
        if isinstance(found, Fault):
            return found._replace(word=word)
        return frozenset(range(len(known))) - found
    if _GLOB.search(word):
        found = frozenset(n for n, text in enumerate(known) if glob_matches(text, word))
        return found or _nothing(word, known)
    near = did_you_mean(word, known, otherwise=_there_are(known))
    return Fault(Code.UNKNOWN_VALUE, word, f"has no value {word!r}", near)


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
    found = []
    for n, text in enumerate(known):
        version = _version(text)
        if version is None:
            if text not in ("true", "false", "null"):
                unversioned[text] = None
        elif allowed.contains(version, prereleases=True):  # type: ignore[arg-type]
            found.append(n)
    return frozenset(found) or _nothing(word, known)


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


def read_pattern(
    raw: Mapping[str, list[Scalar]],
    route: Route,
    *,
    axes: Mapping[str, Axis],
    images: Collection[str],
    reader: Reader,
) -> Pattern:
    """Read one pattern of matrix.yaml, and report its errors."""
    if not raw and not reader.valid.is_emptied(route):
        reader.problem(
            Code.EMPTY_PATTERN,
            "an empty pattern matches everything",
            route,
            "name at least one axis",
        )
    matchers: dict[str, Matcher] = {}
    wanted: frozenset[str] | None = None
    for name, values in raw.items():
        at = (*route, name)
        if not values:
            if not reader.valid.is_emptied(at):
                reader.problem(Code.EMPTY_PATTERN, f"no value of {name!r} is named", at, "name one")
        elif name == "image":
            known = list(images)
            indexes = {image: n for n, image in enumerate(known)}
            matched = _read_matcher(name, values, indexes, at, reader)
            if matched is not None:
                wanted = frozenset(known[n] for n in matched)
        elif name in axes:
            matched = _read_matcher(name, values, axes[name].indexes, at, reader)
            if matched is not None:
                matchers[name] = Matcher(values=matched, lacking="null" in map(spelling, values))
        elif not reader.valid.is_removed(("axes",)):
            reader.problem(
                Code.UNKNOWN_AXIS,
                f"no axis is named {name!r}",
                at,
                did_you_mean(name, [*axes, "image"], otherwise=f"the axes are {listed(axes)}"),
                key=True,
            )
    return Pattern(matchers=matchers, images=wanted, route=route)


def _read_matcher(
    name: str, values: Sequence[Scalar], known: Mapping[str, int], at: Route, reader: Reader
) -> frozenset[int] | None:
    """Return the indexes of the known values that a matcher selects; None if none are known."""
    if not known:
        return None  # the axis is invalid, which is already reported
    words = [spelling(value) for value in values]
    if all(word in known for word in words):  # exact values, the most frequent matcher
        return frozenset([known[word] for word in words])
    matched = match(words, list(known), null=name != "image")
    for fault in matched.faults:
        code, message = worded(fault, name)
        reader.problem(code, message, (*at, words.index(fault.word)), fault.help)
    for text in matched.unversioned:
        reader.warn(
            Code.NOT_A_VERSION,
            f"{text!r} of {name!r} is not a version, so no range matches it",
            at,
            f"add it to the range: [{', '.join([*words, text])}]",
        )
    return matched.values


def worded(fault: Fault, name: str) -> tuple[Code, str]:
    """Return code and message for an error in a matcher of an axis or of `image`."""
    if fault.code is not Code.UNKNOWN_VALUE:
        return fault.code, f"{fault.message} of {name!r}"
    if name == "image":
        return Code.UNKNOWN_IMAGE, f"no image is named {fault.word.lstrip('!')!r}"
    return fault.code, f"{name!r} {fault.message}" if "has no" in fault.message else fault.message


def rule(pattern: Pattern, image: Image) -> Rule | None:
    """Return a pattern as a rule for one image; None if it cannot match the image."""
    if pattern.images is not None and image.name not in pattern.images:
        return None
    positions = {axis.name: n for n, axis in enumerate(image.axes)}
    found: list[tuple[int, frozenset[int]]] = []
    for name, matcher in pattern.matchers.items():
        if name in positions:
            found.append((positions[name], matcher.values))
        elif not matcher.lacking:
            return None
    return tuple(sorted(found, key=lambda one: one[0]))


def holds(rule_: Rule, values: Sequence[Value]) -> bool:
    """Return whether a rule matches the values of a variant."""
    return all(values[position].index in taken for position, taken in rule_)


class RuleIndex:
    """Finds the rules that match a variant without trying all of them."""

    def __init__(self, rules: Sequence[Rule | None]) -> None:
        """Take the rules of one image; None matches nothing."""
        counts = Counter(position for rule_ in rules for position, _ in rule_ or ())
        self._position = max(counts, key=counts.__getitem__, default=0)
        """The axis that most rules restrict."""
        self._any: list[tuple[int, Rule]] = []
        """The rules that do not restrict it."""
        self._by_value: dict[int, list[tuple[int, Rule]]] = {}
        for number, rule_ in enumerate(rules):
            if rule_ is None:
                continue
            allowed = dict(rule_).get(self._position)
            if allowed is None:
                self._any.append((number, rule_))
            for index in allowed or ():
                self._by_value.setdefault(index, []).append((number, rule_))
        self._is_empty = not self._any and not self._by_value

    def matching(self, values: Sequence[Value]) -> tuple[int, ...]:
        """Return the numbers of the rules that match the values of a variant, ascending."""
        if self._is_empty:
            return ()
        tried = self._by_value.get(values[self._position].index, ()) if values else ()
        return tuple(
            [
                number
                for number, rule_ in (sorted((*tried, *self._any)) if tried else self._any)
                if holds(rule_, values)
            ]
        )
