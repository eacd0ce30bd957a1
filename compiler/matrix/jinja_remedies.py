"""Remedies for syntax errors of Jinja, from its messages."""

import re
from collections.abc import Mapping

from jinja2.filters import FILTERS as DEFAULT_FILTERS
from jinja2.tests import TESTS as DEFAULT_TESTS

from compiler.errors import did_you_mean
from compiler.matrix.jinja_versions import NAMES


_OPENED = re.compile(r"innermost block that needs to be closed is '(\w+)'|without `{% end(\w+)")
_READ = re.compile(r"is read as the number ([^:]+)")
_TAGS = ("if", "endif", "for", "endfor", "set", "include", "import", "macro", "raw", "block")
_BUILT_IN = "see the lists of filters and tests in the documentation of Jinja"
_METHODS = frozenset({"endswith", "removeprefix", "removesuffix", "split", "startswith", "strip"})
"""Methods of text that users look for among filters and tests."""
_LANGUAGES: Mapping[str, str] = {
    "block', got '='": "compare with `==`; assign with `{% set name = value %}`",
    "unexpected '='": "compare with `==`",
    "unexpected char '&'": "write `and`",
    "expected token 'name', got '|'": "write `or`; a filter has one `|`",
    "unexpected char '!'": "write `not`",
    "unexpected char '?'": "write `a if condition else b`",
    "block', got 'if'": "write `elif`",
    "expected token 'in', got": "write `{% for item in list %}`",
}
"""What Jinja says of the syntax of other languages -> what to write."""


def syntax_remedy(text: str, word: str) -> str:
    """Return the remedy for a syntax error, from Jinja's message."""
    if "No filter named" in text or "No test named" in text:
        return _remedy_of_name(text, word)
    if "unknown tag" in text:
        if word.startswith("end") or word in ("elif", "else"):
            return "remove it, or open its block above"
        return did_you_mean(word, _TAGS, otherwise=f"tags are {', '.join(_TAGS)}")
    opened = _OPENED.search(text)
    if opened:
        tag = opened[1] or opened[2]
        return f"add the `{{% end{tag} %}}` of its `{{% {tag} %}}`"
    if "is not allowed in text" in text:
        return "remove the escape"
    if "write it in quotes" in text:
        number = text.partition(" ")[0].strip("'")
        read = _READ.search(text)
        computed = f"for a number, {read[1]}; " if read else ""
        return f'write "{number}"; {computed}for a range of versions, `is version(">={number}")`'
    if text.endswith("unexpected '*'"):
        return "Jinja does not unpack lists: join them with `+`, as in `[a] + b`"
    written = (remedy for words, remedy in _LANGUAGES.items() if words in text)
    return next(written, None) or _meant_for_a_shell(text)


def _remedy_of_name(text: str, word: str) -> str:
    """Return the remedy for an unknown filter or test."""
    if word in _METHODS:
        return f"it is a method of text: write `value.{word}(...)`"
    if "No test named" in text:
        return did_you_mean(word, [*DEFAULT_TESTS, "version"], otherwise=_BUILT_IN)
    if word == "random":
        return "remove it: the same input must always produce the same output"
    return did_you_mean(word, [*DEFAULT_FILTERS, *NAMES, "slug"], otherwise=_BUILT_IN)


def _meant_for_a_shell(text: str) -> str:
    """Return the remedy for syntax that is meant for a shell or Docker."""
    if "comment" in text:
        return (
            "`{#` begins a Jinja comment: write `${{ '{#' }}arr[@]}` for the shell's `${#arr[@]}`"
        )
    if "unexpected '.'" in text or "expected token" in text or "unexpected char" in text:
        return "put text for a shell or Docker into `{% raw %}...{% endraw %}`"
    return "write an expression as `{{ name }}`, a statement as `{% if name %}`"
