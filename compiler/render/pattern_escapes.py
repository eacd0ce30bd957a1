r"""What a `\` means in patterns of COPY, and in those of ignore files.

In COPY it takes the character after it literally. BuildKit writes a pattern of an ignore file into
a regular expression of Go, with its classes, control characters and assertions.
"""

import re


CLASSES = {
    "d": "0-9",
    "D": r"\D",
    "s": r"\t\n\f\r ",
    "S": r"\S\v",
    "w": "0-9A-Za-z_",
    "W": r"\W",
}
"""Letter -> the members of its class, in a regular expression for ASCII."""
ASSERTIONS = {"A": r"\A", "b": r"(?a:\b)", "B": r"(?a:\B)", "z": r"\Z"}
"""Letter -> an expression that matches between characters."""

_CONTROL = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_NUMBER = re.compile(r"x([\dA-Fa-f]{2})|(0[0-7]{0,2}|[1-7][0-7]{1,2})", re.ASCII)


class PatternError(ValueError):
    """A pattern that BuildKit rejects, or that is not understood here."""


def escaped_character(pattern: str, at: int, *, is_ignore: bool) -> tuple[str, int]:
    r"""Return the character that an escape stands for, and where the escape ends.

    Args:
        pattern: the whole pattern.
        at: what follows the `\`.
        is_ignore: whether the pattern is one of an ignore file.

    Raises:
        PatternError: nothing follows, or BuildKit does not know the escape.

    >>> escaped_character("t", 0, is_ignore=False), escaped_character("t", 0, is_ignore=True)
    (('t', 1), ('\t', 1))
    """
    if at == len(pattern):
        raise PatternError(r"nothing follows `\`")
    character = pattern[at]
    if not is_ignore or (character.isascii() and not character.isalnum()):
        return character, at + 1
    if character in _CONTROL:
        return _CONTROL[character], at + 1
    number = _NUMBER.match(pattern, at)
    if number is None:
        raise PatternError(rf"invalid escape `\{character}` in a pattern")
    return chr(int(number[1], 16) if number[1] else int(number[2], 8)), number.end()
