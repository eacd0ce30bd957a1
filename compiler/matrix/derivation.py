"""Derived variables: the part of another variable that a regular expression captures.

Bake evaluates `regex(PATTERN, TEXT)[0]`, with the syntax of RE2: no look-around, no references to
groups, and a time that is linear in the text. The library of RE2 evaluates it here with the same
result. Like bake, both sides are compared in Unicode's normal form C.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from unicodedata import normalize


MAX_PATTERN = 1000
"""The longest expression, in characters."""


_BYTE = re.compile(r"(?<!\\)(?:\\\\)*\\C")
"""`\\C`, which the library knows and bake does not."""


class ExpressionError(ValueError):
    """An expression cannot be used: what is wrong with it, and the remedy."""

    def __init__(self, message: str, help_: str) -> None:
        super().__init__(message)
        self.message, self.help = message, help_


@dataclass(frozen=True, slots=True)
class Derivation:
    """How a variable is derived: the first group that a pattern captures in another variable."""

    source: str
    """The name of the other variable."""
    pattern: str

    def apply(self, text: str) -> str | None:
        """Return what the first group captures in a text; None without a match."""
        match = _compiled(self.pattern).search(normalize("NFC", text))
        return None if match is None else match.group(1)


def check_syntax(pattern: str) -> None:
    """Check that a text is an expression of RE2.

    Raises:
        ExpressionError: it is too long or invalid.
    """
    if len(pattern) > MAX_PATTERN:
        raise ExpressionError(
            f"the expression is longer than {MAX_PATTERN} characters", "use a shorter one"
        )
    from re2 import error as InvalidExpression  # noqa: N812 - the library's name

    try:
        _compiled(pattern)
    except InvalidExpression as error:
        reason = error.args[0] if error.args else "it cannot be read"
        reason = reason.decode() if isinstance(reason, bytes) else str(reason)
        raise ExpressionError(
            f"invalid expression: {reason}",
            "write an expression of RE2 in single quotes: it has no look-around and no references",
        ) from None


def check_expression(pattern: str) -> None:
    """Check that bake can evaluate an expression, and that it captures a group.

    Raises:
        ExpressionError: it is too long or invalid, or it has no unnamed group, or a named one.
    """
    check_syntax(pattern)
    compiled = _compiled(pattern)
    if _BYTE.search(pattern):
        raise ExpressionError("bake does not know the escape `\\C`", "write `.` instead")
    if compiled.groupindex:
        raise ExpressionError(
            "the expression has a named group", "write a group without a name: (...)"
        )
    if not compiled.groups:
        raise ExpressionError(
            "the expression has no group", "put the part that is the value into parentheses"
        )


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    return re2.compile(normalize("NFC", pattern), options)
