"""Read the words of instructions that expand variables, as BuildKit's shell lexer does."""

from collections.abc import Mapping


class _AnyValues(dict[str, str]):
    """Variables that all have a value, so that the lexer looks at every modifier."""

    def get(self, key: str, default: object = None) -> str:
        """Return the same value for any name."""
        del key, default
        return self["value"]


_ANY, _OTHER = _AnyValues(value="\ue004"), _AnyValues(value="\ue005")
"""Two values that no pattern in a Dockerfile matches."""


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
        return f"{reason}, in {word.strip()!r}"
    return ""


def plain_word(word: str, escape: str) -> str | None:
    r"""Return a valid word without its quotes; None if it has variables.

    >>> plain_word("'a'b", "\\"), plain_word("$a", "\\")
    ('ab', None)
    """
    word = word.removeprefix("\ufeff")
    if not is_special(word, escape):
        return word
    from e2b_dockerfile_utils import ShellLex

    value, other = (ShellLex(escape, env=env).process_word(word) for env in (_ANY, _OTHER))
    return value if value == other else None


def expand_word(word: str, values: Mapping[str, str], escape: str) -> str:
    r"""Return a word without quotes, with the values of its variables; those without one are empty.

    A byte order mark at its start is ignored, as by BuildKit's scanner.

    Raises:
        ValueError: it cannot be read.

    >>> expand_word("'a'$B$C", {"B": "b"}, "\\")
    'ab'
    """
    word = word.removeprefix("\ufeff")
    if not is_special(word, escape):
        return word
    from e2b_dockerfile_utils import ShellLex

    return ShellLex(escape, env=values, skip_unset_env=False).process_word(word)


def is_special(word: str, escape: str) -> bool:
    """Return whether a word may contain variables, quotes or escapes."""
    return any(mark in word for mark in ("$", '"', "'", escape))
