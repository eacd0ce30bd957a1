"""What failed in a template: where it is, in which words, with which remedy."""

import re
from collections.abc import Iterable
from types import TracebackType

from jinja2 import TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS as DEFAULT_FILTERS
from jinja2.tests import TESTS as DEFAULT_TESTS

from compiler.codes import Code
from compiler.errors import did_you_mean
from compiler.matrix.jinja import PrintedError


def place(error: BaseException) -> tuple[str | None, int]:
    """Find where in a template an exception arose: (template name or None, line from 1)."""
    if isinstance(error, TemplateSyntaxError):
        return error.name or error.filename, error.lineno
    found: tuple[str | None, int] = (None, 1)
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        template = trace.tb_frame.f_globals.get("__jinja_template__")
        if template is not None:
            found = (template.name, template.get_corresponding_lineno(trace.tb_lineno))
            if isinstance(error, RecursionError):
                break  # where it ran out of stack is chance
        trace = trace.tb_next
    return found


_NAMED = re.compile(r"'([^']+)'")
_TAGS = ("if", "endif", "for", "endfor", "set", "include", "import", "macro", "raw", "block")
_EXPRESSION = re.compile(r"\{[{%](.*?)[}%]\}", re.DOTALL)


def find_name(text: str, name: str) -> int:
    """Return where a template reads a name: best in an expression, else anywhere; -1 if nowhere.

    >>> find_name("python:{{ python }}", "python")
    10
    """
    if not name:
        return -1
    word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    for expression in _EXPRESSION.finditer(text):
        found = word.search(text, *expression.span(1))
        if found:
            return found.start()
    return text.find(name)


def explain(error: Exception, known: Iterable[str]) -> tuple[Code, str, str, str]:
    """Put a failure of Jinja in words: (code, message, help, the word that is meant or "").

    Args:
        error: what Jinja raised.
        known: the names that could have been meant.
    """
    text = str(error.message if isinstance(error, TemplateSyntaxError) else error).rstrip(".")
    quoted = _NAMED.search(text)
    word = quoted[1] if quoted else ""
    match error:
        case TemplateSyntaxError():
            return Code.TEMPLATE_SYNTAX, f"Jinja: {_lower(text)}", _remedy(text, word), word
        case UndefinedError():
            names = list(known)
            known_here = f"known here: {', '.join(sorted(names))}" if names else ""
            help_ = did_you_mean(word, names, otherwise=known_here)
            if " has no attribute " in text:
                word = _NAMED.findall(text)[-1]
                help_ = "look at what the data holds, or give a fallback with `| default(...)`"
            return Code.UNDEFINED_NAME, text, help_, word
        case PrintedError():
            remedy = {
                "null is printed": "test it first: `{% if x is not none %}`",
                "a list is printed": "join it: `| join(' ')`, or `| tojson`",
                "a mapping is printed": "name one of its keys, or `| tojson`",
                "a function is printed": "call it, or choose another name",
            }
            return Code.UNPRINTABLE, text, remedy[text], ""
        case SecurityError():
            large = "too large" in text or "too long" in text
            help_ = "make less of it" if large else "templates may not reach into Python"
            return Code.UNSAFE_TEMPLATE, text, help_, ""
        case _:
            return *_computed(error, text), ""


def _computed(error: Exception, text: str) -> tuple[Code, str, str]:
    """Put in words what fails where an expression is computed: (code, message, help)."""
    match error:
        case RecursionError():
            return Code.TEMPLATE_LOOP, "templates include one another without end", "break the loop"
        case MemoryError():
            return Code.TEMPLATE_ERROR, "this takes more memory than there is", "make less of it"
        case OverflowError():
            return Code.TEMPLATE_ERROR, text, "make less of it"
        case ZeroDivisionError():
            return Code.TEMPLATE_ERROR, "division by zero", "test first that it is not 0"
        case TypeError() if "'int'" in text and "'str'" in text:
            help_ = "a value as written is text: `| int` makes a number of it"
        case _ if "no loader" in text:
            return Code.TEMPLATE_ERROR, "nothing can be included here", "include it in a template"
        case _ if "is no version range" in text:
            help_ = "write it as in `>=3.12,<4`, each version in full"
        case _:
            help_ = "look at what the names in it hold; a value as written is text"
    return Code.TEMPLATE_ERROR, text or type(error).__name__, help_


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _remedy(text: str, word: str) -> str:
    """Return what to do about a syntax error, by Jinja's own words for it."""
    if "No filter named 'random'" in text:
        return "do without: one input must give one output"
    if "No filter named" in text:
        return did_you_mean(word, [*DEFAULT_FILTERS, "slug"])
    if "No test named" in text:
        return did_you_mean(word, [*DEFAULT_TESTS, "version"])
    if "unknown tag" in text:
        if word.startswith("end") or word in ("elif", "else"):
            return "it closes nothing: remove it, or open its block above"
        return did_you_mean(word, _TAGS, otherwise=f"there are {', '.join(_TAGS)}")
    opened = re.search(r"innermost block that needs to be closed is '(\w+)'", text)
    if opened:
        return f"add the `{{% end{opened[1]} %}}` of its `{{% {opened[1]} %}}`"
    if "cannot be part of a text" in text:
        return "remove the escape"
    return _meant_for_a_shell(text)


def _meant_for_a_shell(text: str) -> str:
    """Give the remedy where Jinja read what a shell or Docker should have."""
    if "comment" in text:
        return (
            "`{#` opens a comment of Jinja: write `${{ '{#' }}arr[@]}` for a shell's `${#arr[@]}`"
        )
    if "unexpected '.'" in text or "expected token" in text or "unexpected char" in text:
        return "if it is meant for a shell or Docker, wrap it in `{% raw %}...{% endraw %}`"
    return "an expression is written `{{ name }}`, a statement `{% if name %}`"
