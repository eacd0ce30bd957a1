"""Find further undefined names of a text: Jinja stops at the first.

After an error, the text is rendered again as if the likely remedy had been applied: the undefined
name has the value of the most similar name, or is an empty text if there is none, or if that value
causes another error. Other errors of this rendering may follow from that value, so they end the
search.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from compiler.codes import Code
from compiler.errors import Diagnostic, Location, nearest
from compiler.matrix.jinja_names import explain_undefined


_MOST = 10
"""Undefined names that are found in one text."""
_TAG = re.compile(r"\{[{%]([^{}%]*)[%}]\}")
_STRING = re.compile(r"'[^'\"]*'|\"[^'\"]*\"")
_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
_KEYWORDS = frozenset({"and", "elif", "else", "if", "in", "is", "not", "or"})
_UNDEFINED = re.compile(r"'(\w+)' is undefined\Z")


def further_errors(
    first: Diagnostic,
    scope: Mapping[str, Any],
    render: Callable[[Mapping[str, Any]], Diagnostic | None],
) -> Iterator[Diagnostic]:
    """Yield the undefined names of a text after the first one.

    Args:
        first: the error that rendering ends with.
        scope: the names that the text sees.
        render: renders the text with other names, and returns its first error.
    """
    known = [name for name, value in scope.items() if not callable(value)]
    replaced: dict[str, Any] = {}
    error: Diagnostic | None = first
    while error is not None and len(replaced) < _MOST:
        match = _UNDEFINED.match(error.message)
        if match is None or match[1] in {*known, *replaced}:
            return
        similar = nearest(match[1], known)
        replaced[match[1]] = scope[similar] if similar else ""
        error = render({**scope, **replaced})
        if similar and error is not None and error.code is not Code.UNDEFINED_NAME:
            replaced[match[1]] = ""
            error = render({**scope, **replaced})
        if error is None or error.code is not Code.UNDEFINED_NAME or _follows(error, known):
            return
        undefined = _UNDEFINED.match(error.message)
        if undefined is not None and undefined[1] in replaced:
            return
        if undefined is not None:
            # The help must not mention names that are undefined, too.
            error = replace(error, help=explain_undefined(error.message, undefined[1], known)[1])
        yield error


def _follows(error: Diagnostic, known: Collection[str]) -> bool:
    """Return whether an error may follow from a value that replaces an undefined name.

    A missing attribute or key does not, if all names on its line are those of the scope.
    """
    undefined = _UNDEFINED.match(error.message)
    if undefined is not None:
        return False
    text = error.location.text if isinstance(error.location, Location) else ""
    names = _NAME.findall(_STRING.sub("", " ".join(_TAG.findall(text))))
    return not {*names} - _KEYWORDS <= {*known}
