"""Let filters, tests and methods charge what they cost before they compute it."""

from collections.abc import Callable, Iterator, Mapping
from types import BuiltinMethodType, MethodType
from typing import Any

from jinja2.exceptions import SecurityError

from compiler.matrix import jinja_costs as costs
from compiler.matrix.jinja_growth import (
    FILTERS,
    FORMATTING,
    FREE,
    METHODS,
    PER_ITEM,
    SHALLOW,
    TESTS,
    Cost,
    listed,
)
from compiler.matrix.jinja_limits import NESTED, Meter, check_integer, check_text, size
from compiler.matrix.jinja_text import NESTED_FILTERS, TEXT_FILTERS, as_text, check_nested
from compiler.matrix.jinja_version_costs import counted_items
from compiler.matrix.jinja_versions import NAMES as VERSION_FILTERS
from compiler.matrix.unknown import UNKNOWN, UnknownValueError


_CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(TEXT_FILTERS, as_text),
    **dict.fromkeys(NESTED_FILTERS, check_nested),
    **dict.fromkeys(VERSION_FILTERS, counted_items),
}
"""Filter -> what its operand becomes."""


_PASSED = "jinja_pass_arg"
"""Attribute of a function to which Jinja passes its context, environment or evaluation context."""


def method_cost(method: Any) -> Cost | None:
    """Return the cost of a method of a value; None for any other callable.

    Raises:
        SecurityError: templates may not call this method.
    """
    if not isinstance(method, MethodType | BuiltinMethodType):
        return None
    owner = method.__self__
    methods = next((methods for kinds, methods in METHODS if isinstance(owner, kinds)), {})
    cost = methods.get(method.__name__)
    if cost is None:
        raise SecurityError(f"templates cannot call {method.__name__!r} of this value")
    return cost


def limited_method(method: Any, cost: Cost, meter: Meter) -> Callable[..., Any]:
    """Return a method that charges what it costs."""
    owner = method.__self__

    def call(*arguments: Any, **named: Any) -> Any:
        meter.charge(cost(owner, *arguments, **named))
        if method.__name__ == "join":
            extra = len(owner) * costs.growth_of_markup(owner)
            arguments = (meter.counted(arguments[0], extra), *arguments[1:])
        result = method(*arguments, **named)
        return check_text(result) if method.__name__ in FORMATTING else result

    return call


def limited_test(name: str, function: Callable[..., Any], meter: Meter) -> Callable[..., Any]:
    """Return a test that charges what it costs, and does not answer for unknown values.

    Raises:
        KeyError: the cost of the test is not known.
    """
    cost, first = TESTS[name], 1 if hasattr(function, _PASSED) else 0

    def call(*arguments: Any, **named: Any) -> Any:
        if any(argument is UNKNOWN for argument in arguments):
            raise UnknownValueError
        meter.charge(cost(*arguments[first:], *named.values()))
        return function(*arguments, **named)

    return _passing_like(function, call)


def limited_filter(name: str, function: Callable[..., Any], meter: Meter) -> Callable[..., Any]:
    """Return a filter that charges its operands, what it costs, and its result.

    Raises:
        KeyError: the cost of the filter is not known.
    """
    cost, first = FILTERS[name], 1 if hasattr(function, _PASSED) else 0
    is_shallow, is_free = name in SHALLOW, name in FREE
    is_per_item = name in PER_ITEM
    convert = _CONVERSIONS.get(name)

    def call(*arguments: Any, **named: Any) -> Any:
        passed, operands = arguments[:first], arguments[first:]
        if convert is not None and operands and type(operands[0]) is not str:
            operands = (convert(operands[0]), *operands[1:])
        if name == "format":
            operands = (*operands[:1], *map(as_text, operands[1:]))
            named = {key: as_text(value) for key, value in named.items()}
        for operand in () if is_free else (*operands, *named.values()):
            if type(operand) is str:
                meter.charge(len(operand))
            elif is_shallow:
                meter.charge(listed(operand) // 8)
            else:
                meter.charge(size(operand))
        meter.charge(cost(*operands, **named))
        if is_per_item and operands:
            operands = (_metered(operands, named, meter, join=name == "join"), *operands[1:])
        result = function(*passed, *operands, **named)
        if isinstance(result, Iterator):
            return meter.counted(result)
        if isinstance(result, int):
            check_integer(result.bit_length())
        return check_text(result) if name in FORMATTING else result

    return _passing_like(function, call)


def _passing_like(function: Callable[..., Any], call: Callable[..., Any]) -> Callable[..., Any]:
    """Return the second function, to which Jinja passes the same argument as to the first.

    `functools.wraps` would do more: it takes most of the time of creating an environment.
    """
    passed = getattr(function, _PASSED, None)
    if passed is not None:
        setattr(call, _PASSED, passed)
    return call


def _metered(
    operands: tuple[Any, ...], named: Mapping[str, Any], meter: Meter, *, join: bool
) -> Any:
    """Return the items of a filter; charge what its text arguments cost for each of them."""
    items = operands[0]
    extra = costs.per_item(*operands, **named)
    if join:
        separator = named.get("d", operands[1] if len(operands) > 1 else "")
        return meter.counted(items, extra + size(separator) * costs.ESCAPED)
    if not extra:
        return items
    if isinstance(items, Iterator):
        return meter.counted(items, extra)
    if isinstance(items, (str, *NESTED)) and hasattr(items, "__len__"):
        meter.charge(extra * len(items))
    return items
