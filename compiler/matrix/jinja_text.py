"""The text of a value, wherever a template makes text of it: printing, `~`, filters, formats.

`true` and `false` are lower case. Null, lists, mappings and other objects have no text: Python's
notation of them would end up in an image, and that of some differs from run to run.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from jinja2 import Undefined
from jinja2.environment import TemplateModule
from jinja2.filters import make_attrgetter
from jinja2.sandbox import SandboxedEnvironment
from jinja2.utils import pass_environment

from compiler.matrix.jinja_limits import NESTED, children, size
from compiler.matrix.unknown import UNKNOWN, UnknownValueError


TEXT_FILTERS = frozenset(
    {
        *("capitalize", "center", "e", "escape", "forceescape", "indent", "lower", "replace"),
        *("safe", "string", "striptags", "title", "trim", "truncate", "upper", "urlize"),
        *("wordcount", "wordwrap"),
    }
)
"""Filters whose operand is a text."""
NESTED_FILTERS = frozenset({"pprint", "urlencode", "xmlattr"})
"""Filters that print the values in their operand."""


class PrintedError(TypeError):
    """A value without a text is printed: null, a list, a mapping or another object."""


def as_text(value: Any) -> Any:
    """Return a text, or a value whose `str` is its text.

    Raises:
        PrintedError: the value has no text.
        UnknownValueError: the value is not known.
    """
    if isinstance(value, str):
        return value
    if value is True:
        return "true"
    if value is False:
        return "false"
    if value is None:
        raise PrintedError("null is printed")
    if isinstance(value, int | float | Undefined | TemplateModule):
        return value
    if isinstance(value, dict | set | frozenset):
        raise PrintedError("a mapping is printed")
    if isinstance(value, (Iterator, *NESTED)):
        raise PrintedError("a list is printed")
    if value is UNKNOWN:
        raise UnknownValueError
    raise PrintedError(f"{'a function' if callable(value) else 'an object'} is printed")


def check_nested(value: Any) -> Any:
    """Return a value for a filter that prints what is in it.

    Raises:
        PrintedError: it contains an object without a text.
        SecurityError: it is too large.
    """
    size(value)
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, NESTED):
            pending += children(item)
        elif item is not None:
            as_text(item)
    return value


class _Formatted(dict[Any, Any]):
    """The values of `'%(name)s' % values`; only those that the format uses need a text."""

    def __getitem__(self, key: Any) -> Any:
        return as_text(super().__getitem__(key))


def as_operand(values: Any) -> Any:
    """Return the right operand of `text % values`, with a text for each value that is printed.

    Raises:
        PrintedError: a value has no text.
    """
    if isinstance(values, tuple):
        return tuple(map(as_text, values))
    return _Formatted(values) if isinstance(values, Mapping) else as_text(values)


@pass_environment
def join(
    environment: SandboxedEnvironment, value: Any, d: Any = "", attribute: str | int | None = None
) -> str:
    """Return the texts of a list, joined: Jinja's filter, but with the text of each value.

    Raises:
        PrintedError: a value has no text.
    """
    items = value if attribute is None else map(make_attrgetter(environment, attribute), value)
    return str(as_text(d)).join(str(as_text(item)) for item in items)
