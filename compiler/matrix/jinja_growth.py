"""The costs of filters, tests and methods: a table of each.

What is in no table is rejected: a filter, test or method that a new version of Jinja or Python
adds is unusable until its cost is known.
"""

from collections.abc import Callable, Mapping
from typing import Any

from jinja2.runtime import LoopContext
from jinja2.utils import Cycler

from compiler.matrix import jinja_costs as costs
from compiler.matrix import jinja_version_costs as version_costs
from compiler.matrix.jinja_limits import ELEMENT, NESTED, Meter, size


Cost = Callable[..., int]
"""The arguments of a filter, test or method -> what it costs."""


def _first(_: Any, number: Any = 80, *__: Any, **more: Any) -> int:
    return costs.number(more.get("width", number))


def _elements(_: Any, number: Any = 0, *__: Any, **more: Any) -> int:
    return ELEMENT * costs.number(more.get("linecount", more.get("slices", number)))


def _escaped(value: Any, *_: Any, **__: Any) -> int:
    return costs.ESCAPED * size(value)


def listed(value: Any, *_: Any, **__: Any) -> int:
    """Return what a list of the elements of a value costs."""
    return ELEMENT * len(value) if isinstance(value, (str, *NESTED[:-1])) else 0


def _words(text: Any, *_: Any, **__: Any) -> int:
    return ELEMENT * (len(str(text)) // 2 + 1)


def free(*_: Any, **__: Any) -> int:
    """Return the cost of what takes the same time for all values."""
    return 0


FILTERS: Mapping[str, Cost] = {
    "batch": _elements,
    "center": _first,
    "dictsort": listed,
    "e": _escaped,
    "escape": _escaped,
    "forceescape": _escaped,
    "format": lambda text, *values, **named: costs.percent(str(text), values or named),
    "groupby": listed,
    "indent": costs.indented,
    "items": listed,
    "list": listed,
    "matching": version_costs.matching,
    "newest": version_costs.ordered,
    "oldest": version_costs.ordered,
    "pprint": costs.pretty,
    "replace": costs.replaced,
    "reverse": listed,
    "round": costs.rounded,
    "slice": _elements,
    "sort": listed,
    "striptags": costs.untagged,
    "sum": costs.summed,
    "title": _words,
    "tojson": costs.as_json,
    "trim": costs.stripped,
    "truncate": lambda _, *rest, **more: sum(map(size, (*rest, *more.values()))),
    "unique": listed,
    "urlencode": lambda value: 2 * _escaped(value),
    "urlize": costs.linked,
    "wordcount": _words,
    "wordwrap": costs.wrapped,
    "xmlattr": _escaped,
    **dict.fromkeys(
        (
            *("abs", "attr", "capitalize", "count", "d", "default", "filesizeformat", "first"),
            *("float", "int", "join", "last", "length", "lower", "map", "max", "min", "reject"),
            *("rejectattr", "safe", "select", "selectattr", "slug", "string", "upper"),
        ),
        free,
    ),
}
"""What each filter costs beyond the size of its operands."""
SHALLOW = frozenset(
    {
        *("attr", "batch", "count", "d", "default", "first", "items", "last", "length", "list"),
        *("map", "reject", "rejectattr", "reverse", "select", "selectattr", "slice"),
    }
)
"""Filters that do not look into the elements of their operand."""
PER_ITEM = frozenset(
    {
        *("groupby", "join", "map", "max", "min", "reject", "rejectattr", "select", "selectattr"),
        *("sort", "sum", "unique"),
    }
)
"""Filters that apply their arguments to each item."""
FREE = frozenset({"count", "d", "default", "length"})
"""Filters whose time does not depend on their operand."""

TESTS: Mapping[str, Cost] = {
    **dict.fromkeys(("==", "eq", "equalto", "!=", "ne"), costs.compared),
    **dict.fromkeys(("<", "lt", "lessthan", "<=", "le"), costs.compared),
    **dict.fromkeys((">", "gt", "greaterthan", ">=", "ge"), costs.compared),
    **dict.fromkeys(("odd", "even", "divisibleby"), costs.remainder),
    **dict.fromkeys(("lower", "upper"), lambda *values: sum(map(size, values))),
    "version": version_costs.compared_version,
    "in": costs.contained,
    **dict.fromkeys(("filter", "test"), costs.hashed),
    **dict.fromkeys(
        (
            *("boolean", "callable", "defined", "escaped", "false", "float", "integer"),
            *("iterable", "mapping", "none", "number", "sameas", "sequence", "string"),
            *("true", "undefined"),
        ),
        free,
    ),
}
"""What each test costs."""


def _with_text(cost: Cost = free) -> Cost:
    """Return the cost of a method that also reads its text and its arguments."""
    return lambda text, *rest, **more: (
        len(text) + sum(map(size, (*rest, *more.values()))) + cost(text, *rest, **more)
    )


_TEXT_METHODS: Mapping[str, Cost] = {
    "center": _with_text(_first),
    "escape": _with_text(_escaped),
    "expandtabs": _with_text(
        lambda text, number=8, **more: text.count("\t") * costs.number(more.get("tabsize", number))
    ),
    "join": _with_text(),
    "ljust": _with_text(_first),
    "lstrip": _with_text(costs.stripped),
    "replace": _with_text(costs.replaced),
    "rjust": _with_text(_first),
    "rsplit": _with_text(_words),
    "rstrip": _with_text(costs.stripped),
    "split": _with_text(_words),
    "splitlines": _with_text(lambda text, *_, **__: ELEMENT * (len(text) + 1)),
    "strip": _with_text(costs.stripped),
    "striptags": _with_text(costs.untagged),
    "zfill": _with_text(_first),
    **dict.fromkeys(
        (
            *("capitalize", "casefold", "count", "endswith", "find", "index", "isalnum"),
            *("isalpha", "isascii", "isdecimal", "isdigit", "isidentifier", "islower"),
            *("isnumeric", "isprintable", "isspace", "istitle", "isupper", "lower"),
            *("partition", "removeprefix", "removesuffix", "rfind", "rindex", "rpartition"),
            *("startswith", "swapcase", "title", "unescape", "upper"),
        ),
        _with_text(),
    ),
}
_SEARCHED: Cost = lambda owner, item=None, *_: costs.contained(item, owner)  # noqa: E731
METHODS: tuple[tuple[type | tuple[type, ...], Mapping[str, Cost]], ...] = (
    (str, _TEXT_METHODS),
    ((list, tuple, range), {"copy": listed, "count": _SEARCHED, "index": _SEARCHED}),
    (
        dict,
        {
            "copy": listed,
            "get": lambda _, key=None, *__: costs.hashed(key),
            **dict.fromkeys(("items", "keys", "values"), free),
        },
    ),
    (int, dict.fromkeys(("bit_count", "bit_length", "conjugate"), free)),
    (float, dict.fromkeys(("conjugate", "is_integer"), free)),
    (LoopContext, {"changed": lambda _, *values: sum(map(size, values)), "cycle": free}),
    (Cycler, {"next": free, "reset": free}),
    (Meter, {"counted": free}),
)
"""The methods of values that a template may call; each type has all that do not modify it."""
FORMATTING = frozenset({"format", "striptags", "unescape"})
"""Filters and methods that can produce control characters."""
