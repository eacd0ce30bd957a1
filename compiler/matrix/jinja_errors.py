"""Exceptions of Jinja as diagnostics: location, message and remedy."""

import re
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any

from jinja2 import Template, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError

from compiler.codes import Code
from compiler.errors import Location
from compiler.matrix.jinja_comparisons import ComparisonError
from compiler.matrix.jinja_names import explain_call, explain_operands, explain_undefined
from compiler.matrix.jinja_remedies import syntax_remedy
from compiler.matrix.jinja_text import PrintedError
from compiler.matrix.jinja_undefined import UndefinedKeyError


_ANALYSED = "<introspection>"
"""Jinja's name for a text whose names are determined."""
_CALLS = 10
"""Calls of templates and macros that another reason for a deep stack may have, too."""


def place(error: BaseException) -> tuple[str | None, int]:
    """Return template name (or None) and line (from 1) at which an exception was raised."""
    if isinstance(error, TemplateSyntaxError):
        name = error.name or error.filename
        return None if name == _ANALYSED else name, error.lineno
    position: tuple[str | None, int] = (None, 1)
    for template, line in _calls(error):
        position = (template.name, template.get_corresponding_lineno(line))
        if isinstance(error, RecursionError):
            break  # the depth at which the stack ends is arbitrary
    return position


def _calls(error: BaseException) -> Iterator[tuple[Template, int]]:
    """Yield the calls of templates that led to an exception, each with the line of its code."""
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        template = trace.tb_frame.f_globals.get("__jinja_template__")
        if template is not None:
            yield template, trace.tb_lineno
        trace = trace.tb_next


def _names_at(error: BaseException) -> dict[str, Any]:
    """Return the names that the innermost template of an exception has looked up, with values."""
    names: dict[str, Any] = {}
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        if "__jinja_template__" in trace.tb_frame.f_globals:
            local = trace.tb_frame.f_locals.items()
            matches = ((_LOCAL.match(key), value) for key, value in local)
            names = {match[1]: value for match, value in matches if match}
        trace = trace.tb_next
    return names


def _test_for_null(error: BaseException) -> str:
    """Return the help for a value that is null, by its name if that is certain."""
    nulls = [name for name, value in _names_at(error).items() if value is None]
    name = nulls[0] if len(nulls) == 1 else "x"
    return f"test for null first: `{{% if {name} is not none %}}`"


_LOCAL = re.compile(r"l_\d+_(\w+)\Z")
"""How Jinja's code calls the value of a name."""
_NAMED = re.compile(r"'([^']+)'")
_VALUES = "check the values of its names; values are text"
_OPENING = re.compile(r"\{[{%]")
_CLOSING = re.compile(r"[}%]\}")


def find_name(text: str, name: str) -> int:
    """Return the offset of a name, preferably in an expression; -1 if it is missing.

    >>> find_name("python:{{ python }}", "python")
    10
    """
    if not name:
        return -1
    word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    for start, end in _expressions(text):
        match = word.search(text, start, end)
        if match:
            return match.start()
    return text.find(name)


def locate_word(path: str, lines: Sequence[str], line: int, word: str = "") -> Location:
    """Return the location of a word in a line of a template; without it, that of the line."""
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    column = find_name(text, word)
    if column < 0:
        column, word = len(text) - len(text.lstrip()), text.strip()
    return Location(path=path, line=line, column=column + 1, length=max(len(word), 1), text=text)


def _expressions(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the expressions and statements of a text begin and end, without delimiters."""
    at = 0
    while (opening := _OPENING.search(text, at)) and (
        closing := _CLOSING.search(text, opening.end())
    ):
        yield opening.end(), closing.start()
        at = closing.end()


def explain(error: Exception, known: Iterable[str]) -> tuple[Code, str, str, str]:
    """Return code, message, help and the affected word (or "") for an exception of Jinja.

    Args:
        error: the exception.
        known: the names that are defined.
    """
    text = str(error.message if isinstance(error, TemplateSyntaxError) else error).rstrip(".")
    quoted = _NAMED.search(text)
    word = quoted[1] if quoted else ""
    match error:
        case TemplateSyntaxError():
            return Code.TEMPLATE_SYNTAX, f"Jinja: {_lower(text)}", syntax_remedy(text, word), word
        case UndefinedError() if text.startswith("'None' has"):
            return Code.UNDEFINED_NAME, text.replace("'None'", "null", 1), _test_for_null(error), ""
        case UndefinedError():
            keys = error.known() if isinstance(error, UndefinedKeyError) else ()
            return Code.UNDEFINED_NAME, *explain_undefined(text, word, list(known), keys)
        case PrintedError():
            remedy = {
                "a list is printed": "use `| join(' ')` or `| tojson`",
                "a mapping is printed": "select one of its keys, or use `| tojson`",
                "a function is printed": "call it, or choose another name",
                "an object is printed": "print one of its attributes",
            }
            if text == "null is printed":
                return Code.UNPRINTABLE, text, _test_for_null(error), ""
            return Code.UNPRINTABLE, text, remedy[text], ""
        case ComparisonError():
            return Code.TEMPLATE_ERROR, *error.explain(_names_at(error)), ""
        case SecurityError() if "not allowed in text" in text:
            return Code.UNPRINTABLE, text, "print text without control characters", ""
        case SecurityError():
            large = "too large" in text or "too long" in text
            help_ = "use a smaller value" if large else "templates cannot access Python internals"
            return Code.UNSAFE_TEMPLATE, text, help_, ""
        case _:
            return *_computed(error, text), ""


def _explain_depth(error: RecursionError) -> tuple[Code, str, str]:
    """Return code, message and help for a stack that is too deep: by templates, or expressions."""
    if sum(1 for _ in _calls(error)) > _CALLS:
        message = "templates or macros use each other in a cycle, or too deeply"
        return Code.TEMPLATE_LOOP, message, "remove one of the references, or use a loop"
    return Code.TOO_DEEP, "the expression is nested too deeply", "use fewer levels"


def _computed(error: Exception, text: str) -> tuple[Code, str, str]:
    """Return code, message and help for an expression that cannot be evaluated."""
    match error:
        case RecursionError():
            return _explain_depth(error)
        case MemoryError():
            return Code.TEMPLATE_ERROR, "the expression needs too much memory", "use smaller values"
        case OverflowError():
            return Code.TEMPLATE_ERROR, text, "use smaller values"
        case ZeroDivisionError():
            return Code.TEMPLATE_ERROR, "division by zero", "test for 0 first"
        case _ if "invalid version range" in text:
            help_ = "write a range such as `>=3.12,<4`, with complete versions"
        case TypeError():
            return _explain_types(error, text)
        case ValueError() if "no version" in text or "number of versions" in text:
            help_ = "check the list and the range; prereleases count as versions"
        case _ if text.startswith(("No filter named", "No test named")):
            return Code.TEMPLATE_ERROR, _lower(text), syntax_remedy(text, _NAMED.findall(text)[0])
        case _:
            help_ = _VALUES
    return Code.TEMPLATE_ERROR, text or type(error).__name__, help_


def _explain_types(error: TypeError, text: str) -> tuple[Code, str, str]:
    """Return code, message and help for values whose types do not fit."""
    called = explain_call(text)
    if called is not None:
        return Code.TEMPLATE_ERROR, *called
    help_ = _VALUES
    if "'NoneType'" in text:
        help_ = _test_for_null(error)
    elif ("'int'" in text or '"int"' in text) and "str" in text:
        help_ = "values are text; convert them with `| int`"
    elif "of versions" in text:
        help_ = "filter a list of versions, such as `pythons | newest`; a number is an integer"
    return Code.TEMPLATE_ERROR, explain_operands(text) or type(error).__name__, help_


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
