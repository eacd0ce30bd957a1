"""Expand the arguments in the image name of a `FROM`, as far as their values are known."""

import re
from collections.abc import Iterable, Mapping

from compiler.render.dockerfile import Argument
from compiler.render.shapes import Printed
from compiler.render.word_syntax import LONGEST_VALUE


_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(:?-)?([^{}$]*)\})", re.ASCII)


def expanded(
    name: str, arguments: Iterable[Argument], args: Mapping[str, str], printed: Printed
) -> str:
    """Return an image name with the values of its arguments; a `$` stays where one is not known.

    Values that are too long count as unknown.

    Args:
        name: the name in a `FROM`.
        arguments: the `ARG` before the first `FROM`, with marks.
        args: the build arguments of the target, without bake variables.
        printed: the words that the marks replace.
    """
    values: dict[str, str] = {}
    for argument in arguments:
        key = printed.restore(argument.name)
        if key in args:
            values[key] = args[key]
        elif argument.default is not None:
            default = printed.restore(argument.default)
            quoted = len(default) > 1 and default[0] == default[-1] and default[0] in "\"'"
            values[key] = _replaced(default[1:-1] if quoted else default, values)
    return _replaced(name, values)


def _replaced(text: str, values: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        plain, braced, operator, default = match.groups()
        known = values.get(plain or braced)
        if operator is None and default:
            return match[0]
        if operator is not None and (known is None or (operator == ":-" and not known)):
            return str(default)
        return match[0] if known is None else known

    used = (match[1] or match[2] for match in _VARIABLE.finditer(text))
    is_short = sum(len(values.get(name, "")) for name in used) <= LONGEST_VALUE
    return _VARIABLE.sub(value, text) if is_short else text
