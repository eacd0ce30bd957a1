"""Strings of bake's syntax: variables are resolved when baking, other text is literal."""

import re
from collections.abc import Collection, Iterator, Mapping

from compiler.codes import Code
from compiler.errors import CompileError, did_you_mean
from compiler.matrix.jinja import VALUE_BRACE, VALUE_DOLLAR
from compiler.matrix.names import no_variable
from compiler.matrix.strings import TemplateString


class BakeString(str):
    """Text in bake's syntax: `${NAME}` is a variable, `$${` and `%%{` are literal."""

    __slots__ = ()


MOST_VARIABLES = 100
"""Uses of bake variables in one string, each of which repeats a value."""
_SPECIAL = re.compile(
    r"\$\$\{"  # a literal `${`, as the author writes it
    r"|\$\{(?:([A-Za-z][A-Za-z0-9_]*)\})?"  # a variable, or the beginning of something else
    rf"|\$(?={VALUE_BRACE})|{VALUE_DOLLAR}|{VALUE_BRACE}"  # `${` out of a value
    rf"|%(?=[{{{VALUE_BRACE}])"
)
_MARKED = re.compile(rf"[$%{VALUE_DOLLAR}{VALUE_BRACE}]")
_BRACES = frozenset({"{", VALUE_BRACE})
_TO_BAKE = {VALUE_BRACE: "{", "%": "%%", "$": "$$", "$${": "$${"}
_FROM_BAKE = re.compile(r"\$\$\{|%%\{|\$\{([A-Za-z][A-Za-z0-9_]*)\}")


def interpolate(text: TemplateString, rendered: str, variables: Collection[str]) -> BakeString:
    """Return rendered text in bake's syntax; only text of the author can name a variable.

    Args:
        text: the string that was rendered, for the location of an error.
        rendered: the text that Jinja rendered.
        variables: the declared bake variables.

    Raises:
        CompileError: `${` is not followed by the name of a declared variable and `}`, or there are
            too many variables.
    """
    if not _MARKED.search(rendered) or _is_plain(rendered, variables):
        return _counted(text, BakeString(rendered))

    def replaced(match: re.Match[str]) -> str:
        marker, name = match[0], match[1]
        if name is not None:
            if name not in variables:
                raise _undeclared(text, name, variables)
            if match.start() and rendered[match.start() - 1] in ("$", VALUE_DOLLAR):
                raise text.refusal(
                    Code.DOLLAR_BEFORE_VARIABLE,
                    f"a bake file cannot contain a `$` directly before `${{{name}}}`",
                    "put another character between them",
                    marker,
                )
            return marker
        if marker == "${":
            raise text.refusal(
                Code.INTERPOLATION,
                "`${` must be followed by the name of a bake variable and `}`",
                "write `${NAME}` for a variable, or `$${` for a literal `${`",
                marker,
            )
        if marker == VALUE_DOLLAR:
            return "$$" if rendered[match.end() : match.end() + 1] in _BRACES else "$"
        return _TO_BAKE[marker]

    return _counted(text, BakeString(_SPECIAL.sub(replaced, rendered)))


def _counted(text: TemplateString, result: BakeString) -> BakeString:
    """Return a text; more than `MOST_VARIABLES` variables in it are an error."""
    if result.count("${") > MOST_VARIABLES and len([*_uses(result)]) > MOST_VARIABLES:
        raise text.refusal(
            Code.TOO_LARGE,
            f"more than {MOST_VARIABLES} uses of bake variables in one text",
            "use fewer variables",
        )
    return result


def check_declared(text: TemplateString, variables: Collection[str]) -> None:
    """Check, without rendering a string, the bake variables that it names in any scope.

    Raises:
        CompileError: one of them is not declared, or a constant string is invalid for bake.
    """
    if text.constant is not None:
        interpolate(text, text.constant, variables)
        return
    for name in variables_in(text.printed().replace("%%{", "")):
        if name not in variables:
            raise _undeclared(text, name, variables)


def _undeclared(text: TemplateString, name: str, variables: Collection[str]) -> CompileError:
    return text.refusal(
        Code.UNDECLARED_VARIABLE,
        no_variable(name),
        did_you_mean(name, variables, otherwise="declare it under `variables`"),
        f"${{{name}}}",
    )


def _is_plain(rendered: str, variables: Collection[str]) -> bool:
    """Return whether text is literal except for declared variables: a fast check for most text."""
    if VALUE_DOLLAR in rendered or VALUE_BRACE in rendered or "$$" in rendered or "%" in rendered:
        return False
    for part in rendered.split("${")[1:]:
        name, brace, _ = part.partition("}")
        if not brace or name not in variables:
            return False
    return True


def substitute(text: str, values: Mapping[str, str]) -> str:
    """Resolve text in bake's syntax with these values of variables, as bake does."""
    if "{" not in text:
        return text
    if "$${" not in text and "%%{" not in text:  # most text
        before, *parts = text.split("${")
        for part in parts:
            name, _, after = part.partition("}")
            before += values[name] + after
        return before
    return _FROM_BAKE.sub(lambda match: values[match[1]] if match[1] else match[0][1:], text)


def variables_in(text: str) -> tuple[str, ...]:
    """Return the variables in a text of bake's syntax, in order, without repetitions."""
    return tuple(dict.fromkeys(_uses(text)))


def size_of(text: str, sizes: Mapping[str, int]) -> int:
    """Return the number of characters of a text in bake's syntax, given those of the variables.

    >>> size_of("v${A}.${A}", {"A": 3})
    16
    """
    return len(text) + sum(sizes[name] for name in _uses(text))


def _uses(text: str) -> Iterator[str]:
    """Yield the variable of each `${NAME}`."""
    return (match[1] for match in _FROM_BAKE.finditer(text) if match[1])
