"""Comparisons in templates; those whose result would surprise are errors with a remedy.

Values are text, so versions must not be compared as text or as numbers, in which 3.10 comes before
3.9. Only comparisons that fail are slow.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jinja2.filters import do_float


COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
    "in": lambda item, container: item in container,
    "notin": lambda item, container: item not in container,
}
SEARCHES = frozenset({"in", "notin"})

EQUAL = frozenset({"eq", "ne", "in", "notin"})
TESTS: Mapping[str, str] = {
    **dict.fromkeys(("eq", "equalto", "=="), "eq"),
    **dict.fromkeys(("ne", "!="), "ne"),
    **dict.fromkeys(("lt", "lessthan", "<"), "lt"),
    **dict.fromkeys(("le", "<="), "lteq"),
    **dict.fromkeys(("gt", "greaterthan", ">"), "gt"),
    **dict.fromkeys(("ge", ">="), "gteq"),
}
"""Jinja's test -> the comparison that it makes."""
_SYMBOLS = {"lt": "<", "lteq": "<=", "gt": ">", "gteq": ">=", "eq": "==", "ne": "!="}
_REVERSED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_VERSION = re.compile(r"v?\d+(?:\.\d+)*(?:[-.+]?[a-z][\w.+-]*)?", re.ASCII)
"""Texts that look like versions; a date with `-` does not."""
_THREE_PARTS = re.compile(r"v?\d+(?:\.\d+){2,}", re.ASCII)
_TRUTH = {"true": True, "false": False}
_TEST = 'compare versions with a test, such as `{} is version(">=1.2.3")`'


Names = Sequence[str | None]
"""The names of operands: empty for a constant, None for another expression."""


class ComparisonError(ValueError):
    """A comparison whose result would surprise, with what it compares."""

    def __init__(
        self, problem: str, left: object, symbol: str, right: object, names: Names = (None, None)
    ) -> None:
        """Take what is wrong with the comparison, its operands, and their names."""
        super().__init__(f"{left!r} {symbol} {right!r}: {problem}")
        self._problem, self._left, self._symbol, self._right = problem, left, symbol, right
        self._names = names

    def explain(self, scope: Mapping[str, Any]) -> tuple[str, str]:
        """Return the message, and what to write instead.

        Args:
            scope: the names that the template has looked up, to name what is compared.
        """
        name, other = (
            _name_of(value, scope) if name is None else name
            for name, value in zip(self._names, (self._left, self._right), strict=True)
        )
        left, right = name or repr(self._left), other or repr(self._right)
        message = f"`{left} {self._symbol} {right}` {self._problem}"
        if isinstance(self._left, bool):
            return message, self._truth(name or "x", self._right)
        if isinstance(self._right, bool):
            return message, self._truth(other or "x", self._left)
        # The bound is a number or a constant; otherwise it is the second operand.
        is_bound = not isinstance(self._left, str) or self._names[0] == "" or (other and not name)
        if not is_bound:
            return message, _range(name or "x", self._symbol, self._left, self._right)
        symbol = _REVERSED.get(self._symbol, self._symbol)
        return message, _range(other or "x", symbol, self._right, self._left)

    def _truth(self, name: str, text: object) -> str:
        """Return the help for a boolean that is compared with the text of one."""
        negation = "" if _TRUTH[str(text).lower()] is (self._symbol == "==") else "not "
        return f"test the boolean itself: `{{% if {negation}{name} %}}`"


class NotANumberError(ComparisonError):
    """A version with three or more parts is converted to a number, which would be 0."""

    def __init__(self, value: str) -> None:
        """Take the version."""
        super().__init__("is a version, not a number", value, "", "")
        self._value = value

    def explain(self, scope: Mapping[str, Any]) -> tuple[str, str]:
        """Return the message, and what to write instead."""
        name = _name_of(self._value, scope) or "x"
        message = f"{self._value!r} is a version, not a number"
        return message, _TEST.format(name)


def _range(name: str, symbol: str, value: object, bound: object) -> str:
    """Return the help for a value that is compared with a bound."""
    help_ = f'compare versions with `{name} is version("{symbol}{bound}")`'
    if isinstance(bound, int | float) and "." not in str(value):
        help_ += f", numbers with `{name} | {type(bound).__name__} {symbol} {bound}`"
    return help_


def _name_of(value: object, scope: Mapping[str, Any]) -> str:
    """Return the only name with a value; empty if there is none, or several."""
    same = [name for name, known in scope.items() if type(known) is type(value) and known == value]
    return same[0] if len(same) == 1 else ""


def check_texts(operation: str, left: Any, right: Any, names: Names) -> None:
    """Reject an ordered comparison of two versions or numbers as text.

    Raises:
        ComparisonError: both look like versions.
    """
    if not (isinstance(left, str) and isinstance(right, str)):
        return
    widths = _widths(left) if f"{left}{right}".replace(".", "").isdigit() else []
    if widths and widths == _widths(right):
        return  # ordered like numbers: 20260131, 7, 22.04
    if _VERSION.fullmatch(left) and _VERSION.fullmatch(right):
        problem = "compares text, in which 3.10 is less than 3.9"
        raise ComparisonError(problem, left, _SYMBOLS[operation], right, names)


def _widths(text: str) -> list[int]:
    """Return the lengths of the parts of a version; none if a part is not padded, as in 3.9."""
    parts = text.split(".")
    is_padded = len(parts) == 1 or all(len(part) > 1 for part in parts)
    return [len(part) for part in parts] if is_padded else []


def check_mixed(operation: str, left: Any, right: Any, names: Names) -> None:
    """Reject comparisons of a text with a number or a boolean that fail, or are always false.

    Raises:
        ComparisonError: the comparison is ordered, or compares a boolean with its name.
    """
    text, other = (left, right) if isinstance(left, str) else (right, left)
    if not isinstance(text, str) or other is None:
        return
    if operation not in ORDERED:
        if isinstance(other, bool) and text.lower() in _TRUTH:
            problem = "compares a boolean with text, which are never equal"
            raise ComparisonError(problem, left, _SYMBOLS[operation], right, names)
    elif not isinstance(other, bool):
        problem = "compares text with a number"
        raise ComparisonError(problem, left, _SYMBOLS[operation], right, names)


ORDERED = frozenset({"lt", "lteq", "gt", "gteq"})


def to_float(value: Any, default: float | None = None) -> float:
    """Return the filter `float` of a value.

    A default of the author is used for any text that is not a number.

    Raises:
        NotANumberError: the value is a version with three or more parts, such as 3.10.1.
    """
    if default is None and isinstance(value, str) and _THREE_PARTS.fullmatch(value):
        raise NotANumberError(value)
    return do_float(value, 0.0 if default is None else default)


def checked_tests() -> dict[str, Callable[[Any, Any], Any]]:
    """Return Jinja's tests that compare, such as `is ge`, with the checks of its operators."""

    def checked(operation: str) -> Callable[[Any, Any], Any]:
        def test(left: Any, right: Any) -> Any:
            if operation in ORDERED:
                check_texts(operation, left, right, (None, None))
            if isinstance(left, int | float) is not isinstance(right, int | float):
                check_mixed(operation, left, right, (None, None))
            return COMPARISONS[operation](left, right)

        return test

    return {name: checked(operation) for name, operation in TESTS.items()}
