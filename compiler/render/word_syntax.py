"""Read the words of instructions that expand variables, as BuildKit's shell lexer does.

The size of a value, and the time that it takes, are limited: each `ARG` can repeat the value of the
one before, and the lexer matches patterns by backtracking.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from math import comb


LONGEST_VALUE = 4_096
"""Characters of the values that a word may use: as many as a path may have."""
_MOST_STEPS = 10_000_000
"""Steps of matching the patterns of a word, and characters of what it replaces."""
_MOST_STARS = 32
"""Stars after which one more makes no difference: a value of two characters takes too long."""
_PATTERN = re.compile(r"\$\{(?:\w+|[^\w{}:])[#%/]", re.ASCII)
"""A variable with a pattern, such as `${NAME#pattern}` or `${NAME/pattern/text}`."""

_PLAIN_VARIABLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})", re.ASCII)
_PLAIN = re.compile(rf"(?:[!#%&(-\[\]-_a-~]|{_PLAIN_VARIABLE.pattern})*", re.ASCII)
"""A word of ASCII without quotes, escapes, spaces and modifiers of variables."""


class _AnyValues(dict[str, str]):
    """Variables that all have a value, so that the lexer looks at every modifier."""

    def get(self, key: str, default: object = None) -> str:
        """Return the same value for any name."""
        del key, default
        return self["value"]


class LimitError(ValueError):
    """The values of the variables in a word are too long, or take too long to match."""


class _ExceededError(Exception):
    """The same, while the lexer runs, which replaces each `ValueError`."""


class _LimitedValues(dict[str, str]):
    """The variables of one word; the lexer gets their values until these are too long.

    A value costs its length, and in a word with patterns the steps that matching one of them can
    take.
    """

    def __init__(self, values: Mapping[str, str], word: str) -> None:
        self._values = values
        self._size = self._longest = 0
        self._has_pattern = bool(_PATTERN.search(word))
        self._stars, self._length = word.count("*"), len(word)

    def get(self, key: str, default: object = None) -> str | None:  # type: ignore[override]
        """Return the value of a variable; None if it has none.

        Raises:
            _ExceededError: the values so far are too long.
        """
        del default
        value = self._values.get(key)
        if value:
            self._size += len(value)
            self._longest = max(self._longest, len(value))
            self._stars += value.count("*")
            if self._size > LONGEST_VALUE or (self._has_pattern and self._steps() > _MOST_STEPS):
                raise _ExceededError
        return value

    def _steps(self) -> int:
        stars = min(self._stars, _MOST_STARS)
        matched = comb(self._longest + stars, stars + 1)  # the places where the stars can end
        return max(matched, self._longest * (self._length + self._size))


_ANY, _OTHER = _AnyValues(value="\ue004"), _AnyValues(value="\ue005")
"""Two values that no pattern in a Dockerfile matches."""
_NONE: Mapping[str, str] = {}


@lru_cache(maxsize=1024)
def invalid_word(word: str, escape: str, *, skip_quotes: bool = False) -> str:
    r"""Return why a word cannot be read, whatever the values of its variables; empty if it can.

    Args:
        word: the word.
        escape: the Dockerfile's escape character.
        skip_quotes: whether quotes have no meaning, as in a here-document.

    >>> invalid_word("a${B", "\\"), invalid_word("a$B", "\\")
    ("syntax error: missing '}', in 'a${B'", '')
    """
    if not is_special(word, escape):
        return ""
    from e2b_dockerfile_utils import ShellLex

    try:
        ShellLex(escape, skip_process_quotes=skip_quotes, env=_ANY).process_word(word)
    except ValueError as error:
        reason = str(error).removeprefix(f"failed to process {word!r}: ")
        if reason.startswith("maximum recursion depth"):
            reason = "variables are nested too deeply"
        return f"{reason}, in {word.strip()!r}"
    return ""


@lru_cache(maxsize=1024)
def plain_word(word: str, escape: str) -> str | None:
    r"""Return a valid word without its quotes; None if it has variables.

    >>> plain_word("'a'b", "\\"), plain_word("$a", "\\")
    ('ab', None)
    """
    word = word.removeprefix("\ufeff")
    if not is_special(word, escape):
        return word
    from e2b_dockerfile_utils import ShellLex

    lexers = (ShellLex(escape, skip_unset_env=False, env=env) for env in (_ANY, _OTHER, _NONE))
    try:
        value, *others = {lexer.process_word(word) for lexer in lexers}
    except ValueError:  # it requires a variable
        return None
    return None if others else value


def expand_word(word: str, values: Mapping[str, str], escape: str) -> str:
    r"""Return a word without quotes, with the values of its variables; those without one are empty.

    A byte order mark at its start is ignored, as by BuildKit's scanner.

    Raises:
        LimitError: its values are too long.
        ValueError: it cannot be read.

    >>> expand_word("'a'$B$C", {"B": "b"}, "\\")
    'ab'
    """
    word = word.removeprefix("\ufeff")
    if not is_special(word, escape):
        return word
    try:
        limited = _LimitedValues(values, word)
        if _PLAIN.fullmatch(word):  # the most frequent words, without the costs of the lexer
            return _PLAIN_VARIABLE.sub(lambda match: limited.get(match[1] or match[2]) or "", word)
        from e2b_dockerfile_utils import ShellLex

        value = ShellLex(escape, env=limited, skip_unset_env=False).process_word(word)
        if len(value) <= max(len(word), LONGEST_VALUE):
            return value
    except _ExceededError:
        pass
    raise LimitError(f"the values of the variables in {word.strip()!r} are too long")


def is_special(word: str, escape: str) -> bool:
    """Return whether a word may contain variables, quotes or escapes."""
    return any(mark in word for mark in ("$", '"', "'", escape))
