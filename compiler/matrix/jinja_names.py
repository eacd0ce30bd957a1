"""Explain names that Jinja does not find, and calls that do not fit, in the terms of templates."""

import re
from collections.abc import Mapping, Sequence

from compiler.errors import did_you_mean, listed
from compiler.external.platforms import PlatformName


_QUOTED = re.compile(r"'([^']+)'")
_ATTRIBUTE = re.compile(r"'([\w.]+) object' has no attribute '(.+)'", re.DOTALL)
_EXPORT = re.compile(r"the template '(.+)' \(imported .*requested name '(.+)'", re.DOTALL)
_PARAMETER = re.compile(r"parameter '(\w+)' was not provided")
_ARGUMENTS = re.compile(
    r"(?:\w+\.)*(?:do_|sync_do_|is_)?(\w+)\(\) "
    r"(missing \d+ required .*arguments?: (.*)|takes .*given|got an unexpected .*)"
)
_MACRO = re.compile(r"macro '(\w+)' takes ")
_KINDS: Mapping[str, str] = {
    "NoneType": "null",
    "str": "text",
    "bool": "a boolean",
    "dict": "a mapping",
    **dict.fromkeys(("int", "float"), "a number"),
    "list": "a list",
}
_TYPE = r"'([\w.]+)'"
_OPERANDS = (
    (re.compile(rf"{_TYPE} object is not iterable"), "{} is not a list"),
    (
        re.compile(rf"the name of a template must be text, not {_TYPE}"),
        "the name of a template must be text, not {}",
    ),
    (re.compile(rf"argument of type {_TYPE} is not iterable"), "{} is not a list"),
    (re.compile(rf"{_TYPE} object cannot be interpreted as an integer"), "{} is not an integer"),
    (re.compile(rf"unsupported operand .*for (\S+): {_TYPE} and {_TYPE}"), "`{}` of {} and {}"),
    (re.compile(rf"'(\S+)' not supported between .*of {_TYPE} and {_TYPE}"), "`{}` of {} and {}"),
    (re.compile(rf"bad operand type for unary (\S+): {_TYPE}"), "`{}` of {}"),
)
"""Python's messages about the types of values, and what to say instead."""
_MISSING: Mapping[str, str] = {
    "list object has no element": "the list has no element",
    "dict object has no element": "the mapping has no key",
    "No first item, sequence was empty": "the list is empty: it has no first item",
    "No last item, sequence was empty": "the list is empty: it has no last item",
}
"""Jinja's words for a missing element -> what to say instead."""
_FILTERS: Mapping[str, str] = {
    "len": "length",
    "str": "string",
    "sorted": "sort",
    **{name: name for name in ("abs", "float", "int", "list", "max", "min", "round", "sum")},
}
"""Python's functions that are filters in Jinja."""
_NO_BLOCK = re.compile(r"there is no parent block called '(.+)'", re.DOTALL)
_PLATFORM = f"{PlatformName.__module__}.{PlatformName.__name__}"
_NONE = "no names are known here: declare a file under `data`"
_FALLBACK = "check the data, or add a fallback with `| default(...)`"


def explain_undefined(
    text: str, word: str, known: Sequence[str], keys: Sequence[str] = ()
) -> tuple[str, str, str]:
    """Return message, help and the affected word for Jinja's message of an undefined name.

    Args:
        text: the message.
        word: the first word in quotes.
        known: the names that are defined.
        keys: the keys or attributes of the value that lacks one.

    >>> explain_undefined("'dict object' has no attribute 'x'", "dict object", [])[0]
    "the mapping has no key 'x'"
    """
    if match := _ATTRIBUTE.match(text):
        message, help_ = _missing_attribute(match[1], match[2])
        return message, did_you_mean(match[2], keys, otherwise=help_), match[2]
    if match := _EXPORT.match(text):
        return *_missing_macro(match[1], match[2]), match[2]
    if missing := _missing_element(text):
        return *missing, word
    if match := _PARAMETER.match(text):
        help_ = f"pass it to the macro, or give it a default: `{match[1]}=''`"
        return f"the argument {match[1]!r} of the macro is missing", help_, word
    if word in known:
        return text, "import the macro `with context`, so that it sees this name", word
    if word in _FILTERS:
        return text, f"it is a filter: write `value | {_FILTERS[word]}`", word
    if word == "platform":
        return text, "only the strings of `platform-tags` see `platform`", word
    known_here = f"known names: {listed(sorted(known))}" if known else _NONE
    return text, did_you_mean(word, known, otherwise=known_here), word


def _missing_element(text: str) -> tuple[str, str] | None:
    """Return message and help for a missing element, key or block; None for other messages."""
    if match := _NO_BLOCK.match(text):
        help_ = "remove `super()`, or begin the template with `{% extends %}`"
        return f"no template above has a block {match[1]!r}", help_
    for words, plain in _MISSING.items():
        if words in text:
            return text.replace(words, plain), _FALLBACK
    return None


def _missing_attribute(kind: str, name: str) -> tuple[str, str]:
    if kind == _PLATFORM:
        help_ = "a platform has `os`, `arch` and `variant`"
        return f"'platform' has no attribute {name!r}", help_
    if kind.endswith(".TemplateModule"):
        return _missing_macro("", name)
    if kind == "dict":
        return f"the mapping has no key {name!r}", _FALLBACK
    return f"{_KINDS.get(kind, 'the value')} has no attribute {name!r}", _FALLBACK


def _missing_macro(template: str, name: str) -> tuple[str, str]:
    owner = repr(template) if template else "the imported template"
    return f"{owner} has no macro {name!r}", f"declare it there: `{{% macro {name}() %}}`"


def explain_call(text: str) -> tuple[str, str] | None:
    """Return message and help for Python's message of a call that does not fit; None for others.

    >>> explain_call("do_replace() missing 1 required positional argument: 'new'")
    ("`replace` needs the argument 'new'", 'see the arguments of this filter or function in the \
documentation of Jinja')
    """
    if match := _ARGUMENTS.match(text):
        name = match[1]
        if name in {"version", "matching"}:
            return f"`{name}` needs a range", f"write one: `{name}('>=3.10,<4')`"
        problem = f"needs the argument {match[3]}" if match[3] else "cannot be called like this"
        help_ = "see the arguments of this filter or function in the documentation of Jinja"
        return f"`{name}` {problem}", help_
    if _MACRO.match(text):
        return text, "pass the arguments that its `{% macro %}` declares"
    if "generator" in text:
        return "a filter returned its items one by one, not as a list", "add `| list` after it"
    if text.endswith("object is not callable"):
        quoted = _QUOTED.match(text)
        kind = quoted[1] if quoted else ""
        return f"{_KINDS.get(kind, 'this value')} cannot be called", "remove the parentheses"
    return None


def explain_operands(text: str) -> str:
    """Return Python's message about the types of values in the terms of templates.

    >>> explain_operands("unsupported operand type(s) for +: 'NoneType' and 'int'")
    '`+` of null and a number is not possible'
    >>> explain_operands("'NoneType' object is not iterable")
    'null is not a list'
    """
    for pattern, form in _OPERANDS:
        if match := pattern.match(text):
            message = form.format(*(_KINDS.get(word, word) for word in match.groups()))
            return f"{message} is not possible" if message.startswith("`") else message
    return text
