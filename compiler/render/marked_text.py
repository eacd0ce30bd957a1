"""Texts with marks that are shown only when they are printed; see `marked_templates`."""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any, Self

from jinja2.filters import do_trim


MARKS = re.compile("(\2[0-9()]+\3)")
"""Marks; sources reject the control characters in them."""
OPEN, CLOSE = "\2(\3", "\2)\3"
"""The marks around a text that is printed elsewhere."""


class MarkedText(str):
    """A text with marks that only its `str` has."""

    __slots__ = ("_marked",)
    _marked: str

    def __new__(cls, marked: str) -> Self:
        """Take the text with its marks."""
        made = super().__new__(cls, MARKS.sub("", marked))
        made._marked = marked
        return made

    def __str__(self) -> str:
        """Return the text with its marks, which is printed."""
        return self._marked


def with_marks(text: str) -> str:
    """Return a text that may contain marks."""
    return MarkedText(text) if OPEN[0] in text else text


def without_marks(value: Any) -> Any:
    """Return a value, or a text without its marks."""
    return value[:] if isinstance(value, MarkedText) else value


def shown(value: Any) -> Any:
    """Return a value, or a text with its marks."""
    return str(value) if isinstance(value, MarkedText) else value


def keeping_marks(function: Callable[..., Any], marked: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter that keeps the marks of its operand if it changes nothing else.

    Args:
        function: the filter.
        marked: the filter for a text with marks.
    """
    first = 1 if hasattr(function, "jinja_pass_arg") else 0

    @wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        values = [*map(without_marks, arguments)]
        plain = function(*values, **named)
        if not isinstance(arguments[first], MarkedText) or type(plain) is not str:
            return plain
        values[first] = str(arguments[first])
        result = marked(*values, **named)
        return with_marks(result) if MARKS.sub("", str(result)) == plain else plain

    return call


def trim(value: str, chars: str | None = None) -> str:
    """Trim a text as Jinja does, and keep the marks in it."""
    parts = MARKS.split(do_trim(value, chars))
    texts = parts[::2]
    for n, text in enumerate(texts):
        texts[n] = text.lstrip(chars)
        if texts[n]:
            break
    for n, text in reversed([*enumerate(texts)]):
        texts[n] = text.rstrip(chars)
        if texts[n]:
            break
    parts[::2] = texts
    return "".join(parts)
