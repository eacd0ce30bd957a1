"""How much filters and methods allocate: a table of each, and the wrappers that charge it.

A filter or method in no table is rejected: one that a new version of Jinja or Python adds is
unusable until its growth is known.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from types import BuiltinMethodType, MethodType
from typing import Any

from jinja2.exceptions import SecurityError

from compiler.matrix.jinja_limits import ELEMENT, NESTED, Meter, check_integer, check_text, size


_ESCAPED = 6
"""The longest replacement of one character by escaping."""
_CONVERSION = re.compile(r"%(?:\([^)]*\))?[#0\- +]*(\*|\d+)?(?:\.(\*|\d+))?")
_DIGITS = re.compile(r"\d+")


def _number(value: Any) -> int:
    return max(value, 0) if isinstance(value, int) else size(value)


def width_of(spec: str) -> int:
    """Return the widths and precisions of a format specification, added up."""
    return sum(int(digits[:20]) for digits in _DIGITS.findall(spec))


def percent(text: Any, arguments: Any) -> int:
    """Return an upper bound of the length of `text % arguments`."""
    values = arguments if isinstance(arguments, tuple) else (arguments,)
    if len(values) == 1 and isinstance(values[0], Mapping):
        values = tuple(values[0].values())
    total, stars = len(text), 0
    longest = max((size(value) for value in values), default=0)
    for width, precision in _CONVERSION.findall(text):
        total += longest
        for number in (width, precision):
            stars += number == "*"
            total += int(number[:20]) if number.isdecimal() else 0
    return total + stars * max((_number(value) for value in values), default=0)


def _replaced(text: Any, old: Any = "", new: Any = "", *_: Any, **__: Any) -> int:
    text, old, new = str(text), str(old), str(new)
    return len(text) + len(new) * (text.count(old) if old else len(text) + 1)


def _lines(text: Any) -> int:
    return str(text).count("\n") + 1


def _indented(text: Any, width: Any = 4, *_: Any, **__: Any) -> int:
    return _lines(text) * _number(width)


def _wrapped(text: Any, width: Any = 79, *rest: Any, wrapstring: Any = None, **_: Any) -> int:
    separator = rest[1] if len(rest) > 1 else wrapstring
    count = _lines(text) + 2 * (len(str(text)) // max(_number(width), 1) + 1)
    return count * size(separator or "\n")


def _as_json(value: Any, indent: Any = None) -> int:
    total = size(value)
    return _ESCAPED * total + total * _number(indent or 0)


def _linked(text: Any, *rest: Any, **more: Any) -> int:
    return (len(str(text)) // 4 + 1) * (64 + sum(map(size, (*rest, *more.values()))))


def _rounded(value: Any, precision: Any = 0, *_: Any, **__: Any) -> int:
    check_integer(4 * abs(precision) if isinstance(precision, int) else 0)
    return size(value)


def _first(_: Any, number: Any = 80, *__: Any, **more: Any) -> int:
    return _number(more.get("width", number))


def _elements(_: Any, number: Any = 0, *__: Any, **more: Any) -> int:
    return ELEMENT * _number(more.get("linecount", more.get("slices", number)))


def _escaped(value: Any, *_: Any, **__: Any) -> int:
    return _ESCAPED * size(value)


def _listed(value: Any, *_: Any, **__: Any) -> int:
    return ELEMENT * len(value) if isinstance(value, (str, *NESTED[:-1])) else 0


def _added(value: Any, *_: Any, **__: Any) -> int:
    return ELEMENT * size(value) if isinstance(value, list | tuple) else 0


def _same(*_: Any, **__: Any) -> int:
    return 0


Growth = Callable[..., int]
"""The arguments of a filter or method -> characters that it may allocate beyond its operands."""

FILTERS: Mapping[str, Growth] = {
    "batch": _elements,
    "center": _first,
    "dictsort": _listed,
    "e": _escaped,
    "escape": _escaped,
    "forceescape": _escaped,
    "format": lambda text, *values, **named: percent(str(text), values or named),
    "groupby": _listed,
    "indent": _indented,
    "items": _listed,
    "list": _listed,
    "matching": _listed,
    "newest": _listed,
    "oldest": _listed,
    "pprint": lambda value: 2 * size(value),
    "replace": _replaced,
    "reverse": _listed,
    "round": _rounded,
    "slice": _elements,
    "sort": _listed,
    "sum": _added,
    "tojson": _as_json,
    "truncate": lambda _, *rest, **more: sum(map(size, (*rest, *more.values()))),
    "unique": _listed,
    "urlencode": lambda value: 2 * _escaped(value),
    "urlize": _linked,
    "wordwrap": _wrapped,
    "xmlattr": _escaped,
    **dict.fromkeys(
        (
            *("abs", "attr", "capitalize", "count", "d", "default", "filesizeformat", "first"),
            *("float", "int", "join", "last", "length", "lower", "map", "max", "min", "reject"),
            *("rejectattr", "safe", "select", "selectattr", "slug", "string", "striptags"),
            *("title", "trim", "upper", "wordcount"),
        ),
        _same,
    ),
}
SHALLOW = frozenset(
    {
        *("attr", "batch", "count", "d", "default", "first", "items", "last", "length", "list"),
        *("map", "reject", "rejectattr", "reverse", "select", "selectattr", "slice"),
    }
)
"""Filters that do not look into the elements of their operand."""

_TEXT_METHODS: Mapping[str, Growth] = {
    "center": _first,
    "escape": _escaped,
    "expandtabs": lambda text, number=8, **more: (
        text.count("\t") * _number(more.get("tabsize", number))
    ),
    "join": _same,
    "ljust": _first,
    "replace": _replaced,
    "rjust": _first,
    "rsplit": lambda text, *_, **__: ELEMENT * (len(text) // 2 + 1),
    "split": lambda text, *_, **__: ELEMENT * (len(text) // 2 + 1),
    "splitlines": lambda text, *_, **__: ELEMENT * (len(text) + 1),
    "zfill": _first,
    **dict.fromkeys(
        (
            *("capitalize", "casefold", "count", "endswith", "find", "index", "isalnum"),
            *("isalpha", "isascii", "isdecimal", "isdigit", "isidentifier", "islower"),
            *("isnumeric", "isprintable", "isspace", "istitle", "isupper", "lower", "lstrip"),
            *("partition", "removeprefix", "removesuffix", "rfind", "rindex", "rpartition"),
            *("rstrip", "startswith", "strip", "striptags", "swapcase", "title", "unescape"),
            "upper",
        ),
        _same,
    ),
}
_SEQUENCE_METHODS = dict.fromkeys(("copy", "count", "index"), _listed)
METHODS: tuple[tuple[type | tuple[type, ...], Mapping[str, Growth]], ...] = (
    (str, _TEXT_METHODS),
    ((list, tuple), _SEQUENCE_METHODS),
    (dict, {"copy": _listed, **dict.fromkeys(("get", "items", "keys", "values"), _same)}),
    (int, dict.fromkeys(("bit_count", "bit_length", "conjugate"), _same)),
    (float, dict.fromkeys(("conjugate", "is_integer"), _same)),
    ((bytes, bytearray, set, frozenset, complex, type), {}),
)
"""The methods of values that a template may call; each type has all that do not modify it."""
FORMATTING = frozenset({"format", "striptags", "unescape"})
"""Filters and methods that can produce control characters."""


def method_growth(method: Any) -> Growth | None:
    """Return the growth of a method of a built-in value; None for any other callable.

    Raises:
        SecurityError: templates may not call this method.
    """
    if not isinstance(method, MethodType | BuiltinMethodType):
        return None
    for kind, methods in METHODS:
        if isinstance(method.__self__, kind):
            growth = methods.get(method.__name__)
            if growth is None:
                raise SecurityError(f"templates cannot call {method.__name__!r} of this value")
            return growth
    return None


def limited_method(method: Any, growth: Growth, meter: Meter) -> Callable[..., Any]:
    """Return a method that charges what it allocates."""
    owner = method.__self__

    def call(*arguments: Any, **named: Any) -> Any:
        meter.charge(growth(owner, *arguments, **named))
        meter.charge(sum(map(size, (owner, *arguments, *named.values()))))
        if method.__name__ == "join":
            arguments = (meter.counted(arguments[0], len(owner)), *arguments[1:])
        result = method(*arguments, **named)
        return check_text(result) if method.__name__ in FORMATTING else result

    return call


def limited_filter(name: str, function: Callable[..., Any], meter: Meter) -> Callable[..., Any]:
    """Return a filter that charges its operands, what it allocates, and its result.

    Raises:
        KeyError: the growth of the filter is not known.
    """
    growth, first = FILTERS[name], 1 if hasattr(function, "jinja_pass_arg") else 0

    @wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        passed, operands = arguments[:first], arguments[first:]
        for operand in (*operands, *named.values()):
            if type(operand) is str:
                meter.charge(len(operand))
            elif name in SHALLOW:
                meter.charge(_listed(operand) // 8)
            else:
                meter.charge(size(operand))
        meter.charge(growth(*operands, **named))
        if name == "join":
            separator = size(named.get("d", operands[1] if len(operands) > 1 else ""))
            operands = (meter.counted(operands[0], separator), *operands[1:])
        result = function(*passed, *operands, **named)
        if isinstance(result, Iterator):
            return meter.counted(result)
        return check_text(result) if name in FORMATTING else result

    return call
