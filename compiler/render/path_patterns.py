"""The patterns of COPY and of ignore files, as BuildKit matches them, in linear time.

A pattern becomes a regular expression if that cannot backtrack much: with at most one `*` and one
`**`. Any other pattern is matched by an automaton whose states are built on demand, so that a
branch cannot keep a runner busy with `*a*a*a*a*b`. Follows moby/patternmatcher and its port in
e2b-dockerfile-utils, which the tests compare with.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from compiler.render.pattern_escapes import ASSERTIONS, CLASSES, PatternError, escaped_character


_MOST_STATES = 10_000
"""States of an automaton that are remembered."""


class _Token(NamedTuple):
    """A piece of a pattern: a character, or what matches several."""

    regex: str
    """A character, a class, `[^/]*`, or the optional `(.*/)?` of `**`."""
    literal: str = ""
    """The character, if it is one."""


_ANY = _Token("[^/]")
_STAR = _Token("[^/]*")
_FOLDERS = _Token("(?:.*/)?")
_REST = _Token(".*")


def compile_pattern(pattern: str, *, is_ignore: bool = False) -> Callable[[str], bool]:
    r"""Return a function that returns whether a pattern matches a whole path.

    Args:
        pattern: the pattern.
        is_ignore: whether it is one of an ignore file. BuildKit makes a regular expression of it,
            in which `\d` is a digit; elsewhere `\d` is the letter.

    Raises:
        PatternError: BuildKit rejects the pattern, or it is too rare to be understood here.
    """
    tokens = _tokens(pattern, is_ignore=is_ignore)
    plain = "\\" not in pattern and "]" not in pattern
    if plain and pattern.startswith("**") and all(token.literal for token in tokens[1:]):
        suffix = pattern[2:]
        name = suffix[1:] if suffix.startswith("/") else None
        return lambda path: path.endswith(suffix) or path == name
    if plain and all(token.literal for token in tokens):
        return lambda path: path == pattern
    if plain and tokens[-1] is _REST and all(token.literal for token in tokens[:-1]):
        return lambda path: path.startswith(pattern[:-2])
    if tokens.count(_STAR) <= 1 and tokens.count(_FOLDERS) + tokens.count(_REST) <= 1:
        regex = "".join(token.regex for token in tokens)
        matches = re.compile(rf"{regex}\Z").match
        return lambda path: matches(path) is not None
    if any(token.regex in ASSERTIONS.values() for token in tokens):
        raise PatternError("a word boundary in a pattern with several wildcards")
    return _Automaton(tokens).matches


def _tokens(pattern: str, *, is_ignore: bool = False) -> list[_Token]:
    """Split a pattern.

    Raises:
        PatternError: a class or an escape is not complete.
    """
    tokens: list[_Token] = []
    at, end = 0, len(pattern)
    while at < end:
        character = pattern[at]
        at += 1
        if character == "*" and pattern.startswith("*", at):
            at += 2 if pattern.startswith("/", at + 1) else 1
            tokens.append(_REST if at >= end else _FOLDERS)
        elif character == "*":
            tokens.append(_STAR)
        elif character == "?":
            tokens.append(_ANY)
        elif character == "[":
            regex, at = _class(pattern, at, is_ignore=is_ignore)
            tokens.append(_Token(regex))
        elif character == "\\":
            token, at = _escape(pattern, at, is_ignore=is_ignore)
            tokens.append(token)
        else:
            tokens.append(_Token(re.escape(character), character))
    return tokens


def _escape(pattern: str, at: int, *, is_ignore: bool) -> tuple[_Token, int]:
    r"""Return what follows a `\`, and where it ends."""
    letter = pattern[at : at + 1]
    if is_ignore and letter in CLASSES:
        return _Token(f"(?a:[{CLASSES[letter]}])"), at + 1
    if is_ignore and letter in ASSERTIONS:
        return _Token(ASSERTIONS[letter]), at + 1
    character, at = escaped_character(pattern, at, is_ignore=is_ignore)
    return _Token(re.escape(character), character), at


def _class(pattern: str, at: int, *, is_ignore: bool) -> tuple[str, int]:
    """Return a class such as `[a-z]` as a regular expression, and where it ends.

    Raises:
        PatternError: it is not complete, or a range is reversed.
    """
    negated = pattern.startswith("^", at)
    at += negated
    regex = ""
    while not (regex and pattern.startswith("]", at)):
        letter = pattern[at + 1 : at + 2] if is_ignore and pattern.startswith("\\", at) else ""
        if letter in CLASSES:
            regex += CLASSES[letter]
            at += 2
            if pattern.startswith("-", at):  # It is a character after a class.
                high, at = _class_character(pattern, at + 1, is_ignore=is_ignore)
                regex += rf"\-{high}"
            continue
        low, at = _class_character(pattern, at, is_ignore=is_ignore)
        regex += low
        if pattern.startswith("-", at):
            high, at = _class_character(pattern, at + 1, is_ignore=is_ignore)
            regex += f"-{high}"
    regex = f"(?a:[{'^' if negated else ''}{regex}])"
    try:
        re.compile(regex)
    except re.error as error:
        raise PatternError(f"invalid class in a pattern: {error}") from None
    return regex, at + 1


def _class_character(pattern: str, at: int, *, is_ignore: bool) -> tuple[str, int]:
    """Return one character of a class as a regular expression, and where it ends."""
    if pattern[at : at + 1] in {"", "-", "]"}:
        raise PatternError("a class in a pattern is not complete")
    if pattern[at] != "\\":
        return re.escape(pattern[at]), at + 1
    character, at = escaped_character(pattern, at + 1, is_ignore=is_ignore)
    return re.escape(character), at


_Edges = list[tuple[Callable[[str], object], int]]
"""Where a position leads over a character: a test of the character, and the next position."""


class _Automaton:
    """Matches a pattern in time proportional to the path, whatever its wildcards."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._edges: list[_Edges] = []
        skips: list[int | None] = []
        for token in tokens:
            here = len(self._edges)
            if token is _STAR:
                self._edges.append([(_is_not_slash, here)])
                skips.append(here + 1)
            elif token is _REST:
                self._edges.append([(_is_not_newline, here)])
                skips.append(here + 1)
            elif token is _FOLDERS:  # At its start it may be skipped, later only after a slash.
                inside: _Edges = [(_is_not_newline, here + 1), ("/".__eq__, here + 2)]
                self._edges += [inside, inside]
                skips += [here + 2, None]
            else:
                matches = token.literal.__eq__ if token.literal else re.compile(token.regex).match
                self._edges.append([(matches, here + 1)])
                skips.append(None)
        self._final = 1 << len(self._edges)
        self._reached = [0] * len(self._edges) + [self._final]
        for here in reversed(range(len(self._edges))):
            skip = skips[here]
            self._reached[here] = 1 << here | (0 if skip is None else self._reached[skip])
        self._known: dict[tuple[int, str], int] = {}

    def matches(self, path: str) -> bool:
        """Return whether the pattern matches a whole path."""
        state, known = self._reached[0], self._known
        for character in path:
            key = (state, character)
            following = known.get(key)
            if following is None:
                following = self._step(state, character)
                if len(known) >= _MOST_STATES:
                    known.clear()
                known[key] = following
            state = following
            if not state:
                return False
        return state & self._final != 0

    def _step(self, state: int, character: str) -> int:
        """Return the positions, as bits, that are reached from others over a character."""
        following = 0
        while state:
            lowest = state & -state
            state ^= lowest
            if lowest != self._final:
                for matches, target in self._edges[lowest.bit_length() - 1]:
                    if matches(character):
                        following |= self._reached[target]
        return following


def _is_not_slash(character: str) -> bool:
    return character != "/"


def _is_not_newline(character: str) -> bool:
    return character != "\n"
