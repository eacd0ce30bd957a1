"""What operations on values cost: an estimate before they are computed.

The unit is a character, or up to about a hundred nanoseconds. Estimates are upper bounds up to a
small factor; the tests measure every operation that a template can reach.
"""

import re
from collections.abc import ItemsView, Iterator, KeysView, Mapping
from typing import Any

from markupsafe import Markup

from compiler.matrix.jinja_limits import ELEMENT, NESTED, check_integer, depth, size


ESCAPED = 6
"""The longest replacement of one character by escaping for HTML."""
REPRESENTED = 10
"""The longest replacement of one character by `repr`."""
_COMPARED = 16
"""Characters of a text that are compared, searched or hashed for the cost of one."""
_WORD_PRODUCT = 1 << 16
"""Product of the bits of two numbers whose multiplication costs one character."""
_DIGITS = re.compile(r"\d+")
_FIELD = re.compile(r"[#0\- +]*(\*|\d+)?(?:\.(\*|\d+))?[hlL]?(.?)", re.DOTALL)
_LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"


def number(value: Any) -> int:
    """Return a number that is not negative; the size of any other value."""
    return max(value, 0) if isinstance(value, int) else size(value)


def growth_of_markup(*values: Any) -> int:
    """Return how many characters one character may become: more than one if any is markup."""
    return ESCAPED if any(isinstance(value, Markup) for value in values) else 1


def compared(left: Any, right: Any) -> int:
    """Return what `==` or `<` costs."""
    if isinstance(left, str) and isinstance(right, str):
        return min(len(left), len(right)) // _COMPARED
    if isinstance(left, NESTED) and isinstance(right, NESTED):
        return size(left) + size(right)
    return 0


def hashed(key: Any) -> int:
    """Return what looking up a key costs."""
    return len(key) // _COMPARED if isinstance(key, str) else size(key)


def contained(item: Any, container: Any) -> int:
    """Return what `item in container` costs."""
    if isinstance(container, str):
        return (len(container) + number_of_characters(item)) // _COMPARED
    if isinstance(container, dict | KeysView | ItemsView):
        return hashed(item)
    if isinstance(container, range):
        return 0 if type(item) is int else len(container)
    if not isinstance(container, NESTED):
        return 0
    if isinstance(item, NESTED):
        return size(container) + size(item)
    return _length(container) * (1 + number_of_characters(item) // _COMPARED)


def number_of_characters(value: Any) -> int:
    """Return the length of a text; 0 for any other value."""
    return len(value) if isinstance(value, str) else 0


def _length(value: Any) -> int:
    return len(value) if hasattr(value, "__len__") else 0


def integer(operator: str, left: int, right: int) -> int:
    """Return what an operation on integers costs.

    Raises:
        SecurityError: an operand or the result has too many bits.
    """
    first, second = left.bit_length(), right.bit_length()
    bits = max(first, second) + 1
    if operator == "**":
        bits = max(bits, first * max(right, 0))
    elif operator == "*":
        bits = first + second
    check_integer(bits)
    product = bits * bits if operator == "**" else first * second
    return bits // 8 + (product // _WORD_PRODUCT if operator not in "+-" else 0)


def width_of(spec: str) -> int:
    """Return the widths and precisions of a format specification, added up."""
    return sum(int(digits[:20]) for digits in _DIGITS.findall(spec))


def percent(text: Any, arguments: Any) -> int:
    """Return an upper bound of the length of `text % arguments`."""
    values = arguments if isinstance(arguments, tuple) else (arguments,)
    if len(values) == 1 and isinstance(values[0], Mapping):
        values = tuple(values[0].values())
    unit = growth_of_markup(text)
    total, stars = (16 if "%(" in text else 1) * unit * len(text), 0
    longest = unit * max((size(value) for value in values), default=0)
    total += longest
    for width, precision, conversion in _conversions(text):
        total += ELEMENT + longest * (REPRESENTED if conversion in "ra" else 1)
        for digits in (width, precision):
            stars += digits == "*"
            total += int(digits[:20]) if digits.isdecimal() else 0
    return total + stars * max((number(value) for value in values), default=0)


def _conversions(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield width, precision and kind of each conversion; keys may contain nested parentheses."""
    at = text.find("%")
    while at >= 0:
        at += 1
        if text.startswith("(", at):
            opened = 0
            while at < len(text):
                opened += {"(": 1, ")": -1}.get(text[at], 0)
                at += 1
                if not opened:
                    break
        field = _FIELD.match(text, at)
        if field is not None:
            yield field[1] or "", field[2] or "", field[3]
            at = field.end()
        at = text.find("%", at)


def replaced(text: Any, old: Any = "", new: Any = "", *_: Any, **__: Any) -> int:
    """Return what replacing costs."""
    unit = growth_of_markup(text, old, new)
    text, old, new = str(text), str(old), str(new)
    return unit * (len(text) + len(new) * (text.count(old) if old else len(text) + 1))


def _lines(text: Any) -> int:
    return sum(map(str(text).count, _LINE_ENDS)) + 1


def indented(text: Any, width: Any = 4, *_: Any, **__: Any) -> int:
    """Return what indenting costs."""
    return _lines(text) * (number(width) + ELEMENT)


def wrapped(text: Any, width: Any = 79, *rest: Any, wrapstring: Any = None, **_: Any) -> int:
    """Return what wrapping words costs; a long word is copied once for each of its lines."""
    separator = rest[1] if len(rest) > 1 else wrapstring
    plain, columns = str(text), max(number(width), 1)
    count = _lines(text) + 2 * (len(plain) // columns + 1)
    longest = max(map(len, plain.split()), default=0)
    copies = longest * longest // columns // 1024
    return count * (size(separator or "\n") + 16) + copies + ELEMENT * len(plain) // 2


def as_json(value: Any, indent: Any = None) -> int:
    """Return what JSON costs; each line is indented as deeply as it is nested."""
    total = size(value)
    return ESCAPED * total + total * number(indent or 0) * depth(value)


def pretty(value: Any) -> int:
    """Return what `pprint` costs, which formats a value again at each depth."""
    return 8 * size(value) * (depth(value) + 1)


def linked(text: Any, *rest: Any, **more: Any) -> int:
    """Return what `urlize` costs: it searches each word from each of its characters."""
    plain = str(text)
    words = sum(len(word) ** 2 for word in plain.split()) // 8
    return (len(plain) // 4 + 1) * (64 + sum(map(size, (*rest, *more.values())))) + words


def rounded(value: Any, precision: Any = 0, *_: Any, **__: Any) -> int:
    """Return what rounding costs; text and lists are repeated."""
    power = abs(precision) if isinstance(precision, int) else 0
    check_integer(4 * power)
    if isinstance(value, int | float):
        return size(value)
    return int(size(value) * 10 ** min(power, 20))


def stripped(text: Any, characters: Any = None, *_: Any, **more: Any) -> int:
    """Return what removing characters from the ends costs."""
    characters = more.get("chars", characters)
    return len(str(text)) * number_of_characters(characters) // 64


def untagged(text: Any) -> int:
    """Return what removing tags costs: the rest is copied for each."""
    plain = str(text)
    return plain.count("<") * (len(plain) // 64 + 8)


def summed(value: Any, _: Any = None, start: Any = 0, **__: Any) -> int:
    """Return what a sum costs; a sum of lists is copied for each."""
    total = ELEMENT * size(value) if isinstance(value, list | tuple) else 0
    return total + (_length(value) * total // 512 if isinstance(start, list | tuple) else 0)


def remainder(value: Any, divisor: Any = 2) -> int:
    """Return what `value % divisor` costs, which formats text."""
    if isinstance(value, str):
        return percent(value, divisor)
    if isinstance(value, int) and isinstance(divisor, int):
        return integer("%", value, divisor)
    return 0


def per_item(_: Any, *arguments: Any, **named: Any) -> int:
    """Return what the text arguments of a filter cost for each item, such as a path of names."""
    return 16 * sum(map(number_of_characters, (*arguments, *named.values())))


def looked_up(name: Any, *, is_new: bool) -> int:
    """Return the cost of finding a template; folders are read for a new name."""
    return size(name) + (1024 if is_new else 256)
